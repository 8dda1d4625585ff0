"""Finds out when something happened although the device did not know: by the `clock` entries of the same boot, or by its neighbours.

Source: design.md "Time". CLOCK_BOOTTIME runs on evenly within a boot, so one look at a good clock dates the whole boot. The claimed time
stays beside the corrected one. An entry without any gets bounds: after what its log had before it, before what came after.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, false, func, or_, select, update

from edge_agent.wire.entry import Clock, Kind
from edge_agent.wire.keyring import UNDATED
from edge_agent.wire.topics import DeviceName
from province.records import days
from province.records.day_counts import Counts
from province.store.opened import Connection, Row
from province.store.schema import announced, entry

TRUST = {Clock.UNKNOWN: 0, Clock.RTC: 1, Clock.SYNCHRONISED: 2}
AHEAD_MS = 5 * 60_000  # a device's clock may be a little ahead of ours; what is dated later than that is not believed
_WITNESSES_MOST = 64  # a boot has two or three; more would only keep the collector busy
_LOGS_BACK = 16
best_ms = func.coalesce(entry.c.corrected_ms, entry.c.wall_ms)
_TOLD = or_(entry.c.corrected_ms.is_not(None), entry.c.clock != Clock.UNKNOWN.value)
_KNOWN = and_(_TOLD, best_ms <= entry.c.registered_ms + AHEAD_MS)
dated_ahead = func.coalesce(  # claims a time after it came, or is sealed to a later day's key than it is kept under
    or_(
        and_(_TOLD, best_ms > entry.c.registered_ms + AHEAD_MS),
        and_(entry.c.key_id.not_like(f"{UNDATED}/%"), func.substr(entry.c.key_id, 1, 10) > entry.c.epoch),
    ),
    false(),
)
_OF_BOOT = and_(entry.c.org == bindparam("of_org"), entry.c.device == bindparam("of_device"), entry.c.boot == bindparam("of_boot"))
_WITNESSES = (
    select(entry.c.id, entry.c.wall_ms, entry.c.boottime_ms, entry.c.clock, entry.c.registered_ms)
    .where(_OF_BOOT, entry.c.kind == Kind.CLOCK.value)
    .order_by(entry.c.seq, entry.c.log, entry.c.hash)  # by log first, SQLite would go through all logs instead of the boot
    .limit(_WITNESSES_MOST)
)
_BLIND = select(entry).where(_OF_BOOT, entry.c.clock != Clock.SYNCHRONISED.value)


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


def _moment(row: Row) -> Moment:
    return Moment(row["wall_ms"], row["boottime_ms"], Clock(row["clock"]), row["registered_ms"])


def correct(connection: Connection, name: DeviceName, boot_id: bytes, row_ids: AbstractSet[int]) -> None:
    """Puts entries of a boot just stored right, or by them the others of it; in the open transaction."""
    boot = {"of_org": name.org, "of_device": name.device, "of_boot": boot_id}
    witnesses = connection.found(_WITNESSES, boot)
    if not witnesses:
        return
    changed = not row_ids.isdisjoint(row_id for row_id, *_ in witnesses)
    blind = connection.rows(_BLIND if changed else _BLIND.where(entry.c.id.in_(row_ids)), boot)
    known = [Moment(wall_ms, boottime_ms, Clock(clock), arrived_ms) for _id, wall_ms, boottime_ms, clock, arrived_ms in witnesses]
    counts = Counts()
    for row in blind:
        _correct_row(connection, row, corrected(_moment(row), known), counts)
    counts.write(connection)


def _correct_row(connection: Connection, row: Row, at_ms: int | None, counts: Counts) -> None:
    if at_ms is None or at_ms == row["corrected_ms"]:
        return
    connection.execute(update(entry).where(entry.c.id == row["id"]).values(corrected_ms=at_ms))
    counts.add(row, -1)
    counts.add(row, corrected_ms=at_ms)
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


class Whens:
    """When entries happened; what lies between two known times of a log is looked up once for all of it.

    Args:
        connection: the register.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._between: dict[tuple[str, str, bytes], list[tuple[int, int | None, int | None, int | None]]] = {}

    def of(self, row: Row) -> When:
        """When an entry happened, by its own clock, its boot's, or its neighbours in the chain; never after it came."""
        known_ms = row["corrected_ms"] if row["corrected_ms"] is not None else None if row["clock"] in (None, "unknown") else row["wall_ms"]
        if known_ms is not None and known_ms <= row["registered_ms"] + AHEAD_MS:
            return When(known_ms, known_ms, known_ms)
        before, later = self._bounds(DeviceName(row["org"], row["device"]), row["log"], row["seq"])
        return When(None, before, row["registered_ms"] if later is None else min(later, row["registered_ms"]))

    def _bounds(self, name: DeviceName, log: bytes, seq: int) -> tuple[int | None, int | None]:
        """The last known time before a number, and the first after it."""
        known = self._between.setdefault((name.org, name.device, log), [])
        for low, high, before, later in known:
            if low < seq and (high is None or seq < high):
                return before, later
        low, before = _known_before(self._connection, name, log, seq)
        high, later = _neighbour(self._connection, name, log, seq, forward=True) or (None, None)
        known.append((low, high, before, later))
        return before, later


def when(connection: Connection, row: Row) -> When:
    """When one entry happened; see `Whens`."""
    return Whens(connection).of(row)


def _known_before(connection: Connection, name: DeviceName, log: bytes, seq: int) -> tuple[int, int | None]:
    """The last number of known time before a number, 0 where it is in a log before it or nowhere, and that time."""
    for back in range(_LOGS_BACK):
        if (found := _neighbour(connection, name, log, seq, forward=False)) is not None:
            return (0 if back else found[0]), found[1]
        by_this = announced.c.org == name.org, announced.c.device == name.device, announced.c.by_log == log
        before = connection.row(select(announced.c.log, announced.c.seq).where(*by_this).limit(1))
        if before is None:
            break
        log, seq = before["log"], before["seq"] + 1
    return 0, None


def _neighbour(connection: Connection, name: DeviceName, log: bytes, seq: int, *, forward: bool) -> tuple[int, int] | None:
    """The nearest number of known time, and that time."""
    of_log = entry.c.org == name.org, entry.c.device == name.device, entry.c.log == log
    there, order = (entry.c.seq > seq, entry.c.seq) if forward else (entry.c.seq < seq, entry.c.seq.desc())
    row = connection.row(select(entry.c.seq, best_ms.label("at_ms")).where(*of_log, there, _KNOWN).order_by(order).limit(1))
    return None if row is None else (row["seq"], row["at_ms"])
