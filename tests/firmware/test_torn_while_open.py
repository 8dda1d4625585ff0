"""What happens to a gate whose small files are torn, or whose own work stumbles, while it is open: it goes on, second by second."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from gate_bench import LANES, Bench
from gate_world import Enrolled, add_test_drivers
from parts_world import notes, surrounded

from drivers.indicator import Signal
from edge_agent.device.settings import InputSettings, VehicleSettings
from edge_agent.wire.entry import Kind
from firmware import gate_state, trip_memory
from firmware.gate_state import GateState
from firmware.reading import Switched, TripOrder
from firmware.trip_memory import TripMemory


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    add_test_drivers(monkeypatch)
    enrolled = Enrolled(tmp_path / "state", tmp_path / "run")
    ignition = InputSettings("KL15", "ignition", "fifo:/x/ignition")
    return Bench(enrolled, surrounded(enrolled.settings(*LANES), ignition, vehicle=VehicleSettings(trips=True)))


def tear(state: Path, file_name: str) -> None:
    """Both versions, as a card does that dies or a hand that copies."""
    for name in (file_name, f"{file_name}.previous"):
        (state / name).write_bytes(b"{torn")


def told(bench: Bench) -> list[str | int]:
    return [facts["what"] for facts in notes(bench.enrolled, Kind.EVENT)]


def test_a_trip_whose_memory_is_torn_is_recorded_and_noted_anew_and_the_gate_goes_on(bus: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bus.take(Switched("KL15", True, 1.0))
    tear(bus.enrolled.state, trip_memory.FILE_NAME)
    bus.take(TripOrder.BEGIN)
    assert told(bus) == ["trip-begin", "trip-end", "trip-begin"]
    bus.gate_state.close_gate(True)
    bus.tick()
    assert bus.state() is Signal.SHUT
    assert "unexpected" not in bus.consumer.counters()["answers"]
    assert caplog.text.count("neither it nor its previous version is whole") == 1
    assert (bus.enrolled.state / f"{trip_memory.FILE_NAME}.damaged").exists()
    again = TripMemory(bus.enrolled.state, bus.recording._boot).recall(bus.sense.now())
    assert again == (bus.surroundings.trip, True)
    bus.close()


def test_a_gate_whose_state_is_torn_can_be_closed_at_once(bus: Bench) -> None:
    bus.gate_state.close_gate(False)
    tear(bus.enrolled.state, gate_state.FILE_NAME)
    bus.gate_state.close_gate(True)
    assert bus.gate_state.closed
    assert GateState(bus.enrolled.state).closed
    bus.close()


@pytest.mark.parametrize("step", ["_gate.tidy", "_happenings.tick", "_trust.look_again", "_outbox.look", "_outbox.repair_when_due"])
def test_one_step_of_each_second_that_stumbles_keeps_no_other_from_being_done(
    bus: Bench, step: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def stumble(*_: object) -> None:
        raise LookupError("001099012345")

    part, name = step.split(".")
    tried = 5
    with monkeypatch.context() as broken:
        broken.setattr(getattr(bus.consumer, part), name, stumble)
        bus.gate_state.close_gate(True)
        for _second in range(tried):
            bus.tick()
        assert bus.state() is Signal.SHUT
    assert bus.consumer.counters()["answers"] == {"unexpected": tried}
    assert len(re.findall(r"unexpected LookupError \(test_torn_while_open\.py:", caplog.text)) == 1  # and not each second for good
    assert "001099012345" not in caplog.text
    bus.tick()
    assert bus.consumer.counters()["answers"] == {"unexpected": tried}
    bus.close()
