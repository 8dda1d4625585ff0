"""Keeps which numbers of each log are of which day, so that a day can be proved complete after its entries are cleared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from sqlalchemy import ColumnElement, Table, case, select
from sqlalchemy.dialects.sqlite import Insert

from edge_agent.wire.entry import Clock
from edge_agent.wire.keyring import day_of
from edge_agent.wire.topics import DeviceName
from province.store import schema
from province.store.opened import Connection, Inserter

_KEY = ("org", "device", "log", "day")
_LAST_DAY_MS = 253_402_214_400_000  # 9999-12-31: later there is no civil day


@dataclass(frozen=True, slots=True)
class SureDay:
    """Between numbers `first` and `last` lie all entries of one log that were made on this day by a clock set by the network."""

    day: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class DayOfLog:
    """The entries of one log on one day: `entries` of them between numbers `first` and `last`."""

    day: str
    first: int
    last: int
    entries: int


def own_day(epoch: str | None, clock: str | None, wall_ms: int | None, corrected_ms: int | None) -> str | None:
    """The day an entry belongs to, YYYY-MM-DD: its key's, else its corrected or trusted time's, else nobody knows.

    Example:
        >>> own_day(None, "unknown", 1_633_366_800_000, None), own_day(None, "unknown", 0, 1_633_366_800_000)
        (None, '2021-10-05')
    """
    if epoch is not None:
        return epoch
    at_ms = corrected_ms if corrected_ms is not None else None if clock == Clock.UNKNOWN else wall_ms
    return None if at_ms is None or not 0 <= at_ms < _LAST_DAY_MS else day_of(at_ms).isoformat()


def note_many(connection: Connection, counted: Mapping[tuple[str, str, bytes, str], tuple[int, int, int]]) -> None:
    """Counts entries, in the open transaction.

    Args:
        connection: the register.
        counted: lowest and highest number and how many, by org, device, log and day.
    """
    if counted:
        rows = [
            {"org": key[0], "device": key[1], "log": key[2], "day": key[3], "first_seq": first, "last_seq": last, "entries": entries}
            for key, (first, last, entries) in counted.items()
        ]
        connection.many(_counting(connection.insert), rows)


def note_many_sure(connection: Connection, found: Mapping[tuple[str, str, bytes, str], tuple[int, int]]) -> None:
    """Notes lowest and highest number of entries made on a day for sure, by org, device, log and day; in the open transaction."""
    if found:
        rows = [
            {"org": key[0], "device": key[1], "log": key[2], "day": key[3], "first_seq": first, "last_seq": last}
            for key, (first, last) in found.items()
        ]
        connection.many(_noting_sure(connection.insert), rows)


@cache
def _counting(inserter: Inserter) -> Insert:
    counting = inserter(schema.day)
    more = _wider(schema.day, counting) | {"entries": schema.day.c.entries + counting.excluded.entries}
    return counting.on_conflict_do_update(index_elements=_KEY, set_=more)


@cache
def _noting_sure(inserter: Inserter) -> Insert:
    noting = inserter(schema.sure_day)
    return noting.on_conflict_do_update(index_elements=_KEY, set_=_wider(schema.sure_day, noting))


def _wider(table: Table, inserting: Insert) -> dict[str, ColumnElement[int]]:
    """The range that holds both the one there and the one to insert."""
    first, last = table.c.first_seq, table.c.last_seq
    new_first, new_last = inserting.excluded.first_seq, inserting.excluded.last_seq
    return {
        "first_seq": case((first < new_first, first), else_=new_first),
        "last_seq": case((last > new_last, last), else_=new_last),
    }


def note(connection: Connection, key: tuple[str, str, bytes], seq: int, day: str | None) -> None:
    """Counts an entry (by org, device, log) for a day, in the open transaction; None counts nowhere."""
    if day is not None:
        note_many(connection, {(*key, day): (seq, seq, 1)})


def sure_day_of(wall_ms: int) -> str | None:
    """The day of a time that is sure, None where there is no such day."""
    return day_of(wall_ms).isoformat() if 0 <= wall_ms < _LAST_DAY_MS else None


def sure_of_device(connection: Connection, name: DeviceName) -> dict[bytes, list[SureDay]]:
    """All sure days of each log of a device, by day."""
    found: dict[bytes, list[SureDay]] = {}
    table = schema.sure_day
    query = select(table).where(table.c.org == name.org, table.c.device == name.device).order_by(table.c.log, table.c.day)
    for row in connection.rows(query):
        found.setdefault(row["log"], []).append(SureDay(row["day"], row["first_seq"], row["last_seq"]))
    return found


def of_device(connection: Connection, name: DeviceName) -> dict[bytes, list[DayOfLog]]:
    """All days of each log of a device, by number."""
    found: dict[bytes, list[DayOfLog]] = {}
    table = schema.day
    query = select(table).where(table.c.org == name.org, table.c.device == name.device).order_by(table.c.log, table.c.first_seq)
    for row in connection.rows(query):
        found.setdefault(row["log"], []).append(DayOfLog(row["day"], row["first_seq"], row["last_seq"], row["entries"]))
    return found
