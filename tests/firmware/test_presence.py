"""Who is inside, when a night has passed, and who comes in twice: pure parts, against plain models."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis.strategies import booleans, floats, integers, lists, none, sampled_from, tuples

from edge_agent.wire.entry import Direction, Known
from edge_agent.wire.keyring import VIETNAM
from firmware.nightly import BadTime, Nightly, read_time
from firmware.passback import Finding, Passback, look
from firmware.presence import Last, Presence

PEOPLE = ("001099012345", "001199012345", "B1234567", "", "Nguyễn")
PASSAGES = lists(tuples(sampled_from(PEOPLE), sampled_from(Direction), sampled_from(Known)), max_size=120)


@given(passages=PASSAGES)
def test_those_inside_are_exactly_those_whose_last_known_passage_was_in(passages: list[tuple[str, Direction, Known]]) -> None:
    presence, known_last, last = Presence(), dict[str, Direction](), dict[str, Last]()
    came = went = unseen = 0
    for at_s, (who, direction, known) in enumerate(passages):
        presence.passed(who, direction, known, float(at_s))
        last[who] = Last(direction, float(at_s))
        if known is not Known.INFERRED:
            came += direction is Direction.IN
            went += direction is Direction.OUT
            unseen += direction is Direction.OUT and known_last.get(who) is not Direction.IN
            known_last[who] = direction
        counts = presence.counts()
        assert counts.inside == sum(direction is Direction.IN for direction in known_last.values()) >= 0
        assert (counts.came, counts.went, counts.went_unseen) == (came, went, unseen)
        assert counts.inferred_in + counts.inferred_out == at_s + 1 - came - went
    assert all(presence.last(who) == last.get(who) for who in PEOPLE)
    presence.reset()
    assert presence.counts() == Presence().counts()
    assert all(presence.last(who) is None for who in PEOPLE)


@given(order=lists(integers(0, 30), max_size=100), capacity=integers(1, 10))
def test_a_flood_makes_it_forget_the_longest_unseen_and_keeps_the_count_true_to_its_memory(order: list[int], capacity: int) -> None:
    presence, remembered = Presence(capacity), list[int]()
    for at_s, who in enumerate(order):
        presence.passed(str(who), Direction.IN, Known.LANE, float(at_s))
        remembered = [*(one for one in remembered if one != who), who][-capacity:]
        assert presence.counts().inside == len(remembered)
        assert all(presence.last(str(one)) for one in remembered)


def test_presence_remembers_nobody_readable_and_nothing_across_nights() -> None:
    presence = Presence()
    presence.passed("001099012345", Direction.IN, Known.LANE, 0.0)
    marks = set(presence._last)
    assert b"001099012345" not in repr((presence._last, presence._inside)).encode()
    presence.reset()
    presence.passed("001099012345", Direction.IN, Known.LANE, 1.0)
    assert marks.isdisjoint(presence._last)


def test_a_memory_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Presence(0)


START_MS = int(datetime(2021, 10, 5, 3, tzinfo=UTC).timestamp() * 1000)
HOURS = 3600.0


def borders(first_ms: int, last_ms: int, minute: int) -> int:
    """Counts, day by day, the borders after the first moment and not after the last."""
    day = datetime.fromtimestamp(first_ms / 1000, VIETNAM).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    at_ms = [(day + timedelta(days=n, minutes=minute)).timestamp() * 1000 for n in range((last_ms - first_ms) // 86_400_000 + 4)]
    return sum(first_ms < each <= last_ms for each in at_ms)


@given(minute=integers(0, 1439), looks=lists(tuples(floats(1, 30 * HOURS), booleans()), min_size=1, max_size=60))
def test_a_night_is_told_once_at_the_first_trusted_look_after_it(minute: int, looks: list[tuple[float, bool]]) -> None:
    night, now_s, told_s = Nightly(minute), 0.0, 0.0
    assert night.passed(0.0, START_MS) is False
    for gap_s, trusted in looks:
        now_s += round(gap_s)
        wall_ms = START_MS + int(now_s * 1000)
        owed = borders(START_MS + int(told_s * 1000), wall_ms, minute) > 0
        assert night.passed(now_s, wall_ms if trusted else None) == (trusted and owed)
        told_s = now_s if trusted and owed else told_s


@given(jumps=lists(tuples(floats(0.1, 60), integers(-(10**11), 10**11), none() | integers(0, 1)), max_size=50))
def test_a_clock_that_jumps_about_never_makes_a_night(jumps: list[tuple[float, int, int | None]]) -> None:
    night, now_s = Nightly(0), 0.0
    noon_ms = int(datetime(2021, 10, 5, 5, tzinfo=UTC).timestamp() * 1000)  # in Vietnam
    for gap_s, jump_ms, trust in jumps:  # less than an hour in all, always seen as noon of some day
        now_s += gap_s
        wall_ms = None if trust is None else noon_ms + round(jump_ms / 86_400_000) * 86_400_000
        assert not night.passed(now_s, wall_ms)


def test_days_without_a_clock_are_one_night_when_it_comes() -> None:
    night = Nightly(0)
    assert [night.passed(hour * HOURS, None) for hour in range(72)] == [False] * 72
    assert [night.passed((72 + n) * HOURS, START_MS + n * 3_600_000) for n in range(3)] == [True, False, False]


@pytest.mark.parametrize("text", ["24:00", "7:00", "07:60", "", "Never", "٠٧:٠٠", "07:00 ", "now"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(BadTime, match="00:00 to 23:59, or never"):
        read_time(text)


def test_a_time_of_day_is_its_minute() -> None:
    assert [read_time(text) for text in ("00:00", "04:30", "23:59", "never")] == [0, 270, 1439, None]
    assert not Nightly(None).passed(0.0, START_MS)
    never = Nightly(None)
    assert not any(never.passed(hour * HOURS, START_MS + hour * 3_600_000) for hour in range(100))


@given(
    mode=sampled_from(Passback),
    passages=lists(tuples(sampled_from(Direction), floats(0, 200)), max_size=60),
)
def test_anti_passback_refuses_exactly_those_who_come_in_twice(mode: Passback, passages: list[tuple[Direction, float]]) -> None:
    last: Last | None = None
    at_s = 0.0
    for direction, gap_s in passages:
        at_s += gap_s
        finding = look(mode, 100.0, direction, last, at_s)
        twice = mode is not Passback.OFF and last is not None and last.direction is direction
        assert (finding is Finding.CLEAR) == (not twice)
        if twice and direction is Direction.OUT:
            assert finding is Finding.NOTE  # nobody is kept from leaving
        elif twice:
            assert last is not None
            assert (finding is Finding.REFUSE) == (mode is Passback.HARD or at_s - last.at_s < 100.0)
        if finding is not Finding.REFUSE:
            last = Last(direction, at_s)
