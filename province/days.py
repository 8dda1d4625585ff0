"""Keeps which numbers of each log are of which day, so that a day can be proved complete after its entries are cleared."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from edge_agent.entry import Clock
from edge_agent.keyring import day_of
from edge_agent.topics import DeviceName

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


def note(connection: sqlite3.Connection, key: tuple[str, str, bytes], seq: int, day: str | None) -> None:
    """Counts an entry (by org, device, log) for a day, in the open transaction; None counts nowhere."""
    if day is not None:
        connection.execute(
            "INSERT INTO day VALUES (?, ?, ?, ?, ?, ?, 1) ON CONFLICT(org, device, log, day) DO UPDATE SET "
            "first_seq = min(first_seq, excluded.first_seq), last_seq = max(last_seq, excluded.last_seq), entries = entries + 1",
            (*key, day, seq, seq),
        )


def note_sure(connection: sqlite3.Connection, key: tuple[str, str, bytes], seq: int, wall_ms: int) -> None:
    """Notes on which day an entry (by org, device, log) was made for sure, in the open transaction."""
    if 0 <= wall_ms < _LAST_DAY_MS:
        connection.execute(
            "INSERT INTO sure_day VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT(org, device, log, day) DO UPDATE SET "
            "first_seq = min(first_seq, excluded.first_seq), last_seq = max(last_seq, excluded.last_seq)",
            (*key, day_of(wall_ms).isoformat(), seq, seq),
        )


def sure_of_device(connection: sqlite3.Connection, name: DeviceName) -> dict[bytes, list[SureDay]]:
    """All sure days of each log of a device, by day."""
    found: dict[bytes, list[SureDay]] = {}
    for row in connection.execute("SELECT * FROM sure_day WHERE org = ? AND device = ? ORDER BY log, day", (name.org, name.device)):
        found.setdefault(row["log"], []).append(SureDay(row["day"], row["first_seq"], row["last_seq"]))
    return found


def of_device(connection: sqlite3.Connection, name: DeviceName) -> dict[bytes, list[DayOfLog]]:
    """All days of each log of a device, by number."""
    found: dict[bytes, list[DayOfLog]] = {}
    for row in connection.execute("SELECT * FROM day WHERE org = ? AND device = ? ORDER BY log, first_seq", (name.org, name.device)):
        found.setdefault(row["log"], []).append(DayOfLog(row["day"], row["first_seq"], row["last_seq"], row["entries"]))
    return found
