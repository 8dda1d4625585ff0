"""A scanner without a keyboard joins: from a ticket at its reader to the first receipt, every part a real process."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chain_world import Chain, Gate, Process, chain
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from province_world import ROOT, Broker, cli, free_port

from edge_agent.device.control import Tried, ticket_message, tried_message
from edge_agent.device.documents import FILE_NAME as DOCUMENTS
from edge_agent.device.identity import FOLDER, load
from edge_agent.wire.ticket import Ticket, issue, peek
from edge_agent.wire.topics import DeviceName
from firmware.control_server import ControlServer
from province.demo.synthetic import synthetic_people
from province.store import database
from province.trust import broker_config

NAME = DeviceName("cho-dong-ba", "cong-1")
SITE = ("--site", "cho-dong-ba", "--gate", "Cổng chính")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Chain]:
    with chain(tmp_path, enrolled=False, name=NAME) as made:
        added = cli(
            "site", "add", made.layout.root, "--id", "cho-dong-ba", "--org", NAME.org, "--name", "Chợ Đông Ba", "--category", "market",
            "--address", "2 Trần Hưng Đạo, Huế", "--gate", "Cổng chính", "--gate", "Cổng sau", "--new-org",
        )  # fmt: skip
        assert added.returncode == 0, added.stderr
        made.broker.start()
        made.collect()
        made.admit()
        yield made


def ticket(world: Chain, *words: str, device: str = "cong-1") -> str:
    made = cli("ticket", world.layout.root, *(words or (*SITE, "--device", device)), "--json")
    assert made.returncode == 0, made.stderr
    return str(json.loads(made.stdout)["ticket"])


def enrol(gate: Gate, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge_agent", "enrol", *words, "--config", str(gate.config)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)


def status(gate: Gate, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge_agent", "status", *words, "--config", str(gate.config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)
    assert done.returncode == 1, "it carries nothing yet"
    return done


def test_from_a_ticket_at_the_reader_to_the_first_receipt(world: Chain) -> None:
    gate, people = world.gate, synthetic_people(3, seed=5)
    gate.agent.start()
    gate.firmware.start()
    gate.await_line("not enrolled, show a ticket")
    gate.firmware.wait_until_logged("lane in: working")
    assert gate.present(people[0]) == "refused"  # nobody is recorded by a device that belongs to nobody
    told = status(gate)
    assert "agent     running, not enrolled: waiting for a ticket" in told.stdout
    assert "firmware  running, not enrolled: waiting for a ticket" in told.stdout
    assert "start it with" not in told.stdout
    machines = json.loads(status(gate, "--json").stdout)
    assert (machines["device"], machines["agent"]["connected"], machines["firmware"]["sources"]) == (None, False, {"in": "working"})
    gate.port.send(ticket(world).encode() + b"\r\n")
    gate.await_line("ready")
    gate.pass_by(people)
    world.wait_until_receipted()
    assert world.passages_of(people) == [1, 1, 1]
    who = load(gate.state)
    assert (who.name, who.site, who.gate) == (NAME, "Chợ Đông Ba", "Cổng chính")
    assert "unenrolled" not in gate.agent.log()


def test_whoever_installs_sees_what_is_wrong_with_a_ticket(world: Chain) -> None:
    gate = world.gate
    used, good = ticket(world), ticket(world, device="cong-2")
    with Gate.bare(gate.state.parent / "other") as other:
        assert enrol(other, "--ticket", used).returncode == 0
    nowhere = Ticket(peek(used).root, "127.0.0.1", free_port(), peek(used).expires_ms, bytes(16))
    gate.agent.start()
    gate.firmware.start()
    gate.firmware.wait_until_logged("lane in: working")
    for text, words in (
        (used, "ticket over, get another"),
        ("GATE1:T:MFRGG", "foreign or forged ticket"),
        (issue(nowhere, Ed25519PrivateKey.generate()), "province not reached"),
        (good, "joined"),
    ):
        gate.port.send(text.encode() + b"\r\n")
        gate.await_line(words)
    gate.await_line("ready")
    assert load(gate.state).name.device == "cong-2"


def test_a_ticket_works_once_and_only_for_its_own_province(world: Chain, tmp_path: Path) -> None:
    text = ticket(world)
    assert "enrolled at Chợ Đông Ba" in enrol(world.gate, "--ticket", text).stdout
    with Gate.bare(tmp_path / "thief") as thief:
        done = enrol(thief, "--ticket", text.lower())  # photographed over the installer's shoulder
        assert done.returncode == 1
        assert "used already, by the device with key" in done.stderr
        assert not (thief.state / DOCUMENTS).exists()
    again = enrol(world.gate, "--ticket", text)  # the same device: its answer may have been lost
    assert again.returncode == 0, again.stderr


def test_the_private_keys_never_leave_the_device(world: Chain) -> None:
    assert enrol(world.gate, "--ticket", ticket(world)).returncode == 0
    secrets = [(world.gate.state / FOLDER / name).read_bytes().split(b"\n")[1] for name in ("signing.key", "tls.key")]
    for file in world.layout.root.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not any(secret in content for secret in secrets), file


def test_approval_after_comparing_the_label(world: Chain) -> None:
    gate = world.gate
    label = enrol(gate, "--label").stdout.split()[1]
    asking = Process(
        gate.config.parent / "enrol.log", "edge_agent", "enrol", "--ticket", ticket(world, "--invitation"), "--config", str(gate.config)
    )
    asking.start()
    assert f"gate-province approve DIR {label}" in asking.lines.get(timeout=30)
    waiting = cli("approve", world.layout.root, "--json")
    assert [json.loads(line)["fingerprint"] for line in waiting.stdout.splitlines()] == [label]
    assert cli("approve", world.layout.root, label[:-1] + "?", *SITE, "--device", "cong-1").returncode == 2
    done = cli("approve", world.layout.root, label, *SITE, "--device", "cong-1")
    assert done.returncode == 0, done.stderr
    assert "cho-dong-ba/cong-1 enrolled at Chợ Đông Ba, Cổng chính" in asking.lines.get(timeout=30)
    asking.end()


def test_a_stick_carries_no_secret_and_joins_as_well(world: Chain, tmp_path: Path) -> None:
    request, answer = tmp_path / "request.json", tmp_path / "answer.json"
    assert enrol(world.gate, "--request", str(request)).returncode == 0
    done = cli(
        "device", "add", world.layout.root, "--org", NAME.org, "--device", NAME.device, "--site", "Chợ", "--gate", "Cổng",
        "--request", request, "--out", answer,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for file in (request, answer):
        assert "PRIVATE" not in file.read_text()
    done = enrol(world.gate, str(answer))
    assert done.returncode == 0, done.stderr
    gate, people = world.gate, synthetic_people(1, seed=6)
    gate.agent.start()
    gate.open()
    gate.pass_by(people)
    world.wait_until_receipted()
    assert world.passages_of(people) == [1]


def test_an_agent_that_waits_for_a_ticket_ends_when_told(world: Chain) -> None:
    world.gate.agent.start()
    world.gate.agent.wait_until_logged("waiting for a ticket")
    assert world.gate.agent.end(signal.SIGTERM) == 0


def test_a_ticket_moves_a_member_but_renames_nobody(world: Chain) -> None:
    assert enrol(world.gate, "--ticket", ticket(world)).returncode == 0
    renaming = enrol(world.gate, "--ticket", ticket(world, device="cong-2"))
    assert (renaming.returncode, "gate-agent reset" in renaming.stderr) == (1, True)
    moving = ticket(world, "--site", "cho-dong-ba", "--gate", "Cổng sau", "--device", "cong-1")
    assert enrol(world.gate, "--ticket", moving).returncode == 0
    assert load(world.gate.state).gate == "Cổng sau"
    people = synthetic_people(1, seed=10)
    world.gate.agent.start()
    world.gate.open()
    world.gate.pass_by(people)
    world.wait_until_receipted()
    assert world.passages_of(people) == [1]


def test_a_running_agent_obeys_a_ticket_that_firmware_hands_over(world: Chain) -> None:
    gate = world.gate
    assert enrol(gate, "--ticket", ticket(world)).returncode == 0
    moving = ticket(world, "--site", "cho-dong-ba", "--gate", "Cổng sau", "--device", "cong-1")
    tried: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    # In firmware's place, which decides when a ticket may be obeyed.
    server = ControlServer(gate.runtime, lambda request, _asker: tried.put(request))
    server.start()
    try:
        gate.agent.start()
        while True:  # the agent may not be listening yet
            server.tell(ticket_message(moving))
            with suppress(queue.Empty):
                assert tried.get(timeout=0.1) == tried_message(moving, Tried.JOINED)
                break
    finally:
        server.stop()
    assert load(gate.state).gate == "Cổng sau"


def move_broker(world: Chain) -> None:
    """The province's broker is at another port from now on; only the door tells."""
    world.stop_collecting()
    world.broker.stop()
    assert world.admitting is not None
    world.admitting.end()
    layout, moved = world.layout, replace(world.layout.read_settings(), port=free_port())
    layout.write_settings(moved)
    layout.broker_config.write_text(broker_config.config(layout, moved))
    world.broker = Broker(layout)
    world.stack.callback(world.broker.stop)
    world.broker.start()
    world.collect()
    world.admit()


def test_a_press_of_the_set_up_button_and_a_ticket_move_a_running_gate(world: Chain, tmp_path: Path) -> None:
    gate, people = world.gate, synthetic_people(3, seed=11)
    assert enrol(gate, "--ticket", ticket(world)).returncode == 0
    button = tmp_path / "setup"
    os.mkfifo(button, 0o600)
    with gate.config.open("a", encoding="utf-8") as config:
        config.write(f'\n[[input]]\nname = "setup"\nrole = "setup"\nswitch = "fifo:{button}"\n')
    gate.agent.start()
    gate.open()
    gate.pass_by(people[:1])
    world.wait_until_receipted()
    move_broker(world)
    gate.pass_by(people[1:2])  # kept here: the agent knows only where the broker was
    shown = ticket(world, "--site", "cho-dong-ba", "--gate", "Cổng sau", "--device", "cong-1").encode() + b"\r\n"
    gate.port.send(shown)
    gate.await_line("not a person code")
    button.write_text("1\n0\n")
    gate.await_line("identify")
    gate.port.send(shown)
    gate.await_line("identify")
    gate.agent.wait_until_logged("stands at Chợ Đông Ba, Cổng sau now")
    gate.await_line("ready")  # firmware has closed and opened by itself
    gate.pass_by(people[2:])
    world.wait_until_receipted()
    assert world.passages_of(people) == [1, 1, 1]
    with closing(database.connect(world.layout.register)) as register:
        entered = [tuple(row) for row in register.execute("SELECT kind, gate FROM entry ORDER BY seq")]
    once = ["boot", "passage", "passage", "close"]
    assert entered == [*((kind, "Cổng chính") for kind in once), ("boot", "Cổng sau"), ("passage", "Cổng sau")]
    assert len(world.logs()) == 1
    assert world.alerts() == []
