"""Turns one person's passages at one place into stays: from when to when they were there, and what of it is assumed. Pure.

Each stay follows from two passages that are neighbours in time, never from more: so it does not matter how much else was looked at.
A clock that nobody knows makes a stay wider, never narrower: it begins as early and ends as late as may be.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from edge_agent.wire.entry import Direction


@dataclass(frozen=True, slots=True)
class Rule:
    """How long people stay at a kind of place.

    Attributes:
        assumed_ms: a stay without an exit (or without an entry) is taken to be so long.
        longest_ms: an exit later than this after the entry does not belong to it; at least twice `assumed_ms`.

    Raises:
        ValueError: they contradict each other.
    """

    assumed_ms: int
    longest_ms: int

    def __post_init__(self) -> None:
        if not 0 < 2 * self.assumed_ms <= self.longest_ms:
            raise ValueError("the longest stay must be at least twice the assumed one")


class Passed(NamedTuple):
    """One passage of somebody: a tuple, as a case makes tens of thousands.

    Attributes:
        row_id: the register's row.
        early_ms: not before this, milliseconds since 1970 UTC; `late_ms`: not after. The same where the time is known.
        log: the scanner's log, and `seq` its number there: they order what has the same time.
        trip: of a vehicle, or None.
        forked: another entry stands under the same number.
    """

    row_id: int
    early_ms: int
    late_ms: int
    direction: Direction
    log: bytes = b""
    seq: int = 0
    trip: str | None = None
    forked: bool = False


@dataclass(frozen=True, slots=True)
class TripSpan:
    """When a vehicle's trip began and ended, as far as it was told."""

    begin_ms: int | None = None
    end_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Stay:
    """Somebody was there from `begin_ms` to `end_ms`.

    Attributes:
        entered: the passage in, None where the beginning is assumed.
        left: the passage out, None where the end is assumed.
    """

    begin_ms: int
    end_ms: int
    entered: Passed | None
    left: Passed | None

    @property
    def passages(self) -> tuple[Passed, ...]:
        """What it follows from: one or two."""
        return tuple(one for one in (self.entered, self.left) if one is not None)

    @property
    def trip(self) -> str | None:
        """The vehicle's trip, or None."""
        passed = self.entered or self.left
        return None if passed is None else passed.trip

    @property
    def is_assumed(self) -> bool:
        """Whether its beginning or end was not seen."""
        return self.entered is None or self.left is None

    @property
    def is_unsure(self) -> bool:
        """Whether a clock was not known: it is as wide as it may have been."""
        return any(one.early_ms != one.late_ms for one in self.passages)

    @property
    def is_forked(self) -> bool:
        """Whether a passage stands beside another of the same number: a copied card, or a restored one."""
        return any(one.forked for one in self.passages)


_NOWHERE = TripSpan()


def in_time(one: Passed) -> tuple[int, bytes, int, int]:
    """Sorts passages by time, those of one time as their scanner counted them."""
    return one.early_ms, one.log, one.seq, one.row_id


def stays(passed: Iterable[Passed], rule: Rule, trips: Mapping[str, TripSpan] | None = None) -> list[Stay]:
    """The stays of one person at one place, in order; on a vehicle each trip is a place of its own.

    Example:
        >>> hour = 3_600_000
        >>> market = Rule(assumed_ms=hour, longest_ms=14 * hour)
        >>> times = [(8 * hour, Direction.IN), (9 * hour, Direction.OUT), (15 * hour, Direction.IN)]
        >>> found = stays([Passed(row, at, at, way) for row, (at, way) in enumerate(times)], market)
        >>> [(stay.begin_ms // hour, stay.end_ms // hour, stay.is_assumed) for stay in found]
        [(8, 9, False), (15, 16, True)]
    """
    by_trip: dict[str | None, list[Passed]] = defaultdict(list)
    for one in sorted(passed, key=in_time):
        by_trip[one.trip].append(one)
    spans = trips or {}
    found = [stay for trip, ordered in by_trip.items() for stay in _of_place(ordered, rule, spans.get(trip or "", _NOWHERE))]
    return sorted(found, key=lambda stay: (stay.begin_ms, stay.end_ms))


def _of_place(ordered: Sequence[Passed], rule: Rule, trip: TripSpan) -> list[Stay]:
    found: list[Stay] = []
    closed = False  # whether the passage in hand has ended a stay already
    over_ms: int | None = None  # when the person was gone for sure, or taken to be
    for one, after in pairwise([*ordered, None]):
        assert one is not None  # noqa: S101 - only the last is
        if closed:
            closed, over_ms = False, one.late_ms
        elif one.direction is Direction.OUT:
            found.append(Stay(_assumed_begin(one, rule, trip, over_ms), one.late_ms, None, one))
            over_ms = one.late_ms
        elif after is not None and after.direction is Direction.OUT and after.early_ms - one.late_ms <= rule.longest_ms:
            found.append(Stay(one.early_ms, max(one.late_ms, after.late_ms), one, after))
            closed = True
        else:
            over_ms = _assumed_end(one, rule, trip, after)
            found.append(Stay(one.early_ms, over_ms, one, None))
    return found


def _assumed_end(one: Passed, rule: Rule, trip: TripSpan, after: Passed | None) -> int:
    """The trip's end or the assumed length, and not after they came in again."""
    end_ms = one.late_ms + rule.assumed_ms
    if one.trip is not None and trip.end_ms is not None and 0 <= trip.end_ms - one.late_ms <= rule.longest_ms:
        end_ms = trip.end_ms
    return end_ms if after is None else min(end_ms, max(after.late_ms, one.late_ms))


def _assumed_begin(one: Passed, rule: Rule, trip: TripSpan, over_ms: int | None) -> int:
    """The trip's beginning or the assumed length before, and not before they were last gone."""
    begin_ms = one.early_ms - rule.assumed_ms
    if one.trip is not None and trip.begin_ms is not None and 0 <= one.early_ms - trip.begin_ms <= rule.longest_ms:
        begin_ms = trip.begin_ms
    return begin_ms if over_ms is None else max(begin_ms, min(over_ms, one.early_ms))


class Stretches:
    """When somebody was at a place, in order, stays that overlap as one stretch.

    Args:
        of: the stays.

    Example:
        >>> there = Stretches([Stay(0, 10, None, None), Stay(5, 20, None, None), Stay(40, 50, None, None)])
        >>> there.meet(20, 40), there.meet(19, 25), there.meet(30, 41)
        (False, True, True)
    """

    def __init__(self, of: Iterable[Stay]) -> None:
        self._begins: list[int] = []
        self._ends: list[int] = []
        for stay in sorted(of, key=lambda stay: stay.begin_ms):
            if self._ends and stay.begin_ms <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], stay.end_ms)
            else:
                self._begins.append(stay.begin_ms)
                self._ends.append(stay.end_ms)

    def meet(self, low: int, high: int) -> bool:
        """Whether they were there at some time between these."""
        at = bisect_right(self._ends, low)  # the first that ends later
        return at < len(self._ends) and self._begins[at] < high


def together_ms(mine: Sequence[Stay], theirs: Iterable[Stay]) -> int:
    """How long two people were at one place at once, milliseconds; time counted once however stays overlap."""
    return covered_ms(
        (max(one.begin_ms, other.begin_ms), min(one.end_ms, other.end_ms))
        for other in theirs
        for one in mine
        if one.begin_ms < other.end_ms and other.begin_ms < one.end_ms and one.trip == other.trip
    )


def covered_ms(spans: Iterable[tuple[int, int]]) -> int:
    """How long spans last in all, milliseconds; what several of them cover counts once.

    Example:
        >>> covered_ms([(0, 10), (5, 20), (30, 31)])
        21
    """
    total, reached = 0, 0
    for begin_ms, end_ms in sorted(spans):
        total += max(0, end_ms - max(begin_ms, reached))
        reached = max(reached, end_ms)
    return total


def overlap(one: Stay, other: Stay) -> bool:
    """Whether both last at one moment."""
    return max(one.begin_ms, other.begin_ms) < min(one.end_ms, other.end_ms)
