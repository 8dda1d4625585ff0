"""Closes days for good: their keys destroyed together, their rows cleared, the ledger and the tombstones left standing.

Source: design.md "Keys". Every step may be cut short at any moment and is finished by the next run: the keys go first, so that what
is left of a day cannot be read any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import Boolean, ColumnElement, Delete, Update, and_, bindparam, delete, func, literal_column, or_, select, update

from edge_agent.wire.entry import Clock
from edge_agent.wire.keyring import day_of
from edge_agent.wire.receipt import Status
from province.base.errors import ProvinceError
from province.keys.keystore import FLOOR_DAYS, Keystore
from province.records.clock_truth import AHEAD_MS, best_ms
from province.records.views import day_bounds_ms
from province.store import database, partitions
from province.store.opened import Connection
from province.store.schema import IS_HELD, entry, quarantine, token

DEFAULT_DAYS = 21
_QUIET_DAYS = 3
_ROWS_A_TRANSACTION = 2000
# 'undated/…' sorts after every day. In these words, or PostgreSQL does not see that `entry_stays` has what is not so.
_SEALED_TO_THE_DAY = literal_column("substr(coalesce(entry.key_id, ''), 1, 10) <= entry.epoch", Boolean)
_OF_DAY = select(func.count()).select_from(entry).where(entry.c.epoch == bindparam("of_day"))  # one part, or one stretch of an index
# Something still to clear; what an entry sealed to another key leaves behind has no body any more and stays.
_TO_CLEAR = select(1).where(entry.c.epoch == bindparam("of_day"), or_(entry.c.body.is_not(None), _SEALED_TO_THE_DAY)).limit(1)
_EXPIRE = update(entry).values(body=None, status=Status.EXPIRED.value, reason=None)


class ClockDoubtful(ProvinceError):
    """Nothing says that this machine's clock is right; nothing was destroyed."""


def kept_days(keystore: Keystore, today: date) -> int:
    """How many full days before today are kept, as the last run shows; `DEFAULT_DAYS` before the first.

    Raises:
        KeystoreAway: the keystore cannot be read now.
    """
    destroyed = keystore.destroyed()
    return max(FLOOR_DAYS, (today - date.fromisoformat(destroyed[-1])).days - 1) if destroyed else DEFAULT_DAYS


@dataclass(frozen=True, slots=True)
class ClosedDay:
    """A day that is closed, or would be.

    Attributes:
        day: YYYY-MM-DD.
        keys: whether its keys were there until now.
        entries: rows of it in the register until now.
    """

    day: str
    keys: bool
    entries: int


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What goes beside the days: held entries that nobody opened in time, and old refused messages."""

    held: int
    quarantined: int


class Retention:
    """One run over a province.

    Args:
        connection: the register.
        path: its file, for messages.
        keystore: the day keys.
        kept_days: how many full days before today are kept.
        now_ms: the time, milliseconds since 1970 UTC.

    Raises:
        ValueError: fewer days than the floor.
    """

    def __init__(self, connection: Connection, path: Path, keystore: Keystore, kept_days: int, now_ms: int) -> None:
        if kept_days < FLOOR_DAYS:
            raise ValueError(f"at least {FLOOR_DAYS} day must be kept")
        self._connection = connection
        self._path = path
        self._keystore = keystore
        self._now_ms = now_ms
        self.today = day_of(now_ms)
        self.first_kept = self.today - timedelta(days=kept_days)

    def due(self) -> list[ClosedDay]:
        """The days to close, oldest first: past retention, or cut short the last time.

        Raises:
            KeystoreAway: the keystore cannot be read now.
        """
        with_keys = {epoch for epoch in self._keystore.epochs() if epoch < self.first_kept.isoformat()}
        again = {epoch for epoch in self._keystore.destroyed() if self._connection.has(_TO_CLEAR, {"of_day": epoch})}
        wanted = with_keys | set(self._keystore.left_behind()) | again
        return [ClosedDay(epoch, epoch in with_keys, self._connection.value(_OF_DAY, {"of_day": epoch})) for epoch in sorted(wanted)]

    def come_back(self) -> list[ClosedDay]:
        """Days that were closed before and of which a register put back has something again."""
        return [one for one in self.due() if not one.keys]

    def doubt(self) -> None:
        """Refuses to go by a clock that may have run ahead: destroying is for good.

        Raises:
            ClockDoubtful: no scanner with a synchronised clock was heard of in the last days.
        """
        believed = entry.c.clock == Clock.SYNCHRONISED.value, entry.c.wall_ms <= self._now_ms + AHEAD_MS
        at_ms = self._connection.value(select(best_ms).where(*believed).order_by(best_ms.desc()).limit(1))
        newest = None if at_ms is None else day_of(at_ms)
        if newest is None or newest < self.today - timedelta(days=_QUIET_DAYS):
            heard = "never" if newest is None else f"last on {newest}"
            raise ClockDoubtful(
                f"nothing was destroyed: this machine says it is {self.today}, but a scanner with a synchronised clock was {heard} "
                f"heard of. If {self.today} is right, say --trust-clock."
            )

    def close(self, days: list[ClosedDay]) -> Iterator[ClosedDay]:
        """Closes days one after the other, saying each when it is done.

        Raises:
            TooEarly, KeystoreAway, RegisterBusy, OSError: this day is not closed yet; run again.
        """
        for one in days:
            day = date.fromisoformat(one.day)
            self._keystore.destroy(day, self.today)
            self._clear(one.day)
            yield one

    def _clear(self, epoch: str) -> None:
        if not self._connection.is_file:
            with database.transaction(self._connection, self._path):
                partitions.drop(self._connection, date.fromisoformat(epoch), _SEALED_TO_THE_DAY)
        self._in_parts(delete(entry), entry.c.epoch == epoch, _SEALED_TO_THE_DAY)
        # Sealed to a key that still lives, offline or of a later day: the row stays without its body, so that the same entry sent again
        # is known by its hash.
        self._forget_tokens(epoch)
        self._in_parts(_EXPIRE, entry.c.epoch == epoch, entry.c.body.is_not(None))

    def _forget_tokens(self, epoch: str) -> None:
        with database.transaction(self._connection, self._path):
            of_day = select(entry.c.id).where(entry.c.epoch == epoch)
            self._connection.execute(delete(token).where(token.c.entry_id.in_(of_day)))

    def _in_parts(self, statement: Update | Delete, *where: ColumnElement[bool]) -> int:
        """Changes rows by some thousands at a time: the collector waits for none of them long."""
        done = 0
        while True:
            with database.transaction(self._connection, self._path):
                some = select(entry.c.id).where(*where).limit(_ROWS_A_TRANSACTION)
                count = self._connection.execute(statement.where(entry.c.id.in_(some))).rowcount
            done += count
            if count < _ROWS_A_TRANSACTION:
                return done

    def leftovers(self) -> Leftovers:
        """What `sweep` would clear."""
        held, quarantined = self._leftover_rows()
        count = select(func.count())
        return Leftovers(
            self._connection.value(count.select_from(entry).where(held)),
            self._connection.value(count.select_from(quarantine).where(quarantined)),
        )

    def _leftover_rows(self) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        limit_ms = day_bounds_ms(self.first_kept)[0]
        return and_(IS_HELD, entry.c.registered_ms < limit_ms), quarantine.c.last_ms < limit_ms

    def sweep(self) -> Leftovers:
        """Clears what is held since before the first kept day (it was made before it came) and what was refused before.

        Raises:
            RegisterBusy: not all could be cleared; run again.
        """
        held, quarantined = self._leftover_rows()
        expired = self._in_parts(_EXPIRE, held)
        with database.transaction(self._connection, self._path):
            dropped = self._connection.execute(delete(quarantine).where(quarantined)).rowcount
        return Leftovers(expired, dropped)
