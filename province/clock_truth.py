"""Finds out when something happened although the device did not know: by the `clock` entries of the same boot, or by its neighbours.

Source: design.md "Time". CLOCK_BOOTTIME runs on evenly within a boot, so one look at a good clock dates the whole boot. The claimed time
stays beside the corrected one. An entry without any gets bounds: after what its log had before it, before what came after.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from edge_agent.entry import Clock, Header, Kind
from edge_agent.keyring import UNDATED
from edge_agent.topics import DeviceName
from province import days

TRUST = {Clock.UNKNOWN: 0, Clock.RTC: 1, Clock.SYNCHRONISED: 2}
AHEAD_MS = 5 * 60_000  # a device's clock may be a little ahead of ours; what is dated later than that is not believed
_WITNESSES_MOST = 64  # a boot has two or three; more would only keep the collector busy
_LOGS_BACK = 16
_KNOWN = f"(corrected_ms IS NOT NULL OR clock <> 'unknown') AND coalesce(corrected_ms, wall_ms) <= registered_ms + {AHEAD_MS}"
DATED_AHEAD = (  # claims a time after it came, or is sealed to a later day's key than it is kept under
    f"(coalesce(corrected_ms IS NOT NULL OR clock <> 'unknown', 0) AND coalesce(corrected_ms, wall_ms) > registered_ms + {AHEAD_MS} "
    f"OR key_id NOT LIKE '{UNDATED}/%' AND substr(key_id, 1, 10) > epoch)"
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment by the device's clocks.

    Attributes:
        wall_ms: as claimed, milliseconds since 1970 UTC.
        boottime_ms: since boot.
        clock: how far the claim may be trusted.
        arrived_ms: when the province had it: an upper bound.
    """

    wall_ms: int
    boottime_ms: int
    clock: Clock
    arrived_ms: int

    @property
    def is_witness(self) -> bool:
        """Tells whether a `clock` entry of this moment may correct others."""
        return self.clock is not Clock.UNKNOWN and self.wall_ms <= self.arrived_ms + AHEAD_MS


def corrected(moment: Moment, witnesses: Iterable[Moment]) -> int | None:
    """When it was, by the `clock` entries of its boot, or None when they know no better.

    The most trusted clock counts, of equals the one nearest in time since boot.

    Example:
        >>> blind = Moment(5_000, 5_000, Clock.UNKNOWN, 10**13)
        >>> corrected(blind, [Moment(1_700_000_060_000, 60_000, Clock.SYNCHRONISED, 10**13)])
        1700000005000
    """
    better = [one for one in witnesses if one.is_witness and TRUST[one.clock] > TRUST[moment.clock]]
    if not better:
        return None
    best = min(better, key=lambda one: (-TRUST[one.clock], abs(one.boottime_ms - moment.boottime_ms), one.boottime_ms, one.wall_ms))
    at_ms = best.wall_ms - best.boottime_ms + moment.boottime_ms
    return at_ms if 0 <= at_ms <= moment.arrived_ms + AHEAD_MS else None


def _moment(row: sqlite3.Row) -> Moment:
    return Moment(row["wall_ms"], row["boottime_ms"], Clock(row["clock"]), row["registered_ms"])


def correct(connection: sqlite3.Connection, row_id: int, header: Header) -> None:
    """Puts an entry just stored right, or by it the others of its boot; in the open transaction."""
    boot = (header.name.org, header.name.device, header.boot)
    witnesses = connection.execute(
        "SELECT id, wall_ms, boottime_ms, clock, registered_ms FROM entry INDEXED BY entry_by_boot "  # else by the order: ten times slower
        "WHERE org = ? AND device = ? AND boot = ? AND kind = ? ORDER BY log, seq, hash LIMIT ?",
        (*boot, str(Kind.CLOCK), _WITNESSES_MOST),
    ).fetchall()
    if not witnesses:
        return
    changed = row_id in {row["id"] for row in witnesses}
    which, value = ("boot = ?", header.boot) if changed else ("id = ?", row_id)
    blind = connection.execute(
        f"SELECT * FROM entry WHERE org = ? AND device = ? AND {which} AND clock <> ?",  # noqa: S608 - constants of ours
        (header.name.org, header.name.device, value, str(Clock.SYNCHRONISED)),
    ).fetchall()
    known = [_moment(row) for row in witnesses]
    for row in blind:
        _correct_row(connection, row, corrected(_moment(row), known))


def _correct_row(connection: sqlite3.Connection, row: sqlite3.Row, at_ms: int | None) -> None:
    if at_ms is None or at_ms == row["corrected_ms"]:
        return
    connection.execute("UPDATE entry SET corrected_ms = ? WHERE id = ?", (at_ms, row["id"]))
    before = days.own_day(row["epoch"], row["clock"], row["wall_ms"], row["corrected_ms"])
    if before is None:
        day = days.own_day(None, row["clock"], row["wall_ms"], at_ms)
        days.note(connection, (row["org"], row["device"], row["log"]), row["seq"], day)


@dataclass(frozen=True, slots=True)
class When:
    """When something happened: `at_ms` if known, otherwise not before and not after (None: nobody can say)."""

    at_ms: int | None
    not_before_ms: int | None
    not_after_ms: int | None

    @property
    def sort_ms(self) -> int:
        """What to order by; entries of one log between two known times share it, and their numbers order them."""
        return self.at_ms if self.at_ms is not None else self.not_before_ms or 0


def when(connection: sqlite3.Connection, row: sqlite3.Row) -> When:
    """When an entry happened, by its own clock, its boot's, or its neighbours in the chain; never after it came."""
    known_ms = row["corrected_ms"] if row["corrected_ms"] is not None else None if row["clock"] in (None, "unknown") else row["wall_ms"]
    if known_ms is not None and known_ms <= row["registered_ms"] + AHEAD_MS:
        return When(known_ms, known_ms, known_ms)
    name = DeviceName(row["org"], row["device"])
    later = _neighbour(connection, name, row["log"], row["seq"], forward=True)
    return When(
        None,
        _known_before(connection, name, row["log"], row["seq"]),
        row["registered_ms"] if later is None else min(later, row["registered_ms"]),
    )


def _known_before(connection: sqlite3.Connection, name: DeviceName, log: bytes, seq: int) -> int | None:
    """The last known time before a number, in its log or the logs before it."""
    for _ in range(_LOGS_BACK):
        if (found := _neighbour(connection, name, log, seq, forward=False)) is not None:
            return found
        before = connection.execute(
            "SELECT log, seq FROM announced WHERE org = ? AND device = ? AND by_log = ? LIMIT 1", (name.org, name.device, log)
        ).fetchone()
        if before is None:
            return None
        log, seq = before["log"], before["seq"] + 1
    return None


def _neighbour(connection: sqlite3.Connection, name: DeviceName, log: bytes, seq: int, *, forward: bool) -> int | None:
    compare, order = (">", "ASC") if forward else ("<", "DESC")
    row = connection.execute(
        f"SELECT coalesce(corrected_ms, wall_ms) FROM entry WHERE org = ? AND device = ? AND log = ? AND seq {compare} ? "  # noqa: S608
        f"AND {_KNOWN} ORDER BY seq {order} LIMIT 1",
        (name.org, name.device, log, seq),
    ).fetchone()
    return None if row is None else int(row[0])
