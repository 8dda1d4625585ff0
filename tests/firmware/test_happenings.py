from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.device.settings import InputSettings
from edge_agent.wire.entry import Clock
from firmware.happenings import Happenings
from firmware.reading import Switched
from firmware.time_sense import Now
from firmware.vehicle import Vehicle

BOOT = bytes(16)
ROLES = ("tamper", "door", "ignition", "terminus", "power-fail", "direction")
INPUTS = tuple(InputSettings(role, role, f"fifo:/x/{role}") for role in ROLES)


class Time:
    """A clock for trips."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> Now:
        return Now(1_700_000_000_000 + int(self.now_s * 1000), int(self.now_s * 1000), Clock.SYNCHRONISED, None)


@pytest.fixture
def time() -> Time:
    return Time()


def vehicle(state: Path, time: Time) -> Vehicle:
    return Vehicle(state, BOOT, 120, time)


@pytest.mark.parametrize("role", ["tamper", "door", "power-fail"])
def test_a_contact_is_told_when_it_changes_and_at_the_start_only_if_it_is_active(role: str) -> None:
    told = Happenings(INPUTS, None)
    assert told.switched(Switched(role, False, 0.0)) == []
    assert told.switched(Switched(role, True, 1.0)) == [{"what": role, "part": role, "active": 1}]
    assert told.switched(Switched(role, True, 2.0)) == []  # a contact that was opened anew
    assert told.switched(Switched(role, False, 3.0)) == [{"what": role, "part": role, "active": 0}]
    assert Happenings(INPUTS, None).switched(Switched(role, True, 0.0)) == [{"what": role, "part": role, "active": 1}]


def test_an_open_case_and_failing_power_last_as_long_as_their_contact() -> None:
    told = Happenings(INPUTS, None)
    for active in (False, True, False):
        told.switched(Switched("tamper", active, 0.0))
        told.switched(Switched("power-fail", active, 0.0))
        assert (told.tampered, told.power_failed) == (active, active)


def test_ignition_and_terminus_rule_the_trips(tmp_path: Path, time: Time) -> None:
    bus = vehicle(tmp_path, time)
    told = Happenings(INPUTS, bus)
    events = [(facts["what"], facts["why"]) for facts in told.switched(Switched("ignition", True, 0.0))]
    first = bus.trip
    events += [(facts["what"], facts["why"]) for active in (True, False) for facts in told.switched(Switched("terminus", active, 60.0))]
    assert bus.trip not in {None, first}
    told.switched(Switched("ignition", False, 70.0))
    assert told.tick(189.0) == []
    events += [(facts["what"], facts["why"]) for facts in told.tick(190.0)]
    assert events == [("trip-begin", "ignition"), ("trip-end", "terminus"), ("trip-begin", "terminus"), ("trip-end", "ignition")]
    assert bus.trip is None


def test_a_terminus_button_that_is_stuck_ends_no_trip_whenever_it_is_opened(tmp_path: Path, time: Time) -> None:
    bus = vehicle(tmp_path, time)
    told = Happenings(INPUTS, bus)
    told.switched(Switched("ignition", True, 0.0, first=True))
    trip = bus.trip
    assert told.switched(Switched("terminus", True, 1000.0, first=True)) == []
    assert (
        told.switched(Switched("terminus", False, 2000.0, first=True))
        == told.switched(Switched("terminus", True, 3000.0, first=True))
        == []
    )
    assert bus.trip == trip is not None


def test_a_trip_that_a_long_power_cut_ended_is_told_when_the_gate_opens(tmp_path: Path, time: Time) -> None:
    vehicle(tmp_path, time).begin(0.0)
    time.now_s = 3600.0
    after = Vehicle(tmp_path, bytes([1]) * 16, 120, time)
    assert [(facts["what"], facts["why"]) for facts in Happenings(INPUTS, after).begun()] == [("trip-end", "lost")]
    assert after.trip is None


def test_a_trip_goes_on_when_its_memory_cannot_be_written(tmp_path: Path, time: Time, caplog: pytest.LogCaptureFixture) -> None:
    bus = vehicle(tmp_path / "no such folder", time)
    bus.begin(0.0)
    bus.tick(0.0)
    assert bus.trip is not None
    assert caplog.text.count("cannot be noted") == 1


def test_a_gate_that_stands_still_has_no_trips() -> None:
    told = Happenings(INPUTS, None)
    assert told.begun() == told.tick(5.0) == told.switched(Switched("ignition", True, 0.0)) == []
