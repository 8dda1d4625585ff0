"""The cases (F0) that were opened: whom each is about, why, and who opened and approved it, closed under the key of their first day.

With that day's keys a case can be read no more: nothing about the person outlives the days that tell of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from sqlalchemy import bindparam, func, insert, select, update

from edge_agent.wire.cbor import Malformed, decode, encode
from edge_agent.wire.fields import Fields
from edge_agent.wire.keyring import day_of
from edge_agent.wire.sealing import CannotOpen
from province.base.errors import NotAProvince, ProvinceError
from province.keys import wrapping
from province.keys.day_keys import DayKeys
from province.records.opened_rows import LookKeys
from province.store.database import transaction
from province.store.opened import Connection, Row
from province.store.tracing_tables import tracing_case as table

_CONTEXT = "gate-scanner/v1/tracing-case"
_VERSION = 1


class State(StrEnum):
    """How far a case is."""

    WAITING = "waiting"  # for a second officer
    OPEN = "open"
    CLOSED = "closed"


class CaseShut(NotAProvince):
    """The case may not be looked at: it waits, is closed, or its day's keys are gone."""


@dataclass(frozen=True, slots=True)
class Details:
    """What of a case is closed.

    Attributes:
        number: of the person, as it was typed.
        reason: why, without naming them.
        days: so many full days before its first day are looked at.
        opened_by: an account's or officer's name in the audit log; `approved_by` likewise, empty while nobody has.
        unit: of the tracer who opened it, whose case it is; empty where it was opened at the command line, for the province.
    """

    number: str = field(repr=False)
    reason: str
    days: int
    opened_by: str
    approved_by: str = ""
    unit: str = ""


_MOST = 2**63 - 1  # that a database counts to
_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Case:
    """A case.

    Attributes:
        id: 1, 2, 3 …
        epoch: the day under whose keys it is closed, YYYY-MM-DD.
        details: None once that day's keys are gone.
    """

    id: int
    epoch: str
    state: State
    opened_ms: int
    approved_ms: int | None
    closed_ms: int | None
    details: Details | None

    def readable(self) -> Details:
        """What is needed to look at it.

        Raises:
            CaseShut: it may not be looked at.
        """
        if self.state is State.CLOSED:
            raise CaseShut(f"case {self.id} is closed. If it must be looked at again, open another for the same person.")
        if self.details is None:
            raise CaseShut(f"case {self.id}: the keys of {self.epoch} are gone, and with them whom it is about. Open another.")
        if self.state is State.WAITING:
            raise CaseShut(f"case {self.id} waits for a second officer's approval.")
        return self.details


def add(connection: Connection, path: Path, keys: LookKeys, details: Details, state: State, at_ms: int) -> Case:
    """Enters a case.

    Raises:
        ProvinceError: today has no keys.
        RegisterBusy: not now.
    """
    epoch = day_of(at_ms).isoformat()
    of_day = keys.get(epoch)
    if of_day is None:
        raise ProvinceError(f"there are no keys of {epoch}: run gate-province keyring publish, then open the case again.")
    with transaction(connection, path):
        number = int(connection.value(select(func.coalesce(func.max(table.c.id), 0)))) + 1
        approved_ms = at_ms if details.approved_by else None
        row = {"id": number, "epoch": epoch, "state": str(state), "opened_ms": at_ms, "approved_ms": approved_ms}
        connection.execute(insert(table), row | {"body": _closed(number, details, of_day)})
    return Case(number, epoch, state, at_ms, approved_ms, None, details)


def approve(connection: Connection, keys: LookKeys, one: Case, officer: str, at_ms: int) -> None:
    """Notes a second officer's approval, which `approving` allows, in a transaction that is open; the case is open.

    Raises:
        NotAProvince: it does not wait, or does no more since another had the last word.
    """
    if one.state is not State.WAITING or one.details is None or (of_day := keys.get(one.epoch)) is None:
        raise NotAProvince(f"case {one.id} does not wait for anybody.")
    body = _closed(one.id, replace(one.details, approved_by=officer), of_day)
    waiting = table.c.id == one.id, table.c.state == State.WAITING.value
    if connection.execute(update(table).where(*waiting).values(state=State.OPEN.value, approved_ms=at_ms, body=body)).rowcount != 1:
        raise NotAProvince(f"case {one.id}: somebody else approved or closed it meanwhile.")


def close(connection: Connection, one: Case, at_ms: int) -> None:
    """Closes a case for good, in a transaction that is open: whom it was about goes at once.

    Raises:
        NotAProvince: it is closed already.
    """
    still = table.c.id == one.id, table.c.state != State.CLOSED.value
    if connection.execute(update(table).where(*still).values(state=State.CLOSED.value, closed_ms=at_ms, body=None)).rowcount != 1:
        raise NotAProvince(f"case {one.id}: is closed already.")


def latest(connection: Connection, keys: LookKeys, *, below: int | None = None, readable_from: str | None = None) -> Iterator[Case]:
    """Cases, the newest first; read and opened some at a time, as they are taken.

    Args:
        connection: the register.
        keys: the day keys.
        below: only those of a smaller number.
        readable_from: the oldest day that has keys, YYYY-MM-DD: without the cases that tell nothing any more (closed, or of a day before).
    """
    wanted = select(table).where(table.c.id < bindparam("below")).order_by(table.c.id.desc()).limit(_AT_ONCE)
    if readable_from is not None:
        wanted = wanted.where(table.c.state != State.CLOSED.value, table.c.epoch >= readable_from)
    below = _MOST if below is None else below
    while rows := connection.rows(wanted, {"below": below}):
        yield from (_case(row, keys) for row in rows)
        below = rows[-1]["id"]


def find(connection: Connection, keys: LookKeys, number: int) -> Case:
    """A case.

    Raises:
        NotAProvince: there is none of this number.
    """
    row = connection.row(select(table).where(table.c.id == number)) if 0 < number <= _MOST else None
    if row is None:
        raise NotAProvince(f"case {number}: is not there. See `gate-province trace list`.")
    return _case(row, keys)


def _case(row: Row, keys: LookKeys) -> Case:
    return Case(row["id"], row["epoch"], State(row["state"]), row["opened_ms"], row["approved_ms"], row["closed_ms"], _details(row, keys))


def _about(number: int) -> bytes:
    return encode([_CONTEXT, number])


def _closed(number: int, details: Details, keys: DayKeys) -> bytes:
    fields: dict[int, object] = {1: _VERSION, 2: details.number, 3: details.reason, 4: details.days, 5: details.opened_by}
    if details.approved_by:
        fields[6] = details.approved_by
    if details.unit:
        fields[7] = details.unit
    return wrapping.wrap(encode(fields), _about(number), keys.data_key)


def _details(row: Row, keys: LookKeys) -> Details | None:
    of_day = keys.get(row["epoch"])
    if of_day is None or row["body"] is None:
        return None
    try:
        fields = Fields(decode(wrapping.unwrap(row["body"], _about(row["id"]), of_day.data_key), "case"), "case")
        fields.number(1, "version", _VERSION, _VERSION)
        return Details(
            fields.text(2, "number", 100), fields.text(3, "reason", 200), fields.number(4, "days"), fields.text(5, "opened_by", 100),
            fields.optional_text(6, "approved_by", 100) or "", fields.optional_text(7, "unit", 100) or "",
        )  # fmt: skip
    except (CannotOpen, Malformed):
        return None
