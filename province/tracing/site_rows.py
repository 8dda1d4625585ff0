"""Reads what the register has of one place in a span of time: who it was only as tokens, nothing opened."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, select, text

from edge_agent.wire.entry import Direction, Kind
from edge_agent.wire.receipt import Status
from province.keys.identifiers import Identifier
from province.records.clock_truth import Whens, best_ms
from province.registry import sites
from province.store.opened import Connection
from province.store.schema import DOUBTFUL, entry
from province.tracing.finding import Place
from province.tracing.opening import batched
from province.tracing.stays import Passed

_AT_ONCE = 2000
_WAYS = {way.value: way for way in Direction}  # a third of the time of asking the enumeration
_DOUBTFUL = text(DOUBTFUL)
_COLUMNS = (
    entry.c.id, entry.c.epoch, entry.c.kind, entry.c.direction, entry.c.log, entry.c.seq, entry.c.trip, entry.c.forked,
    best_ms.label("at_ms"),
)  # fmt: skip


BOTH = (Kind.PASSAGE, Kind.EVENT)


def _at_the_place(query: Select[Any]) -> Select[Any]:
    return query.where(
        entry.c.org == bindparam("of_org"), entry.c.site == bindparam("of_site"), entry.c.erased_ms.is_(None),
        entry.c.kind.in_(bindparam("kinds", expanding=True)), entry.c.status == Status.REGISTERED.value,
    )  # fmt: skip


_SURE = _at_the_place(select(*_COLUMNS)).where(best_ms.between(bindparam("low"), bindparam("high")), text(f"NOT {DOUBTFUL}"))
_UNSURE = _at_the_place(select(entry)).where(_DOUBTFUL, entry.c.registered_ms >= bindparam("low"))
_NOT_PHONE = f"kind <> '{Identifier.PHONE}'"  # a phone may be a family's
_TOKENS_IN_FILE = text(f"SELECT entry_id, token FROM token WHERE entry_id IN (SELECT value FROM json_each(:ids)) AND {_NOT_PHONE}")  # noqa: S608
_TOKENS_ON_SERVER = text(
    f"SELECT entry_id, token FROM token WHERE epoch = :of_day AND entry_id = ANY(CAST(:ids AS bigint[])) AND {_NOT_PHONE}"  # noqa: S608
)


@dataclass(slots=True)
class SiteRow:
    """A passage of somebody, by its tokens.

    Attributes:
        epoch: the day whose keys made the tokens, YYYY-MM-DD.
        tokens: none where the code told no number in full.
    """

    epoch: str
    passed: Passed
    tokens: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at the gate, unopened."""

    epoch: str
    row_id: int
    early_ms: int
    late_ms: int


@dataclass(frozen=True, slots=True)
class AtPlace:
    """What a place has in a span of time."""

    rows: list[SiteRow]
    events: list[Event]


def read(connection: Connection, place: Place, span_ms: tuple[int, int], earliest_ms: int, kinds: Sequence[Kind] = BOTH) -> AtPlace:
    """All passages and events at a place that were, or may have been, within a span of time, both ends included.

    Args:
        connection: the register.
        place: where.
        span_ms: first and last, milliseconds since 1970 UTC.
        earliest_ms: what nobody can date was not before this.
        kinds: passages, events, or both.
    """
    low, high = span_ms
    rows: list[SiteRow] = []
    events: list[Event] = []
    for org, site in sites.all_names_in_entries(connection, place.org, place.site):
        where = {"of_org": org, "of_site": site, "low": low, "kinds": [kind.value for kind in kinds]}
        for row_id, epoch, kind, early_ms, late_ms, passage in _found(connection, where, low, high, earliest_ms):
            if kind == Kind.EVENT:
                events.append(Event(epoch, row_id, early_ms, late_ms))
            else:
                direction, log, seq, trip, forked = passage
                rows.append(SiteRow(epoch, Passed(row_id, early_ms, late_ms, _WAYS[direction], log, seq, trip, bool(forked))))
    _put_tokens(connection, rows)
    return AtPlace(rows, events)


def _found(
    connection: Connection, where: dict[str, Any], low: int, high: int, earliest_ms: int
) -> Iterator[tuple[int, str, str, int, int, tuple[Any, ...]]]:
    for row_id, epoch, kind, direction, log, seq, trip, forked, at_ms in connection.execute(_SURE, where | {"high": high}).all():
        yield row_id, epoch, kind, at_ms, at_ms, (direction, log, seq, trip, forked)
    whens = Whens(connection)
    for row in connection.rows(_UNSURE, where):
        at = whens.of(row)
        late_ms = at.not_after_ms if at.not_after_ms is not None else row["registered_ms"]
        early_ms = min(at.not_before_ms if at.not_before_ms is not None else earliest_ms, late_ms)
        if early_ms <= high and late_ms >= low:
            passage = row["direction"], row["log"], row["seq"], row["trip"], row["forked"]
            yield row["id"], row["epoch"], row["kind"], early_ms, late_ms, passage


def _put_tokens(connection: Connection, rows: Sequence[SiteRow]) -> None:
    by_day: dict[str, dict[int, SiteRow]] = defaultdict(dict)
    for row in rows:
        by_day[row.epoch][row.passed.row_id] = row
    for epoch, of_day in by_day.items():
        for some in batched(of_day, _AT_ONCE):
            if connection.is_file:
                found = connection.execute(_TOKENS_IN_FILE, {"ids": json.dumps(some)})
            else:
                found = connection.execute(_TOKENS_ON_SERVER, {"ids": f"{{{','.join(map(str, some))}}}", "of_day": epoch})
            for row_id, mark in found.all():
                of_day[row_id].tokens += (mark,)
