from __future__ import annotations

import math
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.wire.entry import Clock
from firmware.time_sense import Now
from firmware.trip_memory import FILE_NAME, TripMemory, new_name
from firmware.trips import TripChange, Trips, Why

BOOT, NEXT_BOOT = bytes(16), bytes([1]) * 16
MINUTE_MS = 60_000


def trips(linger_s: float = 120, running: str | None = None) -> Trips:
    names = count(1)
    return Trips(lambda: f"trip {next(names)}", linger_s, running)


def moment(minutes: float, clock: Clock = Clock.SYNCHRONISED) -> Now:
    return Now(1_700_000_000_000 + int(minutes * MINUTE_MS), int(minutes * MINUTE_MS), clock, None)


def test_an_engine_stopped_for_less_than_the_linger_time_is_the_same_trip() -> None:
    bus = trips(linger_s=120)
    bus.ignition(on=True, now_s=0)
    bus.ignition(on=False, now_s=100)
    assert bus.ignition(on=True, now_s=219) == []
    assert bus.current == "trip 1"


def test_an_engine_stopped_for_longer_is_the_next_trip_even_if_nobody_looked_meanwhile() -> None:
    bus = trips(linger_s=120)
    bus.ignition(on=True, now_s=0)
    bus.ignition(on=False, now_s=100)
    assert bus.ignition(on=True, now_s=220) == [TripChange("trip 1", False, Why.IGNITION), TripChange("trip 2", True, Why.IGNITION)]


def test_at_the_terminus_the_next_trip_begins_where_the_engine_runs_on() -> None:
    bus = trips()
    bus.ignition(on=True, now_s=0)
    assert [change.facts() for change in bus.terminus(now_s=0)] == [
        {"what": "trip-end", "trip": "trip 1", "why": "terminus"},
        {"what": "trip-begin", "trip": "trip 2", "why": "terminus"},
    ]


def test_without_ignition_the_terminus_ends_the_trip_and_a_command_begins_the_next() -> None:
    bus = trips()
    bus.begin(now_s=0)
    assert [change.began for change in bus.terminus(now_s=0)] == [False]
    assert bus.current is None
    assert bus.terminus(now_s=0) == []
    assert [change.began for change in bus.begin(now_s=0)] == [True]
    assert [change.began for change in bus.begin(now_s=0)] == [False, True]


def test_a_trip_begun_by_command_while_the_ignition_is_off_lasts_until_it_has_been_on_and_off_again() -> None:
    bus = trips(linger_s=120)
    bus.ignition(on=False, now_s=0)
    assert [change.began for change in bus.begin(now_s=0)] == [True]
    assert bus.tick(now_s=1000) == bus.ignition(on=False, now_s=2000) == bus.tick(now_s=3000) == []
    assert bus.ignition(on=True, now_s=4000) == bus.ignition(on=False, now_s=5000) == []
    assert bus.tick(now_s=5120) == [TripChange("trip 1", False, Why.IGNITION)]


def test_a_trip_recalled_with_the_ignition_off_ends_after_the_linger_time() -> None:
    bus = trips(linger_s=120, running="trip 0")
    assert bus.ignition(on=False, now_s=10) == bus.ignition(on=False, now_s=100) == []
    assert bus.tick(now_s=130) == [TripChange("trip 0", False, Why.IGNITION)]


WHAT = ["on", "off", "tick", "begin", "end", "terminus", "pressed"]
events = st.lists(st.tuples(st.sampled_from(WHAT), st.sampled_from([0, 1, 30, 59, 60, 100, 300])), max_size=40)


class Expected:
    """When a trip has to end by itself, told apart from how `Trips` finds it."""

    def __init__(self) -> None:
        self.off_since_s = math.inf  # since when the ignition has been off in the running trip, counted from its report
        self.said_off = False

    def told(self, what: str, now_s: float) -> None:
        match what:
            case "on":
                self.off_since_s, self.said_off = math.inf, False
            case "off" if not self.said_off:
                self.off_since_s, self.said_off = now_s, True
            case "begin":
                self.off_since_s = math.inf  # begun with the engine off: only the next time it is turned off counts


def do(bus: Trips, what: str, now_s: float) -> list[TripChange]:
    match what:
        case "on" | "off":
            return bus.ignition(on=what == "on", now_s=now_s)
        case "tick":
            return bus.tick(now_s)
        case "begin":
            return bus.begin(now_s)
        case "end":
            return bus.end()
        case "terminus":
            return bus.terminus(now_s)
        case _:
            return bus.terminus_pressed(now_s)


@given(events, st.sampled_from([0, 10, 59, 60, 200]))
def test_trips_begin_and_end_in_turn_each_when_it_should_and_no_name_comes_twice(happened: list[tuple[str, int]], linger_s: int) -> None:
    bus, expected, now_s, began_s, changes = trips(linger_s), Expected(), 0, -math.inf, list[TripChange]()
    for what, later_s in happened:
        now_s += later_s
        before = bus.current
        looks = what in {"on", "off", "tick"}
        overdue = looks and before is not None and now_s - expected.off_since_s >= linger_s
        expected.told(what, now_s)
        at_once = what == "off" and before is not None and now_s - expected.off_since_s >= linger_s
        new = do(bus, what, now_s)
        assert [change.trip for change in new if change.why is Why.IGNITION and not change.began] == [before] * (overdue or at_once)
        assert what != "on" or bus.current
        if what == "pressed":
            assert bool(new) is (before is not None and now_s - began_s >= 60)
        began_s = now_s if any(change.began for change in new) else began_s
        changes += new
        assert bus.current == (changes[-1].trip if changes and changes[-1].began else None)
    assert [change.began for change in changes] == [number % 2 == 0 for number in range(len(changes))]
    assert all(before.trip == after.trip for before, after in zip(changes[::2], changes[1::2], strict=False))
    begun = [change.trip for change in changes if change.began]
    assert len(set(begun)) == len(begun)


def test_a_terminus_that_chatters_makes_one_trip_of_each_minute_at_most() -> None:
    bus = trips()
    bus.ignition(on=True, now_s=0)
    pressed = [bus.terminus_pressed(now_s=100 + tenth / 10) for tenth in range(1200)]
    assert [len(changes) for changes in pressed if changes] == [2, 2]
    assert [change.began for change in bus.terminus(now_s=221)] == [False, True]  # an operator is obeyed


def test_a_wrong_linger_time_is_refused() -> None:
    with pytest.raises(ValueError, match="linger_s must be 0 or above, got -1"):
        trips(linger_s=-1)


@pytest.mark.parametrize(
    "boot, minutes, clock, runs_on",
    [
        (BOOT, 600, Clock.UNKNOWN, True),  # the same boot: only our process was away
        (NEXT_BOOT, 3, Clock.SYNCHRONISED, True),
        (NEXT_BOOT, 16, Clock.SYNCHRONISED, False),
        (NEXT_BOOT, -5, Clock.SYNCHRONISED, False),  # the clock went back: nobody knows
        (NEXT_BOOT, 3, Clock.UNKNOWN, False),
    ],
)
def test_a_trip_runs_on_after_a_short_power_cut_only(boot: bytes, minutes: float, clock: Clock, runs_on: bool, tmp_path: Path) -> None:
    TripMemory(tmp_path, BOOT).note("trip 1", moment(0))
    assert TripMemory(tmp_path, boot).recall(moment(minutes, clock)) == ("trip 1", runs_on)


def test_a_trip_that_is_over_is_not_recalled(tmp_path: Path) -> None:
    memory = TripMemory(tmp_path, BOOT)
    memory.note("trip 1", moment(0))
    memory.note(None, moment(1))
    assert memory.recall(moment(1)) == (None, False)


def test_a_running_trip_costs_a_write_every_five_minutes_at_most(tmp_path: Path) -> None:
    memory, written = TripMemory(tmp_path, BOOT), 0
    before = None
    for minute in range(31):
        memory.note("trip 1", moment(minute))
        now = (tmp_path / FILE_NAME).stat().st_ino
        written += now != before
        before = now
    assert written == 7


def test_a_clean_close_counts_the_quarter_of_an_hour_from_then(tmp_path: Path) -> None:
    memory = TripMemory(tmp_path, BOOT)
    memory.note("trip 1", moment(0))
    memory.note("trip 1", moment(4), closing=True)
    assert TripMemory(tmp_path, NEXT_BOOT).recall(moment(18)) == ("trip 1", True)
    assert TripMemory(tmp_path, NEXT_BOOT).recall(moment(20)) == ("trip 1", False)


def test_a_damaged_memory_is_set_aside(tmp_path: Path) -> None:
    memory = TripMemory(tmp_path, BOOT)
    memory.note("trip 1", moment(0))
    (tmp_path / FILE_NAME).write_bytes(b"{torn")
    assert memory.recall(moment(1)) == (None, False)
    memory.note("trip 2", moment(2))
    assert TripMemory(tmp_path, BOOT).recall(moment(2)) == ("trip 2", True)


def test_a_name_says_when_the_trip_began_in_vietnam() -> None:
    assert new_name(moment(0)).startswith("20231115T0513-")
    assert len({new_name(moment(0)) for _ in range(100)}) == 100
