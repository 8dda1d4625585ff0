"""Tells which passages at one place are one person's, by their tokens; over the end of a day by opening the few it matters for.

Tokens are of one day: whoever stays past midnight has others on the way out. So that a stay is whole, a passage of the later day is
opened, and its person's tokens of the earlier day are looked for among those there. Nobody is opened where that could change nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from edge_agent.wire.entry import Direction
from province.records.views import day_bounds_ms
from province.tracing.site_rows import SiteRow
from province.tracing.stays import Passed, Rule, Stay, Stretches, in_time

TokensOf = Callable[[Sequence[SiteRow]], Iterable[tuple[int, Sequence[bytes]]]]
"""Opens passages: each one's row, and their person's tokens of every other day."""


class _Joined:
    """Numbers from 0 on that are joined into sets."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))
        self.are_any = False

    def top(self, one: int) -> int:
        while self._above[one] != one:
            self._above[one] = one = self._above[self._above[one]]
        return one

    def join(self, one: int, other: int) -> None:
        self._above[self.top(one)] = self.top(other)
        self.are_any = True


@dataclass(slots=True)
class _Code:
    """The passages with which one code was shown, on one day, and all of that code's tokens."""

    tokens: tuple[bytes, ...]
    rows: list[SiteRow]


class _DayOfOne(NamedTuple):
    """The passages of one person on one day; on a vehicle, of one trip.

    Attributes:
        first: in time; `last` the same.
        is_stray: whether one of them is kept under another day than it was.
    """

    epoch: str
    trip: str | None
    rows: Sequence[SiteRow]
    first: Passed
    last: Passed
    is_stray: bool


def people(rows: Sequence[SiteRow], near: Sequence[Stay], rule: Rule, tokens_of: TokensOf) -> list[list[SiteRow]]:
    """The passages of each person at a place.

    Args:
        rows: all of the place.
        near: the stays of the case there; only what touches them need be right.
        rule: the place's.
        tokens_of: opens passages whose person may be there under another day's tokens.
    """
    codes, unnamed = _by_code(rows)
    joined = _Joined(len(codes))
    owner: dict[bytes, int] = {}
    for number, code in enumerate(codes):
        for mark in code.tokens:
            if (first := owner.setdefault(mark, number)) != number:
                joined.join(number, first)
    found = _gathered(codes, joined)
    wanted = {row.passed.row_id: row for row in _over_midnight(found, near, rule)}
    for row_id, marks in tokens_of(list(wanted.values())) if wanted else ():
        mine = owner[wanted[row_id].tokens[0]]
        for of_theirs in [owner[mark] for mark in marks if mark in owner]:
            joined.join(mine, of_theirs)
    return (_gathered(codes, joined) if wanted else found) + unnamed


def _by_code(rows: Sequence[SiteRow]) -> tuple[list[_Code], list[list[SiteRow]]]:
    """The codes that were shown, and each passage of somebody whose code told no number."""
    of_code: dict[tuple[bytes, ...], _Code] = {}
    unnamed: list[list[SiteRow]] = []
    for row in rows:
        if not row.tokens:
            unnamed.append([row])
        elif (code := of_code.get(row.tokens)) is None:
            of_code[row.tokens] = _Code(row.tokens, [row])
        else:
            code.rows.append(row)
    return list(of_code.values()), unnamed


def _gathered(codes: Sequence[_Code], joined: _Joined) -> list[list[SiteRow]]:
    if not joined.are_any:
        return [code.rows for code in codes]
    found: dict[int, list[SiteRow]] = {}
    for number, code in enumerate(codes):
        top = joined.top(number)
        found[top] = code.rows if top not in found else found[top] + code.rows
    return list(found.values())


def distinct(rows: Iterable[SiteRow]) -> list[SiteRow]:
    """One passage of each code that somebody showed: what must be opened to know all their numbers."""
    return list({row.tokens or row.passed.row_id: row for row in rows}.values())


def _over_midnight(found: Sequence[Sequence[SiteRow]], near: Sequence[Stay], rule: Rule) -> list[SiteRow]:
    """The passages to open: of whoever may have been there on another day too, where that could change a stay near the case's."""
    if len({rows[0].epoch for rows in found}) < 2:
        return []
    days = [one for rows in found for one in _by_trip(rows)]
    ends = _Ends(days)
    stretches_of = {trip: Stretches(stay for stay in near if stay.trip == trip) for trip in {stay.trip for stay in near}}
    nowhere = Stretches(())
    wanted: list[SiteRow] = []
    for one in days:
        if one.is_stray or _may_go_on(one, ends, stretches_of.get(one.trip, nowhere), rule):
            wanted += distinct(sorted(one.rows, key=is_stray))  # the stray one of a code, if any: its neighbours may be of any day
    return wanted


class _Ends:
    """When each person's last passage of a day was, and which way."""

    def __init__(self, days: Iterable[_DayOfOne]) -> None:
        self._times: dict[tuple[str | None, Direction], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for one in days:
            self._times[one.trip, one.last.direction][one.epoch].append(one.last.late_ms)
        for of_day in self._times.values():
            for times in of_day.values():
                times.sort()

    def between(self, trip: str | None, way: Direction, low: int, high: int, *, but: str) -> bool:
        """Whether somebody's last passage was within these times, both included, on a day other than `but`."""
        for epoch, times in self._times.get((trip, way), {}).items():
            if times[0] <= high and times[-1] >= low and epoch != but and times[bisect_left(times, low)] <= high:
                return True
        return False


def _by_trip(rows: Sequence[SiteRow]) -> Iterator[_DayOfOne]:
    if len({row.passed.trip for row in rows}) == 1:
        yield _day_of(rows)
        return
    of_trips: dict[str | None, list[SiteRow]] = defaultdict(list)
    for row in rows:
        of_trips[row.passed.trip].append(row)
    yield from map(_day_of, of_trips.values())


def _day_of(rows: Sequence[SiteRow]) -> _DayOfOne:
    passed = [row.passed for row in rows]
    if len(passed) > 1:
        passed.sort(key=in_time)
    epoch = rows[0].epoch
    first_ms, after_ms = _bounds_ms(epoch)
    stray = False
    for one in passed:
        stray = stray or one.early_ms != one.late_ms or not first_ms <= one.early_ms < after_ms
    return _DayOfOne(epoch, passed[0].trip, rows, passed[0], passed[-1], stray)


def is_stray(row: SiteRow) -> bool:
    """Whether a passage is kept under another day than it was: its neighbours in time have other tokens."""
    first_ms, after_ms = _bounds_ms(row.epoch)
    return row.passed.early_ms != row.passed.late_ms or not first_ms <= row.passed.early_ms < after_ms


@lru_cache(maxsize=100)
def _bounds_ms(epoch: str) -> tuple[int, int]:
    return day_bounds_ms(date.fromisoformat(epoch))


def _may_go_on(one: _DayOfOne, ends: _Ends, near: Stretches, rule: Rule) -> bool:
    """Whether somebody seen last on another day could be this person, and a stay near the case's be another then."""
    first_ms, is_out = one.first.early_ms, one.first.direction is Direction.OUT
    assumed_ms = rule.assumed_ms if one.trip is None else rule.longest_ms  # to the trip's end
    low = first_ms - (rule.longest_ms if is_out else assumed_ms)
    high = first_ms + assumed_ms  # who went out before the assumed end was not there until then
    if not near.meet(low, high):
        return False
    if ends.between(one.trip, Direction.IN, low, first_ms, but=one.epoch):
        return True
    return is_out and ends.between(one.trip, Direction.OUT, first_ms - assumed_ms + 1, first_ms, but=one.epoch)
