"""Keeps the day's tally of places that somebody looks at, and adds what has come since: from the clear columns and tokens alone."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, bindparam, func, literal_column, or_, select

from edge_agent.wire.entry import Direction, Kind
from edge_agent.wire.receipt import Status
from province.boards.passages import Place, is_blind, last_id
from province.boards.tally import Counts, DayTally
from province.keys.identifiers import Identifier
from province.records.clock_truth import AHEAD_MS, best_ms
from province.registry.texts import CHECKIN
from province.store.opened import Connection
from province.store.schema import entry, token

_ANEW_MS = 60_000  # corrected clocks and erasures change rows that were counted
_PLACES_MOST = 100
# Of a person's tokens the first of these is taken: the number that most of their codes carry.
_BY_RANK = (Identifier.ID_NUMBER, Identifier.OLD_ID, Identifier.PASSPORT, Identifier.CARD_NUMBER)
_RANK = {str(kind): rank for rank, kind in enumerate(_BY_RANK)}
_OF_DAY = and_(
    entry.c.site.in_([bindparam("of_site"), bindparam("of_id")]),  # of scanners, and of a check-in page
    or_(and_(entry.c.site == bindparam("of_site"), entry.c.org == bindparam("of_org")),
        and_(entry.c.site == bindparam("of_id"), entry.c.org == literal_column(f"'{CHECKIN}'"))),
    entry.c.kind == Kind.PASSAGE.value,
    best_ms >= bindparam("first_ms"), best_ms < bindparam("after_ms"), entry.c.id > bindparam("last_id"), entry.c.id <= bindparam("newest"),
)  # fmt: skip
# The rows of a place's day, once for each token of the person; always the same statement, so that it is compiled once.
_PASSED = (
    select(entry.c.id, best_ms, entry.c.direction, is_blind, token.c.kind, token.c.token)
    .select_from(entry)
    .join(token, and_(token.c.entry_id == entry.c.id, token.c.kind.in_([literal_column(f"'{kind}'") for kind in _BY_RANK])), isouter=True)
    .where(_OF_DAY, entry.c.status == Status.REGISTERED.value, entry.c.direction.is_not(None))
)
# A server plans for every part of its tables that may have such a row: told between which days they lie, for two instead of forty.
_REACH = select(func.min(entry.c.epoch), func.max(entry.c.epoch)).where(_OF_DAY)
_PASSED_WITHIN = (
    select(entry.c.id, best_ms, entry.c.direction, is_blind, token.c.kind, token.c.token)
    .select_from(entry)
    .join(
        token,
        and_(
            token.c.entry_id == entry.c.id, token.c.kind.in_([literal_column(f"'{kind}'") for kind in _BY_RANK]),
            token.c.epoch >= bindparam("low"), token.c.epoch <= bindparam("high"),
        ),
        isouter=True,
    )
    .where(_OF_DAY, entry.c.status == Status.REGISTERED.value, entry.c.direction.is_not(None))
    .where(entry.c.epoch >= bindparam("low"), entry.c.epoch <= bindparam("high"))
)  # fmt: skip


class _Kept:
    """One place's day, counted up to a row."""

    def __init__(self, day_ms: int, begun_ms: int) -> None:
        self.day_ms, self.begun_ms = day_ms, begun_ms
        self.last_id = 0
        self.tally = DayTally(day_ms)
        self.counts = self.tally.counts()


class _Shelf:
    """Where a place's day is kept; whoever counts it holds the lock, so that many who look at once count once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.kept: _Kept | None = None


class Counting:
    """The tallies; for any number of threads."""

    def __init__(self) -> None:
        self._shelves: OrderedDict[Place, _Shelf] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, connection: Connection, place: Place, day_ms: int, now_ms: int) -> Counts:
        """A place's day as it is now.

        Args:
            connection: the register.
            place: which.
            day_ms: when the day begins, milliseconds since 1970 UTC.
            now_ms: the time.
        """
        shelf = self._shelf(place)
        with shelf.lock:
            kept = shelf.kept
            if kept is None or kept.day_ms != day_ms or not 0 <= now_ms - kept.begun_ms < _ANEW_MS:
                kept = shelf.kept = _Kept(day_ms, now_ms)
            if (newest := last_id(connection)) != kept.last_id:
                if _add(connection, place, kept, newest, now_ms):
                    kept.counts = kept.tally.counts()
                kept.last_id = newest
            return kept.counts

    def _shelf(self, place: Place) -> _Shelf:
        with self._lock:
            shelf = self._shelves.setdefault(place, _Shelf())
            self._shelves.move_to_end(place)
            while len(self._shelves) > _PLACES_MOST:
                self._shelves.popitem(last=False)
        return shelf


def count_day(connection: Connection, place: Place, day_ms: int, until_ms: int) -> Counts:
    """A place's day, counted once: of a day that is over."""
    kept = _Kept(day_ms, day_ms)
    _add(connection, place, kept, last_id(connection), until_ms)
    return kept.tally.counts()


def _add(connection: Connection, place: Place, kept: _Kept, newest: int, now_ms: int) -> int:
    """Adds the rows after the last that was counted; says how many."""
    asked: dict[str, object] = {
        "of_org": place.org,
        "of_site": place.site,
        "of_id": place.id or place.site,
        "first_ms": kept.day_ms,
        "after_ms": now_ms + AHEAD_MS,
    }
    found: dict[int, tuple[int, bool, int, bytes | None, int]] = {}
    for row_id, at_ms, direction, blind, kind, mark in _rows(connection, asked | {"last_id": kept.last_id, "newest": newest}):
        rank = _RANK.get(kind, len(_RANK))
        before = found.get(row_id)
        if before is None or rank < before[2]:
            found[row_id] = (at_ms, direction == Direction.IN, rank, mark, blind)
    for row_id, (at_ms, inwards, _rank, who, blind) in found.items():
        kept.tally.add(row_id, at_ms, inwards, None if who is None else bytes(who), blind=bool(blind))
    return len(found)


def _rows(connection: Connection, asked: dict[str, object]) -> Sequence[tuple[Any, ...]]:
    if connection.is_file:
        return connection.found(_PASSED, asked)
    low, high = connection.found(_REACH, asked)[0]
    return () if low is None else connection.found(_PASSED_WITHIN, asked | {"low": low, "high": high})
