"""What a gate shows that wakes up without network, clock, camera, room on the disk or configuration; it reads wherever it can."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import gate_fixtures
import pytest
from gate_run import Gate
from gate_world import Enrolled, Reader, RunningGate, SpyIndicator, gate_toml
from manager import Manager
from small_disk import small_disk

from drivers import system_clock
from drivers.indicator import Signal
from edge_agent.device import stored_keyring
from edge_agent.device.mounts import CARD
from edge_agent.device.settings import DeviceSettings, LaneSettings, Settings
from edge_agent.wire.entry import Clock
from edge_agent.wire.keyring import UNDATED, EpochKey
from firmware.person_codes import write_person
from province.demo.synthetic import synthetic_people

enrolled, reader = gate_fixtures.enrolled, gate_fixtures.reader
[PERSON] = synthetic_people(1)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with Manager(tmp_path / "notify") as manager:
        yield manager


@pytest.fixture
def opened() -> Iterator[list[Gate]]:
    """The gates that a test starts; whatever it comes to, none is left."""
    gates: list[Gate] = []
    yield gates
    for gate in gates:
        gate.kill()


def test_without_any_network_it_opens_and_records(enrolled: Enrolled, reader: Reader, manager: Manager, opened: list[Gate]) -> None:
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not make a network namespace")
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url})
    opened.append(gate := Gate(config, within='exec unshare --net "$@"', env=manager.environment))
    manager.wait_for_first("READY=1")
    reader.scan(write_person(PERSON))
    gate.out.wait_for("accepted")
    assert gate.stop() == 0
    assert len(enrolled.passages()) == 1


def test_without_a_clock_it_opens_and_seals_to_the_undated_key(enrolled: Enrolled, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_clock, "clock_state", lambda: "unknown")
    monkeypatch.setattr(system_clock, "wall_ms", lambda: 42_000)  # 1970
    told = enrolled.settings(LaneSettings("in", "in", reader=reader.url))
    device = DeviceSettings(enrolled.state, enrolled.runtime, "auto")
    with RunningGate(enrolled, Settings(told.source, device, told.gate, told.outbox, told.agent, told.lanes)):
        SpyIndicator.by_name["gate"].wait_for(Signal.READY)
        reader.scan(write_person(PERSON))
        SpyIndicator.by_name["gate"].wait_for(Signal.ACCEPTED)
    undated = next(key for key in enrolled_keys(enrolled) if key.epoch == UNDATED)
    sealed = enrolled.sealed()
    assert {entry.header.clock for entry in sealed} == {Clock.UNKNOWN}
    assert {entry.header.key_id for entry in sealed} == {undated.key_id}


def test_without_its_camera_a_lane_shows_it_and_the_other_reads(
    enrolled: Enrolled, reader: Reader, manager: Manager, opened: list[Gate], tmp_path: Path
) -> None:
    camera = {"name": "in", "direction": "in", "camera": f"v4l2:{tmp_path}/video0"}
    config = gate_toml(enrolled, camera, {"name": "out", "direction": "out", "reader": reader.url})
    opened.append(gate := Gate(config, env=manager.environment))
    gate.err.wait_for("lane in: fault")
    gate.out.wait_for("attention")
    manager.wait_for_first("READY=1")
    reader.scan(write_person(PERSON))
    gate.out.wait_for("accepted")
    assert gate.stop() == 0


def test_without_any_camera_it_is_red_asks_for_time_and_opens_when_one_comes(
    enrolled: Enrolled, manager: Manager, opened: list[Gate], tmp_path: Path
) -> None:
    late = Reader(tmp_path / "tty", plugged=False)
    opened.append(gate := Gate(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": late.url}), env=manager.environment))
    gate.out.wait_for("fault")
    manager.wait_for_first("EXTEND_TIMEOUT_USEC=60000000")
    assert not manager.count("READY=1")
    assert not manager.count("WATCHDOG=1")
    late.plug()
    manager.wait_for_first("READY=1")
    late.scan(write_person(PERSON))
    gate.out.wait_for("accepted")
    assert gate.stop() == 0
    late.unplug()


def test_on_a_full_disk_it_says_so_and_opens_when_there_is_room(
    tmp_path: Path, reader: Reader, manager: Manager, opened: list[Gate]
) -> None:
    with small_disk(tmp_path / "disk", "2m"):
        enrolled = Enrolled(tmp_path / "disk" / "state", tmp_path / "run")
        config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url})
        (enrolled.state / "check.json").touch()
        filler = tmp_path / "disk" / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        opened.append(gate := Gate(config, env=manager.environment, first=True))
        gate.out.wait_for("full")
        manager.wait_for_first("STATUS=closed: the disk is full")
        assert not manager.count("READY=1")
        filler.unlink()
        manager.wait_for_first("READY=1")
        reader.scan(write_person(PERSON))
        gate.out.wait_for("accepted")
        assert gate.stop() == 0


def test_with_its_state_in_memory_it_shows_a_fault_and_records_nobody(
    tmp_path: Path, reader: Reader, manager: Manager, opened: list[Gate]
) -> None:
    with small_disk(tmp_path / "memory", "4m"):
        enrolled = Enrolled(tmp_path / "memory" / "state", tmp_path / "run")
        config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url})
        config.write_text(config.read_text("utf-8").replace("memory = true\n", ""), encoding="utf-8")
        before = sorted(enrolled.state.rglob("*"))
        opened.append(gate := Gate(config, env=manager.environment, first=True))
        gate.out.wait_for("fault")
        gate.err.wait_for(f"{enrolled.state} lies in memory (tmpfs)")
        manager.wait_for_first("STATUS=closed: the state folder lies in memory (tmpfs)")
        gate.process.terminate()
        assert gate.process.wait(20) == 1
        assert not manager.count("READY=1")
        assert sorted(enrolled.state.rglob("*")) == before


PREPARED = f"""exec unshare --mount sh -ec 'mount -t tmpfs etc /etc/systemd; mkdir -p {CARD.parent}; touch {CARD}; exec "$@"' sh "$@" """


def test_on_a_card_whose_partition_is_late_it_shows_a_fault_and_records_nobody(
    tmp_path: Path, reader: Reader, manager: Manager, opened: list[Gate]
) -> None:
    enrolled = Enrolled(tmp_path / "state", tmp_path / "run")
    if os.geteuid() or enrolled.state.stat().st_dev != Path("/usr").stat().st_dev:
        pytest.skip("for root, with a folder for the tests on the root's filesystem")
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url})
    config.write_text(config.read_text("utf-8").replace("memory = true\n", ""), encoding="utf-8")
    before = sorted(enrolled.state.rglob("*"))
    opened.append(gate := Gate(config, within=PREPARED, env=manager.environment, first=True))
    gate.out.wait_for("fault")
    gate.err.wait_for(f"{enrolled.state} lies on the card's root, not on its partition gate-state")
    gate.process.terminate()
    assert gate.process.wait(20) == 1
    assert not manager.count("READY=1")
    assert sorted(enrolled.state.rglob("*")) == before


@pytest.mark.parametrize("spoilt", ["[gate\nindicator = ", '[[lane]]\nname = "in"\ndirection = "up"\nreader = "serial:"\n'])
def test_with_a_corrupt_configuration_it_says_what_is_wrong_and_a_restart_takes_the_mended_one(
    enrolled: Enrolled, reader: Reader, manager: Manager, opened: list[Gate], spoilt: str
) -> None:
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url})
    mended = config.read_bytes()
    (enrolled.state / "check.json").touch()
    config.write_text(spoilt, encoding="utf-8")
    opened.append(gate := Gate(config, env=manager.environment, first=True))
    assert gate.process.wait(20) == 2
    assert str(config) in gate.err.text()
    assert manager.heard == []
    config.write_bytes(mended)
    opened.append(gate := Gate(config, env=manager.environment))
    manager.wait_for_first("READY=1")
    assert gate.stop() == 0


def enrolled_keys(enrolled: Enrolled) -> list[EpochKey]:
    return list(stored_keyring.read(enrolled.state, enrolled.province.root.public_key()).keys)
