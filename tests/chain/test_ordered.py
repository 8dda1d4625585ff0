"""An operator's commands through the real chain: signed at the province, carried by Mosquitto, done by agent and firmware, told back."""

from __future__ import annotations

import signal
import sqlite3
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from chain_world import WAIT_S, Chain, Process, chain
from province_world import cli, json_lines

from edge_agent.base.ending import RESTART_STATUS
from edge_agent.device.control import ask_counters
from province.commands import issuing
from province.demo.synthetic import synthetic_people

PEOPLE = synthetic_people(2, seed=11)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Chain]:
    with chain(tmp_path) as made:
        made.broker.start()
        made.collect()
        made.gate.agent.start()
        made.gate.open()
        made.gate.pass_by(PEOPLE[:1])
        made.wait_until_receipted()
        yield made


def order(world: Chain, action: str, *words: str) -> tuple[CompletedProcess[str], list[dict[str, Any]]]:
    done = cli("command", action, world.layout.root, "bus-co/gate-1", "--yes", "--json", "--wait", WAIT_S, *words)
    return done, json_lines(done.stdout)


def states(told: list[dict[str, Any]]) -> list[str]:
    return [each["state"] for each in told]


def started_again(world: Chain, process: Process, action: str) -> list[dict[str, Any]]:
    """What is told of a restart, the process being started again when it ends as ordered, as systemd would."""
    told: list[dict[str, Any]] = []
    ordering = threading.Thread(target=lambda: told.extend(order(world, action)[1]))
    ordering.start()
    running = process._process
    assert running is not None
    running.wait(WAIT_S)
    assert process.end() == RESTART_STATUS
    process.start()
    ordering.join(WAIT_S)
    return told


def test_a_gate_is_closed_tried_and_opened_from_afar(world: Chain) -> None:
    done, told = order(world, "test-pattern")
    assert (done.returncode, states(told), told[-1]["reason"]) == (1, ["accepted", "running", "failed"], "refused-by-firmware")
    done, told = order(world, "close", "--reason", "flood")
    assert (done.returncode, states(told)) == (0, ["accepted", "running", "successful"]), done.stderr
    assert (ask_counters(world.gate.runtime) or {})["gate"] == "closed"
    assert world.gate.present(PEOPLE[1]) == "not open"
    assert order(world, "test-pattern")[0].returncode == 0
    world.gate.await_line("accepted")
    assert order(world, "open")[0].returncode == 0
    world.gate.pass_by(PEOPLE[1:])
    done, again = order(world, "again")
    assert (done.returncode, [(each["action"], each["state"]) for each in again]) == (0, [("open", "successful")])
    with closing(sqlite3.connect(world.layout.register)) as register:
        (lines,) = register.execute("SELECT count(*) FROM audit").fetchone()
    assert lines == 4


def test_firmware_and_agent_are_started_again_and_say_so(world: Chain) -> None:
    assert states(started_again(world, world.gate.firmware, "restart-firmware")) == ["accepted", "running", "successful"]
    assert states(started_again(world, world.gate.agent, "restart-agent")) == ["accepted", "running", "successful"]


def test_an_agent_killed_meanwhile_tells_the_end_after_all(world: Chain) -> None:
    told: list[dict[str, Any]] = []
    ordering = threading.Thread(target=lambda: told.extend(order(world, "restart-firmware")[1]))
    ordering.start()
    firmware, agent = world.gate.firmware, world.gate.agent
    running = firmware._process
    assert running is not None
    running.wait(WAIT_S)
    agent.end(signal.SIGKILL)  # firmware has ended as ordered, and nobody waits for the next one any more
    assert firmware.end() == RESTART_STATUS
    agent.start()
    firmware.start()
    ordering.join(WAIT_S)
    assert states(told) == ["accepted", "running", "successful"]


def test_without_an_updater_nothing_is_updated(world: Chain) -> None:
    done, told = order(world, "update", "--argument", "https://example.vn/1.2.gate")
    assert (done.returncode, told[-1]["state"], told[-1]["detail"]) == (1, "failed", "no updater installed")


def test_what_is_ordered_while_the_agent_is_away_is_done_when_it_is_back(world: Chain) -> None:
    world.gate.agent.end()
    missed = cli("command", "identify", world.layout.root, "bus-co/gate-1", "--wait", "0.2")
    assert (missed.returncode, missed.stdout) == (1, "")
    world.gate.agent.start()
    done, told = order(world, "again")
    assert done.returncode == 0
    assert told[-1]["state"] == "successful"


def test_who_is_not_asked_or_not_known_sends_nothing(world: Chain) -> None:
    root = world.layout.root
    assert "say --yes" in cli("command", "close", root, "bus-co/gate-1").stderr
    assert "not a scanner of this province" in cli("command", "close", root, "bus-co/gate-9", "--yes").stderr
    assert "not of market-co" in cli("command", "close", root, "bus-co/gate-1", "--yes", "--org", "market-co").stderr
    assert not (root / "commands" / "counter.json").exists()


def test_counters_rise_also_after_an_older_backup(tmp_path: Path) -> None:
    with chain(tmp_path) as made:
        first = issuing.next_counter(made.layout, 1_000)
        assert issuing.next_counter(made.layout, 1_000) == first + 1
        (made.layout.commands / "counter.json").write_bytes(b"torn")
        assert issuing.next_counter(made.layout, 2_000) == 2_000


def configured(world: Chain, text: str, *words: object) -> tuple[int, list[dict[str, Any]]]:
    file = world.folder / "wanted.toml"
    file.write_text(text)
    done = cli("config", "set", world.layout.root, file, "bus-co/gate-1", "--json", "--wait", WAIT_S, *words)
    return done.returncode, json_lines(done.stdout)


def test_a_gate_is_set_from_afar_and_set_back(world: Chain) -> None:
    code, told = configured(world, '[gate]\nopening_hours = "mo-su 03:00-03:01"\n[agent]\nwindow = 7\n')
    assert (code, told[-1]["state"]) == (0, "applied"), told
    assert world.gate.present(PEOPLE[1]) in {"not open", "accepted"}  # at three in the morning it is open
    code, told = configured(world, "-")
    assert (code, told[-1]["state"], told[-1]["settings"]) == (0, "applied", {})
    assert cli("config", "show", world.layout.root, "bus-co/gate-1").stdout.strip() == "bus-co/gate-1: applied"


def test_what_may_not_be_set_or_does_not_suit_is_refused_all_at_once(world: Chain) -> None:
    text = '[device]\nstate = "/tmp"\n[gate]\nheld_s = 99.0\nindicator = "gpio:"\n[[lane]]\nname = "no"\n'
    code, told = configured(world, text)
    assert (code, told[-1]["state"]) == (1, "refused")
    assert {error.partition(":")[0] for error in told[-1]["errors"]} == {"device", "gate.indicator", "lane[0].name"}
    code, told = configured(world, '[gate]\nheld_s = 99.0\nkeeper_button = "nobody"\n')  # the second is for firmware to know
    assert {error.split(": ")[1] for error in told[-1]["errors"]} == {"gate.held_s", "gate.keeper_button"}


def test_a_lane_is_turned_round_by_command(world: Chain) -> None:
    done, told = order(world, "set-direction", "--lane", "in", "--direction", "out")
    assert (done.returncode, told[-1]["state"]) == (0, "successful"), (told, world.gate.firmware.log(), world.gate.agent.log())
    done, told = order(world, "set-direction", "--lane", "left", "--direction", "out")
    assert (told[-1]["state"], told[-1]["reason"]) == ("failed", "refused")


def test_a_diagnosis_comes_sealed_and_is_opened_here(world: Chain, tmp_path: Path) -> None:
    done = cli("command", "diagnostics", world.layout.root, "bus-co/gate-1", "--out", tmp_path)
    assert done.returncode == 0, (done.stdout, done.stderr)
    (file,) = tmp_path.glob("bus-co.gate-1.*.tar.gz")
    with tarfile.open(file) as diagnosis:
        assert "gate-diagnosis/summary.txt" in diagnosis.getnames()


def test_another_tls_key_is_certified_and_used(world: Chain) -> None:
    file = world.gate.state / "identity" / "tls.key"
    before = file.read_bytes()
    world.admit()
    done, told = order(world, "rotate-keys")
    assert (done.returncode, told[-1]["state"]) == (0, "successful"), told
    assert file.read_bytes() != before
    assert order(world, "identify")[0].returncode == 0
    world.gate.agent.end()
    world.gate.agent.start()  # with the new pair alone
    assert order(world, "identify")[0].returncode == 0
