"""Reads the register for people: passages masked, logs with their gaps, one person's passages by token."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, CompoundSelect, Table, and_, bindparam, case, distinct, func, or_, select, union_all

from edge_agent.wire.entry import Kind
from edge_agent.wire.keyring import VIETNAM
from edge_agent.wire.topics import DeviceName
from firmware.person_codes.masking import mask_name, mask_number
from province.base.errors import NotAProvince
from province.keys.identifiers import NUMBERS, Identifier, token
from province.keys.keystore import Keystore
from province.records.alerts import Alert, AlertKind
from province.records.clock_truth import When, best_ms, dated_ahead, when
from province.records.ledger import Span, gaps
from province.records.opened_rows import LookKeys, passage_of
from province.store import schema
from province.store.opened import Connection, Row
from province.store.schema import entry

_DAY_MS = 86_400_000
WITH_AHEAD = select(entry, dated_ahead.label("dated_ahead"))
_LAST_DAY = select(func.max(entry.c.epoch))
_DAYS_AT_ONCE = 64


@lru_cache(maxsize=8)
def _marked(days: int, kinds: int, *, in_parts: bool) -> CompoundSelect[*tuple[Any, ...]]:
    """The entries that have one of some tokens on each of some days, asked at once: a question each costs a busy server much more.

    A token is of one kind, one day and one person. That the entry's day is said too spares a server the parts of all others; a file would
    begin with the day instead of the token.
    """
    of_days = []
    for day in range(days):
        marks: list[BindParameter[bytes]] = [bindparam(f"mark_{day}_{kind}") for kind in range(kinds)]
        of_day: BindParameter[str] = bindparam(f"day_{day}")
        joined = entry.join(schema.token, and_(schema.token.c.entry_id == entry.c.id, schema.token.c.epoch == of_day))
        found = WITH_AHEAD.select_from(joined).where(schema.token.c.token.in_(marks))
        of_days.append(found.where(entry.c.epoch == of_day) if in_parts else found)
    return union_all(*of_days)


_ANNOUNCED = select(
    schema.announced.c.org, schema.announced.c.device, schema.announced.c.log, func.max(schema.announced.c.seq).label("most")
).group_by(schema.announced.c.org, schema.announced.c.device, schema.announced.c.log)
_ODD = select(
    entry.c.org, entry.c.device, entry.c.log, func.count(case((entry.c.forked == 1, 1))).label("forked"),
    func.count(distinct(case((entry.c.forked == 1, entry.c.seq)))).label("forks"), func.count(case((dated_ahead, 1))).label("ahead"),
).where(schema.IS_ODD).group_by(entry.c.org, entry.c.device, entry.c.log)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """An entry as it may be shown: who it was, masked, or why nobody can say.

    Attributes:
        person: masked name and number, None when there is none or it cannot be opened now.
        wall_ms: as the device claims.
        corrected_ms: as known later, None when nothing corrects the claim.
        clock: how far the claim may be trusted.
        note: why held or not shown, else empty.
        dated_ahead: it claims a time after it came, or a later day.
    """

    name: DeviceName
    log: bytes
    seq: int
    kind: str | None
    site: str | None
    gate: str | None
    direction: str | None
    wall_ms: int | None
    corrected_ms: int | None
    clock: str | None
    status: str
    forked: bool
    person: tuple[str, str] | None
    note: str
    dated_ahead: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A passage of a person who was looked up.

    Attributes:
        wall_ms: as the device claims.
        when: as far as it is known.
        dated_ahead: it claims a time after it came, or a later day.
    """

    row_id: int
    name: DeviceName
    log: bytes
    seq: int
    site: str
    gate: str
    direction: str
    wall_ms: int
    when: When
    dated_ahead: bool


@dataclass(frozen=True, slots=True)
class LogState:
    """What has come of one log.

    Attributes:
        count: envelopes that came, forks counted apart, as long as those are kept.
        first: lowest number that came.
        last: highest number that came.
        gaps: first and last of each hole, as far as the log is known to reach.
        forks: numbers that came with more than one envelope.
        dated_ahead: envelopes kept that claim a time after they came, or a later day.
        alerts: what was found, open and resolved.
    """

    name: DeviceName
    log: bytes
    count: int
    first: int
    last: int
    gaps: tuple[tuple[int, int], ...]
    forks: int
    dated_ahead: int
    alerts: tuple[Alert, ...]


def day_bounds_ms(day: date) -> tuple[int, int]:
    """First and one past the last millisecond of a day in Vietnam."""
    start_ms = int(datetime(day.year, day.month, day.day, tzinfo=VIETNAM).timestamp() * 1000)
    return start_ms, start_ms + _DAY_MS


def entries(
    connection: Connection, keystore: Keystore, limit: int, device: DeviceName | None = None, day: date | None = None
) -> list[ShownEntry]:
    """The latest passages and held entries, newest last, masked; only the rows shown are opened.

    Raises:
        KeystoreAway: the keystore cannot be read.
    """
    query = WITH_AHEAD.where(or_(entry.c.kind == Kind.PASSAGE.value, entry.c.kind.is_(None)), *_of(entry, device))
    if day is not None:
        first_ms, after_ms = day_bounds_ms(day)
        query = query.where(best_ms >= first_ms, best_ms < after_ms)
    keys = LookKeys(keystore)
    return [shown(row, keys) for row in connection.rows(query.order_by(entry.c.id.desc()).limit(limit))[::-1]]


def shown(row: Row, keys: LookKeys) -> ShownEntry:
    """A row of `WITH_AHEAD`, opened and masked."""
    person, note = None, row["reason"] or ""
    if row["status"] == "registered":
        body = passage_of(row, keys.get(row["epoch"]))
        person = None if body is None else (mask_name(body.person.name), mask_number(body.person.id_number))
        note = "" if person else "erased" if row["erased_ms"] else "its day's keys are destroyed, missing or damaged"
    return ShownEntry(
        DeviceName(row["org"], row["device"]), row["log"], row["seq"], row["kind"], row["site"], row["gate"], row["direction"],
        row["wall_ms"], row["corrected_ms"], row["clock"], row["status"], bool(row["forked"]), person, note, bool(row["dated_ahead"]),
    )  # fmt: skip


def last_day(connection: Connection) -> str:
    """The latest day that the register keeps anything under, YYYY-MM-DD; empty where there is none."""
    return connection.value(_LAST_DAY) or ""


def find(connection: Connection, keystore: Keystore, value: str, kinds: Iterable[Identifier] = NUMBERS) -> list[Found]:
    """Where and when an identifier passed, on every day that still has keys, in the order in which it was.

    Args:
        connection: the register.
        keystore: each day's token key is needed.
        value: an id number, old id, passport, phone or card number, as written on it.
        kinds: what it may be.

    Raises:
        KeystoreAway: the keystore cannot be read.
    """
    last, wanted = last_day(connection), tuple(kinds)  # keys are made weeks ahead
    keys = [found for found in (LookKeys(keystore).get(epoch) for epoch in keystore.epochs() if epoch <= last) if found is not None]
    rows: dict[int, Row] = {}
    for at in range(0, len(keys), _DAYS_AT_ONCE):
        asked: dict[str, object] = {}
        for number, day in enumerate(keys[at : at + _DAYS_AT_ONCE]):
            asked |= {f"mark_{number}_{place}": token(kind, value, day.token_key) for place, kind in enumerate(wanted)}
            asked[f"day_{number}"] = day.epoch
        query = _marked(min(len(keys) - at, _DAYS_AT_ONCE), len(wanted), in_parts=not connection.is_file)
        rows |= {row["id"]: row for row in connection.rows(query, asked)}
    found = [
        Found(
            row["id"], DeviceName(row["org"], row["device"]), row["log"], row["seq"], row["site"], row["gate"], row["direction"],
            row["wall_ms"], when(connection, row), bool(row["dated_ahead"]),
        )
        for row in rows.values()
    ]  # fmt: skip
    return sorted(found, key=lambda passage: (passage.when.sort_ms, str(passage.name), passage.log, passage.seq))


def count_passages(connection: Connection, keystore: Keystore, id_number: str) -> int:
    """How often the person of an id number of any kind passed, found by token alone."""
    return len(find(connection, keystore, id_number))


def alerts(connection: Connection, device: DeviceName | None = None) -> list[Alert]:
    """All alerts, or one device's, oldest first."""
    return [
        Alert(
            AlertKind(row["kind"]), DeviceName(row["org"], row["device"]), row["log"], row["seq"], row["hash"], row["raised_ms"],
            row["resolved_ms"],
        )
        for row in connection.rows(select(schema.alert).where(*_of(schema.alert, device)).order_by(schema.alert.c.id))
    ]  # fmt: skip


def _of(table: Table, name: DeviceName | None) -> tuple[ColumnElement[bool], ...]:
    """The rows of a device, or all."""
    return () if name is None else (table.c.org == name.org, table.c.device == name.device)


def spans(connection: Connection, device: DeviceName | None = None) -> dict[tuple[DeviceName, bytes], list[Span]]:
    """The ledger: the spans of every log, or of one device's, in order."""
    found: dict[tuple[DeviceName, bytes], list[Span]] = defaultdict(list)
    table = schema.ledger
    query = select(table).where(*_of(table, device)).order_by(table.c.org, table.c.device, table.c.log, table.c.first_seq)
    for row in connection.rows(query):
        name = DeviceName(row["org"], row["device"])
        found[name, row["log"]].append(Span(row["first_seq"], row["first_prev"], row["last_seq"], row["last_hash"]))
    return dict(found)


def logs(connection: Connection) -> list[LogState]:
    """Every log of every device, also those only announced by a later one."""
    ledger = spans(connection)
    announced: dict[tuple[DeviceName, bytes], int] = {
        (DeviceName(row["org"], row["device"]), row["log"]): row["most"] for row in connection.rows(_ANNOUNCED)
    }
    odd = {
        (DeviceName(row["org"], row["device"]), row["log"]): (row["forked"] - row["forks"], row["forks"], row["ahead"])
        for row in connection.rows(_ODD)
    }
    told = alerts(connection)
    return [
        _log_state(key, ledger.get(key, []), announced.get(key, 0), odd.get(key, (0, 0, 0)), told)
        for key in sorted({*ledger, *announced}, key=lambda key: (str(key[0]), key[1]))
    ]


def _log_state(
    key: tuple[DeviceName, bytes], found: Sequence[Span], announced: int, odd: tuple[int, int, int], told: Sequence[Alert]
) -> LogState:
    more, forks, ahead = odd
    count = sum(span.last - span.first + 1 for span in found) + more
    first, last = (found[0].first, max(span.last for span in found)) if found else (0, 0)
    about = tuple(alert for alert in told if (alert.name, alert.log) == key)
    return LogState(key[0], key[1], count, first, last, tuple(gaps(found, announced)), forks, ahead, about)


def check_registered(connection: Connection, name: DeviceName) -> None:
    """Makes sure that a device is known.

    Raises:
        NotAProvince: it is not.
    """
    if not connection.has(select(1).where(*_of(schema.device, name))):
        raise NotAProvince(f"no device {name} is registered. `gate-province device list` shows them.")
