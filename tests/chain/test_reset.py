"""A device becomes nobody's and somebody's again: nothing is thrown away unsaid, and the new log names the end of the old one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from chain_world import Chain, chain
from province_world import ROOT, cli

from edge_agent.device import device_keys, identity
from edge_agent.device.documents import FILE_NAME as DOCUMENTS
from edge_agent.wire.keyring import day_of
from province.base.clock import now_ms
from province.demo.synthetic import synthetic_people
from province.records.alerts import AlertKind

PEOPLE = synthetic_people(6, seed=9)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Chain]:
    with chain(tmp_path) as made:
        made.broker.start()
        made.collect()
        made.admit()
        added = cli(
            "site", "add", made.layout.root, "--id", "tuyen-8", "--org", "bus-co", "--name", "Tuyến 8", "--category", "vehicle",
            "--address", "Huế", "--gate", "Cửa trước", "--plate", "75B-012.34", "--new-org",
        )  # fmt: skip
        assert added.returncode == 0, added.stderr
        yield made


def agent(world: Chain, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge_agent", *words, "--config", str(world.gate.config)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)


def rejoin(world: Chain, device: str) -> None:
    made = cli("ticket", world.layout.root, "--site", "tuyen-8", "--gate", "Cửa trước", "--device", device, "--json")
    done = agent(world, "enrol", "--ticket", json.loads(made.stdout)["ticket"])
    assert done.returncode == 0, done.stderr


def work(world: Chain, *numbers: int) -> None:
    """Some people pass, and everything is delivered."""
    world.gate.agent.start()
    world.gate.open()
    world.gate.pass_by([PEOPLE[number] for number in numbers])
    world.gate.firmware.end()
    world.wait_until_receipted()
    world.gate.agent.end()


def test_the_new_log_names_the_old_one(world: Chain) -> None:
    work(world, 0, 1)
    before = device_keys.load(world.gate.state).signing.public_key()
    set_aside = world.gate.state / "salvaged-1"
    set_aside.mkdir()
    (set_aside / "outbox.sqlite").write_bytes(b"the former owner's")
    done = agent(world, "reset")
    assert not set_aside.exists()
    assert done.returncode == 0, done.stderr
    assert "was bus-co/gate-1; now it is nobody's" in done.stdout
    with pytest.raises(identity.NotEnrolled):
        identity.load(world.gate.state)
    assert device_keys.load(world.gate.state).signing.public_key() == before  # the label stays true
    rejoin(world, "gate-1")
    work(world, 2)
    assert world.passages_of(PEOPLE[:3]) == [1, 1, 1]
    assert len(world.logs()) == 2
    assert world.alerts() == []


def test_what_has_no_receipt_is_not_thrown_away_unsaid(world: Chain) -> None:
    work(world, 0)
    world.gate.open()
    world.gate.pass_by(PEOPLE[1:3])
    world.gate.firmware.end()
    waiting = world.gate.waiting()
    assert waiting >= 2
    before = {file: file.read_bytes() for file in world.gate.state.rglob("*") if file.name == DOCUMENTS or file.parent.name == "identity"}
    for words in ((), ("--discard", str(waiting - 1)), ("--discard", str(waiting + 1))):
        done = agent(world, "reset", *words)
        assert done.returncode == 1
        assert f"{waiting} entries have no receipt" in done.stderr
    assert {file: file.read_bytes() for file in before} == before
    assert world.gate.waiting() == waiting
    done = agent(world, "reset", "--discard", str(waiting))
    assert done.returncode == 0, done.stderr
    assert f"{waiting} entries were thrown away" in done.stdout
    rejoin(world, "gate-1")
    work(world, 3)
    assert {alert.kind for alert in world.alerts()} == {AlertKind.CUT_PREDECESSOR}  # the province sees that a tail is missing


@pytest.mark.parametrize("keys", [(), ("--new-keys",)])
def test_under_another_name_it_begins_anew_and_the_old_name_is_silent(world: Chain, keys: tuple[str, ...]) -> None:
    work(world, 0)
    assert agent(world, "reset", *keys).returncode == 0
    rejoin(world, "gate-2")
    who = identity.load(world.gate.state)
    assert (str(who.name), who.site, who.gate) == ("bus-co/gate-2", "Tuyến 8", "Cửa trước")
    work(world, 1)
    assert world.passages_of(PEOPLE[:2]) == [1, 1]
    assert world.alerts() == []


@pytest.mark.parametrize("keys, told_of", [((), "gate-1"), (("--new-keys",), "gate-2")])
def test_another_name_hides_nothing_that_was_thrown_away(world: Chain, keys: tuple[str, ...], told_of: str) -> None:
    """With new keys nobody can tell that it is the same device: the end that it names is then missed under the new name."""
    work(world, 0, 1)
    world.gate.open()
    world.gate.pass_by(PEOPLE[2:3])
    world.gate.firmware.end()
    waiting = world.gate.waiting()
    assert agent(world, "reset", "--discard", str(waiting), *keys).returncode == 0
    [before] = world.logs()
    rejoin(world, "gate-2")
    work(world, 3)
    end = before.last + waiting
    assert [(alert.kind, alert.name.device, alert.log, alert.seq) for alert in world.alerts()] == [
        (AlertKind.CUT_PREDECESSOR, told_of, before.log, end)
    ]
    [missing] = [log for log in world.logs() if log.log == before.log and log.name.device == told_of]
    assert missing.gaps == ((before.last + 1 if not keys else 1, end),)
    page = cli("prove", world.layout.root, f"bus-co/{told_of}", day_of(now_ms()).isoformat()).stdout
    assert "cut-tail" in page
    assert "NOT COMPLETE" in page


def test_a_reset_cut_short_is_done_again(world: Chain) -> None:
    work(world, 0)
    assert agent(world, "reset").returncode == 0
    for file in world.gate.state.glob("outbox.sqlite*"):
        file.unlink()  # the power went between the old outbox and the new
    again = agent(world, "reset")
    assert again.returncode == 0, again.stderr
    rejoin(world, "gate-1")
    work(world, 1)
    assert world.alerts() == []


def test_a_running_gate_is_not_reset(world: Chain) -> None:
    world.gate.open()
    done = agent(world, "reset")
    assert done.returncode == 1
    assert "another gate-firmware" in done.stderr
    assert identity.load(world.gate.state).name == world.gate.name
