"""Counts passages by day and place as they are registered, so that a report adds days up instead of going through millions of entries.

Source: decision 0107. A passage is of the day at which it is best known to have been (corrected, else claimed; never later than it came).
Every change of an entry that changes a count changes both in one transaction: storing, correcting, opening what was held. What retention
destroys stays counted. `recounted` counts the entries that are there anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, case, func, literal_column, select
from sqlalchemy.dialects.sqlite import Insert

from edge_agent.wire.entry import Direction, Kind, Method
from edge_agent.wire.keyring import VIETNAM
from edge_agent.wire.receipt import Status
from province.store.opened import Connection, Inserter, Row
from province.store.report_tables import day_count
from province.store.schema import entry

COLUMNS = ("read_in", "paper_in", "self_in", "outs")
_DAY_MS = 86_400_000
_AHEAD_OF_UTC_MS = int(timedelta(hours=7).total_seconds() * 1000)
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_best_ms = func.coalesce(entry.c.corrected_ms, entry.c.wall_ms)
_counted_ms = case((_best_ms > entry.c.registered_ms, entry.c.registered_ms), else_=_best_ms)
_day_number = (_counted_ms + _AHEAD_OF_UTC_MS) // _DAY_MS
_IS_COUNTED = (entry.c.kind == Kind.PASSAGE.value) & (entry.c.status == Status.REGISTERED.value)
_WHICH = {Method.PAPER.value: "paper_in", Method.SELF.value: "self_in"}


class Place(NamedTuple):
    """What is counted together: YYYY-MM-DD, the device's organisation, and the site as entries name it."""

    day: str
    org: str
    site: str


class Counts:
    """Changes of counts, gathered and then written at once."""

    def __init__(self) -> None:
        self._changes: Counter[tuple[Place, str]] = Counter()

    def add(self, row: Row, by: int = 1, **changed: Any) -> None:
        """Counts an entry, given by its row; one that is no registered passage counts nothing.

        Args:
            row: its columns.
            by: 1, or -1 to take it back.
            changed: columns that are not as in `row`.
        """
        status, direction, method, corrected_ms = (
            changed[name] if name in changed else row[name] for name in ("status", "direction", "method", "corrected_ms")
        )
        if row["kind"] != Kind.PASSAGE or status != Status.REGISTERED or direction is None:
            return
        at_ms = row["wall_ms"] if corrected_ms is None else corrected_ms
        place = Place(_day(min(at_ms, row["registered_ms"])), row["org"], row["site"])
        self._changes[place, _column(direction, method)] += by

    def write(self, connection: Connection) -> None:
        """Writes the changes, in the open transaction, and forgets them."""
        rows: dict[Place, dict[str, object]] = {}
        for (place, column), change in self._changes.items():
            if change:
                rows.setdefault(place, {**place._asdict(), **dict.fromkeys(COLUMNS, 0)})[column] = change
        self._changes.clear()
        if rows:
            connection.many(_adding(connection.insert), list(rows.values()))


def _column(direction: str, method: str | None) -> str:
    return "outs" if direction == Direction.OUT else _WHICH.get(method or "", "read_in")


def _day(at_ms: int) -> str:
    return (_FIRST + timedelta(milliseconds=at_ms)).astimezone(VIETNAM).date().isoformat()


@cache
def _adding(inserter: Inserter) -> Insert:
    adding = inserter(day_count)
    more = {name: day_count.c[name] + adding.excluded[name] for name in COLUMNS}
    return adding.on_conflict_do_update(index_elements=("day", "org", "site"), set_=more)


def recounted(connection: Connection, since: date | None = None) -> dict[Place, tuple[int, ...]]:
    """What the entries that are there come to, by place, in the order of `COLUMNS`; goes through all of them.

    Args:
        connection: the register.
        since: the first day to count.
    """
    inside = entry.c.direction == Direction.IN.value
    of_method = [(inside & (entry.c.method == method), name) for method, name in _WHICH.items()]
    columns: dict[str, ColumnElement[int]] = {name: literal_column("0") for name in COLUMNS} | {
        name: func.count(case((condition, 1))) for condition, name in of_method
    }
    read = inside & (entry.c.method.is_(None) | entry.c.method.not_in(_WHICH))
    columns |= {"read_in": func.count(case((read, 1))), "outs": func.count(case((entry.c.direction == Direction.OUT.value, 1)))}
    query = (
        select(_day_number, entry.c.org, entry.c.site, *columns.values())
        .where(_IS_COUNTED, entry.c.direction.is_not(None))
        .group_by(_day_number, entry.c.org, entry.c.site)
    )
    if since is not None:
        query = query.where(_counted_ms >= int((since - _FIRST.date()).total_seconds() * 1000) - _AHEAD_OF_UTC_MS)
    return {
        Place((_FIRST.date() + timedelta(days=number)).isoformat(), org, site): tuple(int(one) for one in counts)
        for number, org, site, *counts in connection.execute(query)
    }


def kept(connection: Connection, since: date | None = None) -> dict[Place, tuple[int, ...]]:
    """The counts as they are kept; what has come to nothing is left out."""
    query = select(day_count) if since is None else select(day_count).where(day_count.c.day >= since.isoformat())
    found = {Place(row["day"], row["org"], row["site"]): tuple(row[name] for name in COLUMNS) for row in connection.rows(query)}
    return {place: counts for place, counts in found.items() if any(counts)}


def drift(connection: Connection, since: date) -> dict[Place, tuple[int, ...]]:
    """What the kept counts since a day lack, by place, to be what the entries come to; of one moment in `database.as_one`.

    Whoever registers entries meanwhile changes both sides alike: it stays what is lacking.
    """
    right, were, nothing = recounted(connection, since), kept(connection, since), (0,) * len(COLUMNS)
    pairs = {place: (right.get(place, nothing), were.get(place, nothing)) for place in right.keys() | were.keys()}
    return {place: tuple(a - b for a, b in zip(*pair, strict=True)) for place, pair in pairs.items() if pair[0] != pair[1]}


def put_right(connection: Connection, lacking: Mapping[Place, tuple[int, ...]]) -> int:
    """Adds what counts lack, in the open transaction, once; says of how many places of a day that was."""
    rows = [{**place._asdict(), **dict(zip(COLUMNS, counts, strict=True))} for place, counts in lacking.items()]
    connection.many(_adding(connection.insert), rows)
    return len(rows)


def fold(connection: Connection, before: date) -> int:
    """Adds the oldest day of the months that ended before a day to its month, in the open transaction: totals stay, the single day goes.

    One day at a time, so that who registers entries waits for no more than that.

    Returns:
        How many rows were folded; 0 when no day is left.
    """
    old = (day_count.c.day < before.replace(day=1).isoformat()) & (func.length(day_count.c.day) == len("2021-10-05"))
    day = connection.value(select(func.min(day_count.c.day)).where(old))
    if day is None:
        return 0
    found = connection.rows(select(day_count).where(day_count.c.day == day))
    connection.many(_adding(connection.insert), [{**row, "day": day[:7]} for row in found])
    return connection.execute(day_count.delete().where(day_count.c.day == day)).rowcount


def first_single_day(connection: Connection) -> date:
    """From which day on days are counted one by one; those before are folded into months."""
    newest = connection.value(select(func.max(day_count.c.day)).where(func.length(day_count.c.day) == len("2021-10")))
    if newest is None:
        return date.min
    year, month = map(int, newest.split("-"))
    return date(year + month // 12, month % 12 + 1, 1)
