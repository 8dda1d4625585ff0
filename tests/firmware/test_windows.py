"""The pure parts of the gate: who was just here, what is held up unread, what time it is, what a light shows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis.strategies import booleans, dictionaries, floats, integers, lists, sampled_from, text, tuples

from drivers.indicator import Signal
from edge_agent.wire.entry import Clock
from edge_agent.wire.keyring import day_of
from firmware.aim import Advice, Aim
from firmware.corners import Corners
from firmware.feedback import state_signal
from firmware.reading import SourceState
from firmware.repeat_window import RepeatWindow
from firmware.time_sense import TimeSense

PEOPLE = ("001099012345", "001199012345", "B1234567", "")
BROKEN = {SourceState.FAULT, SourceState.ENDED}


@given(visits=lists(tuples(sampled_from(PEOPLE), floats(0, 60)), max_size=200))
def test_a_person_is_a_repeat_exactly_when_seen_within_the_window(visits: list[tuple[str, float]]) -> None:
    window, last = RepeatWindow(window_s=5.0), dict[str, float]()
    for person, gap_s in visits:
        now_s = max(last.values(), default=0.0) + gap_s
        expected = person in last and now_s - last[person] < 5.0
        assert window.holds(person, now_s) == expected
        assert window.holds(person, now_s) == expected  # looking changes nothing
        assert window.saw(person, now_s) == expected
        last[person] = now_s


@given(people=lists(integers(0, 20), max_size=100), capacity=integers(1, 10))
def test_a_flood_makes_the_window_forget_the_longest_unseen_and_nobody_else(people: list[int], capacity: int) -> None:
    window, order = RepeatWindow(window_s=1e9, capacity=capacity), list[int]()
    for now_s, person in enumerate(people):
        assert window.saw(str(person), float(now_s)) == (person in order)
        order = [*(one for one in order if one != person), person][-capacity:]
    assert len(window._last_seen_s) <= capacity


def test_the_window_remembers_nobody_readable() -> None:
    window = RepeatWindow(window_s=5.0)
    window.saw("001099012345", 0.0)
    assert b"001099012345" not in repr(vars(window)).encode()
    other = RepeatWindow(window_s=5.0)
    other.saw("001099012345", 0.0)
    assert set(window._last_seen_s) != set(other._last_seen_s)  # keyed anew at each start: marks of two nights cannot be compared


@given(who=text())
def test_anything_that_names_somebody_can_be_remembered(who: str) -> None:
    window = RepeatWindow(window_s=5.0)
    assert [window.saw(who, 0.0), window.saw(who, 1.0)] == [False, True]


@pytest.mark.parametrize("window_s, capacity", [(0.0, 1), (-1.0, 1), (1.0, 0)])
def test_a_window_without_extent_is_refused(window_s: float, capacity: int) -> None:
    with pytest.raises(ValueError, match="above 0"):
        RepeatWindow(window_s, capacity)


def square(width: int, at: int = 0) -> Corners:
    return ((at, at), (at + width, at), (at + width, at + width), (at, at + width))


MOVES = [0, 0, 0, 5, 90]
GAPS_S = [0.03, 0.3, 0.69, 0.75, 3.0]
LOOKS = lists(
    tuples(booleans(), booleans(), sampled_from([20, 179, 181, 400]), sampled_from(MOVES), sampled_from(GAPS_S)),
    max_size=60,
)


@given(looks=LOOKS)
def test_advice_fits_what_is_seen_and_never_nags(looks: list[tuple[bool, bool, int, int, float]]) -> None:
    aim, now_s, at = Aim(patience_s=2.0), 0.0, 0
    told: list[tuple[float, Advice]] = []
    began_s: float | None = None
    seen_s = -10.0
    for located, read, width, move, gap_s in looks:
        now_s, at = now_s + gap_s, at + move
        # What is read is somebody else's code, beside.
        advice = aim.look([square(width, at)] if located else [], read=[square(200, -9000)] if read else [], now_s=now_s)
        if read or now_s - seen_s > 0.7:
            began_s, told = None, []
        if located and not read:
            began_s, seen_s = now_s if began_s is None else began_s, now_s
        if advice is not None:
            assert located
            assert not read
            assert began_s is not None
            assert now_s - began_s >= 0.7
            assert not told or (now_s - told[-1][0] >= 1.5 and told[-1][1] is not Advice.UNREADABLE)
            assert (advice is Advice.CLOSER) == (width < 180)
            told.append((now_s, advice))


def test_a_large_still_code_is_called_unreadable_once_and_again_when_shown_anew() -> None:
    aim = Aim(patience_s=2.0)
    first = [aim.look([square(300)], read=[], now_s=t / 10) for t in range(60)]
    assert [advice for advice in first if advice] == [Advice.HOLD_STILL, Advice.UNREADABLE] or [a for a in first if a] == [
        Advice.UNREADABLE
    ]
    again = [aim.look([square(300)], read=[], now_s=10 + t / 10) for t in range(60)]
    assert Advice.UNREADABLE in again


def test_a_moving_code_is_told_to_hold_still() -> None:
    aim = Aim()
    advice = [aim.look([square(300, at=30 * t)], read=[], now_s=t / 10) for t in range(20)]
    assert set(filter(None, advice)) == {Advice.HOLD_STILL}


@given(looks=LOOKS, width=sampled_from([20, 400]))
def test_somebody_who_had_their_answer_hears_no_advice_until_they_take_the_code_away(
    looks: list[tuple[bool, bool, int, int, float]], width: int
) -> None:
    aim, now_s = Aim(), 0.0
    assert aim.look([], read=[square(width)], now_s=now_s) is None
    seen_s = now_s
    for located, read, _width, move, gap_s in looks:
        now_s += gap_s
        shown = square(width, move // 45)  # held by hand, half-read: about the same place
        advice = aim.look([shown] if located and not read else [], read=[shown] if read else [], now_s=now_s)
        assert advice is None or now_s - seen_s > 0.7
        if now_s - seen_s > 0.7 and not read and located:
            return  # taken away before: this is somebody new
        seen_s = now_s if read or located else seen_s


def test_a_code_that_is_read_silences_nobody_beside_it_for_longer_than_that_look() -> None:
    aim, beside = Aim(), square(100, 600)
    aim.look([beside], read=[square(300)], now_s=0.0)
    advice = [aim.look([square(300), beside], read=[], now_s=t / 10) for t in range(1, 20)]
    assert set(filter(None, advice)) == {Advice.CLOSER}


def test_a_code_read_nobody_knows_where_is_a_read_too() -> None:
    aim = Aim()
    advice = [aim.look([square(100)], read=[None], now_s=t / 10) for t in range(40)]
    assert advice == [None] * 40


def test_an_aim_without_patience_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Aim(patience_s=0)


NOON_MS = int(datetime(2021, 10, 5, 5, tzinfo=UTC).timestamp() * 1000)


@given(kernel=sampled_from(Clock), trusted=booleans(), wall_ms=integers(-(10**6), 4 * 10**12), bound_ms=integers(0, 2 * 10**12))
def test_a_day_is_named_exactly_when_the_clock_is_trusted(kernel: Clock, trusted: bool, wall_ms: int, bound_ms: int) -> None:
    now = TimeSense(always_trusted=trusted, not_before_ms=lambda: bound_ms, clock=lambda: kernel, wall_ms=lambda: wall_ms).now()
    assert now.wall_ms == max(0, wall_ms)
    if max(0, wall_ms) + 5 * 60_000 < bound_ms:
        assert now.clock is Clock.UNKNOWN  # whatever the kernel says, the province has signed something later
    elif kernel is Clock.UNKNOWN and trusted:
        assert now.clock is Clock.RTC
    else:
        assert now.clock is kernel
    assert now.day == (None if now.clock is Clock.UNKNOWN else day_of(now.wall_ms))


class Clocks:
    """The machine's clocks, in the test's hands."""

    def __init__(self, state: Clock) -> None:
        self.state, self.wall_ms, self.boottime_ms = state, NOON_MS, 1000
        self.bound_ms = 0
        self.sense = TimeSense(
            always_trusted=False,
            not_before_ms=lambda: self.bound_ms,
            clock=lambda: self.state,
            wall_ms=lambda: self.wall_ms,
            boottime_ms=lambda: self.boottime_ms,
        )

    def pass_by(self, ms: int) -> None:
        self.wall_ms += ms
        self.boottime_ms += ms


@pytest.mark.parametrize("state", [Clock.SYNCHRONISED, Clock.RTC])
def test_a_trusted_time_that_runs_on_evenly_stays_trusted_without_the_network(state: Clock) -> None:
    clocks = Clocks(state)
    assert clocks.sense.now().clock is state
    clocks.state = Clock.UNKNOWN  # the kernel, nine hours after the last word of the network
    clocks.pass_by(36_000_000)
    assert clocks.sense.now().clock is Clock.RTC
    clocks.wall_ms += 3_600_000  # somebody set it by hand
    assert clocks.sense.now().clock is Clock.UNKNOWN


def test_a_time_never_trusted_does_not_become_so_by_itself() -> None:
    clocks = Clocks(Clock.UNKNOWN)
    for _ in range(3):
        clocks.pass_by(1000)
        assert clocks.sense.now().clock is Clock.UNKNOWN


def test_a_time_below_the_signed_bound_is_not_remembered_as_good() -> None:
    clocks = Clocks(Clock.SYNCHRONISED)
    clocks.bound_ms = NOON_MS + 5 * 60_000 + 1
    assert clocks.sense.now().clock is Clock.UNKNOWN
    clocks.bound_ms, clocks.state = 0, Clock.UNKNOWN
    assert clocks.sense.now().clock is Clock.UNKNOWN


@given(
    sources=dictionaries(sampled_from(["a", "b", "c"]), sampled_from(SourceState), min_size=1),
    full=booleans(),
    broken=booleans(),
    note=booleans(),
    shut=booleans(),
)
def test_a_light_tells_the_truth_about_its_lanes(sources: dict[str, SourceState], full: bool, broken: bool, note: bool, shut: bool) -> None:
    shown = state_signal(sources, full=full, broken=broken, note=note, shut=shut)
    faulty = [state in BROKEN for state in sources.values()]
    scans = not broken and not full and not all(faulty)
    assert (shown in {Signal.READY, Signal.ATTENTION, Signal.STARTING, Signal.SHUT}) == scans
    assert (shown is Signal.SHUT) == (scans and shut)
    assert (shown is Signal.FULL) == (full and not broken and not all(faulty))
    if scans and not shut:
        assert (shown is Signal.ATTENTION) == (note or any(faulty))
        assert (shown is Signal.READY) <= (SourceState.WORKING in sources.values())
