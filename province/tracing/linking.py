"""Tells which passages at one place are one person's, by their tokens; over the end of a day by opening the few it matters for.

Tokens are of one day: whoever stays past midnight has others on the way out. So that a stay is whole, a passage of the later day is
opened, and its person's tokens of the earlier day are looked for among those there. Nobody is opened where that could change nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from edge_agent.wire.entry import Direction
from province.records.views import day_bounds_ms
from province.tracing.site_rows import SiteRow
from province.tracing.stays import Passed, Rule, Stay, in_time

TokensOf = Callable[[Sequence[SiteRow]], Iterable[tuple[int, Sequence[bytes]]]]
"""Opens passages: each one's row, and their person's tokens of every other day."""


class _Joined:
    """Numbers from 0 on that are joined into sets."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def top(self, one: int) -> int:
        while self._above[one] != one:
            self._above[one] = one = self._above[self._above[one]]
        return one

    def join(self, one: int, other: int) -> None:
        self._above[self.top(one)] = self.top(other)


@dataclass(frozen=True, slots=True)
class _DayOfOne:
    """The passages of one person on one day, by time; on a vehicle, of one trip."""

    epoch: str
    trip: str | None
    rows: Sequence[SiteRow]

    @property
    def first(self) -> Passed:
        return self.rows[0].passed


def people(rows: Sequence[SiteRow], near: Sequence[Stay], rule: Rule, tokens_of: TokensOf) -> list[list[SiteRow]]:
    """The passages of each person at a place.

    Args:
        rows: all of the place.
        near: the stays of the case there; only what touches them need be right.
        rule: the place's.
        tokens_of: opens passages whose person may be there under another day's tokens.
    """
    joined = _Joined(len(rows))
    owner: dict[bytes, int] = {}
    of_code: dict[tuple[bytes, ...], int] = {}
    for number, row in enumerate(rows):
        first = of_code.setdefault(row.tokens, number) if row.tokens else number
        if first != number:
            joined.join(number, first)
            continue
        for mark in row.tokens:
            joined.join(number, owner.setdefault(mark, number))
    numbers = {row.passed.row_id: number for number, row in enumerate(rows)}
    found = _gathered(rows, joined)
    wanted = _over_midnight(found, near, rule)
    if not wanted:
        return found
    for row_id, marks in tokens_of(wanted):
        for mark in marks:
            if mark in owner:
                joined.join(numbers[row_id], owner[mark])
    return _gathered(rows, joined)


def _gathered(rows: Sequence[SiteRow], joined: _Joined) -> list[list[SiteRow]]:
    found: dict[int, list[SiteRow]] = defaultdict(list)
    for number, row in enumerate(rows):
        found[joined.top(number)].append(row)
    return list(found.values())


def distinct(rows: Iterable[SiteRow]) -> list[SiteRow]:
    """One passage of each code that somebody showed: what must be opened to know all their numbers."""
    return list({row.tokens or row.passed.row_id: row for row in rows}.values())


def _over_midnight(found: Sequence[Sequence[SiteRow]], near: Sequence[Stay], rule: Rule) -> list[SiteRow]:
    """The passages to open: of whoever may have been there on another day too, where that could change a stay near the case's."""
    if len({rows[0].epoch for rows in found}) < 2:
        return []
    days = [one for rows in found if rows[0].tokens for one in _by_trip(rows)]
    ends = _Ends(days)
    spans: dict[str | None, list[tuple[int, int]]] = defaultdict(list)
    for stay in near:
        spans[stay.trip].append((stay.begin_ms, stay.end_ms))
    wanted: dict[int, SiteRow] = {}
    for one in days:
        if any(is_stray(row) for row in one.rows) or _may_go_on(one, ends, spans[one.trip], rule):
            of_code = distinct(sorted(one.rows, key=is_stray))  # the stray one of a code, if any: its neighbours may be of any day
            wanted |= {row.passed.row_id: row for row in of_code}
    return list(wanted.values())


class _Ends:
    """When each person's last passage of a day was, and which way."""

    def __init__(self, days: Iterable[_DayOfOne]) -> None:
        self._times: dict[tuple[str | None, Direction], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for one in days:
            last = one.rows[-1].passed
            self._times[one.trip, last.direction][one.epoch].append(last.late_ms)
        for of_day in self._times.values():
            for times in of_day.values():
                times.sort()

    def between(self, trip: str | None, way: Direction, low: int, high: int, *, but: str) -> bool:
        """Whether somebody's last passage was within these times, both included, on a day other than `but`."""
        of_day = self._times.get((trip, way), {})
        return any(epoch != but and (at := bisect_left(times, low)) < len(times) and times[at] <= high for epoch, times in of_day.items())


def _by_trip(rows: Sequence[SiteRow]) -> list[_DayOfOne]:
    if len(rows) == 1:
        return [_DayOfOne(rows[0].epoch, rows[0].passed.trip, rows)]
    found: dict[str | None, list[SiteRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: in_time(row.passed)):
        found[row.passed.trip].append(row)
    return [_DayOfOne(rows[0].epoch, trip, of_trip) for trip, of_trip in found.items()]


def is_stray(row: SiteRow) -> bool:
    """Whether a passage is kept under another day than it was: its neighbours in time have other tokens."""
    first_ms, after_ms = _bounds_ms(row.epoch)
    return row.passed.early_ms != row.passed.late_ms or not first_ms <= row.passed.early_ms < after_ms


@lru_cache(maxsize=100)
def _bounds_ms(epoch: str) -> tuple[int, int]:
    return day_bounds_ms(date.fromisoformat(epoch))


def _may_go_on(one: _DayOfOne, ends: _Ends, near: Sequence[tuple[int, int]], rule: Rule) -> bool:
    """Whether somebody seen last on another day could be this person, and a stay near the case's be another then."""
    first_ms, is_out = one.first.early_ms, one.first.direction is Direction.OUT
    assumed_ms = rule.assumed_ms if one.trip is None else rule.longest_ms  # to the trip's end
    low = first_ms - (rule.longest_ms if is_out else assumed_ms)
    high = first_ms + assumed_ms  # who went out before the assumed end was not there until then
    if not any(begin_ms < high and end_ms > low for begin_ms, end_ms in near):
        return False
    if ends.between(one.trip, Direction.IN, low, first_ms, but=one.epoch):
        return True
    return is_out and ends.between(one.trip, Direction.OUT, first_ms - assumed_ms + 1, first_ms, but=one.epoch)
