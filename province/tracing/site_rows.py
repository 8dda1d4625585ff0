"""Reads what the register has of one place in a span of time: who it was only as tokens, nothing opened."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
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
_PASSAGE = Kind.PASSAGE.value
_COLUMNS = (
    entry.c.id, entry.c.epoch, entry.c.kind, entry.c.direction, entry.c.log, entry.c.seq, entry.c.trip, entry.c.forked, entry.c.method,
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
        method: how it was recorded; None of what earlier releases registered.
        tokens: none where the code told no number in full.
    """

    epoch: str
    passed: Passed
    method: str | None = None
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
    there = AtPlace([], [])
    for org, site in sites.all_names_in_entries(connection, place.org, place.site):
        where = {"of_org": org, "of_site": site, "low": low, "kinds": [kind.value for kind in kinds]}
        found = connection.execute(_SURE, where | {"high": high}).all()
        there.rows.extend([
            SiteRow(epoch, Passed(row_id, at_ms, at_ms, _WAYS[direction], log, seq, trip, bool(forked)), method)
            for row_id, epoch, kind, direction, log, seq, trip, forked, method, at_ms in found
            if kind == _PASSAGE
        ])  # fmt: skip
        there.events.extend([Event(one.epoch, one.id, one.at_ms, one.at_ms) for one in found if one.kind != _PASSAGE])
        _add_unsure(connection, where, high, earliest_ms, there)
    _put_tokens(connection, there.rows)
    return there


def _add_unsure(connection: Connection, where: Mapping[str, Any], high: int, earliest_ms: int, there: AtPlace) -> None:
    """What nobody can date for sure, and may have been within the span."""
    whens = Whens(connection)
    for row in connection.rows(_UNSURE, where):
        at = whens.of(row)
        late_ms = at.not_after_ms if at.not_after_ms is not None else row["registered_ms"]
        early_ms = min(at.not_before_ms if at.not_before_ms is not None else earliest_ms, late_ms)
        if early_ms > high or late_ms < where["low"]:
            continue
        if row["kind"] != _PASSAGE:
            there.events.append(Event(row["epoch"], row["id"], early_ms, late_ms))
            continue
        passed = Passed(
            row["id"], early_ms, late_ms, _WAYS[row["direction"]], row["log"], row["seq"], row["trip"], bool(row["forked"])
        )  # fmt: skip
        there.rows.append(SiteRow(row["epoch"], passed, row["method"]))


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
