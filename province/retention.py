"""Closes days for good: their keys destroyed together, their rows cleared, the ledger and the tombstones left standing.

Source: design.md "Keys". Every step may be cut short at any moment and is finished by the next run: the keys go first, so that what
is left of a day cannot be read any more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from edge_agent.entry import Clock
from edge_agent.keyring import day_of
from edge_agent.receipt import Status
from province import database
from province.clock_truth import AHEAD_MS
from province.errors import ProvinceError
from province.keystore import FLOOR_DAYS, Keystore
from province.views import day_bounds_ms

DEFAULT_DAYS = 21
_QUIET_DAYS = 3
_ROWS_A_TRANSACTION = 2000
_SEALED_TO_THE_DAY = "substr(coalesce(key_id, ''), 1, 10) <= epoch"  # 'undated/…' sorts after every day
_EXPIRE = f"UPDATE entry SET body = NULL, status = '{Status.EXPIRED}', reason = NULL WHERE id IN"  # noqa: S608 - a constant of ours


class ClockDoubtful(ProvinceError):
    """Nothing says that this machine's clock is right; nothing was destroyed."""


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

    def __init__(self, connection: sqlite3.Connection, path: Path, keystore: Keystore, kept_days: int, now_ms: int) -> None:
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
        destroyed = set(self._keystore.destroyed())
        rows = {
            row["epoch"]: row["entries"]
            for row in self._connection.execute("SELECT epoch, count(*) AS entries FROM entry WHERE epoch IS NOT NULL GROUP BY epoch")
        }
        wanted = with_keys | set(self._keystore.left_behind()) | (destroyed & self._days_with_rows())
        return [ClosedDay(epoch, epoch in with_keys, rows.get(epoch, 0)) for epoch in sorted(wanted)]

    def _days_with_rows(self) -> set[str]:
        """Days with something still to clear; what an entry sealed to another key leaves behind has no body any more and stays."""
        query = f"SELECT DISTINCT epoch FROM entry WHERE epoch IS NOT NULL AND (body IS NOT NULL OR {_SEALED_TO_THE_DAY})"  # noqa: S608
        return {row["epoch"] for row in self._connection.execute(query)}

    def doubt(self) -> None:
        """Refuses to go by a clock that may have run ahead: destroying is for good.

        Raises:
            ClockDoubtful: no scanner with a synchronised clock was heard of in the last days.
        """
        row = self._connection.execute(
            "SELECT coalesce(corrected_ms, wall_ms) AS at_ms FROM entry WHERE clock = ? AND wall_ms <= ? "
            "ORDER BY coalesce(corrected_ms, wall_ms) DESC LIMIT 1",
            (str(Clock.SYNCHRONISED), self._now_ms + AHEAD_MS),
        ).fetchone()
        newest = None if row is None else day_of(row["at_ms"])
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
        self._in_parts("DELETE FROM entry WHERE id IN", f"epoch = ? AND {_SEALED_TO_THE_DAY}", epoch)
        # Sealed to a key that still lives, offline or of a later day: the row stays without its body, so that the same entry sent again
        # is known by its hash.
        self._forget_tokens(epoch)
        self._in_parts(_EXPIRE, "epoch = ? AND body IS NOT NULL", epoch)

    def _forget_tokens(self, epoch: str) -> None:
        with database.transaction(self._connection, self._path):
            self._connection.execute("DELETE FROM token WHERE entry_id IN (SELECT id FROM entry WHERE epoch = ?)", (epoch,))

    def _in_parts(self, statement: str, where: str, *values: object) -> int:
        """Changes rows by some thousands at a time: the collector waits for none of them long."""
        done = 0
        while True:
            with database.transaction(self._connection, self._path):
                count = self._connection.execute(
                    f"{statement} (SELECT id FROM entry WHERE {where} LIMIT {_ROWS_A_TRANSACTION})",  # noqa: S608 - constants of ours
                    values,
                ).rowcount
            done += count
            if count < _ROWS_A_TRANSACTION:
                return done

    def leftovers(self) -> Leftovers:
        """What `sweep` would clear."""
        held, quarantined = self._leftover_rows()
        counts = [
            self._connection.execute(f"SELECT count(*) FROM {table} WHERE {where}", (limit_ms,)).fetchone()[0]  # noqa: S608
            for table, where, limit_ms in (held, quarantined)
        ]
        return Leftovers(*counts)

    def _leftover_rows(self) -> tuple[tuple[str, str, int], tuple[str, str, int]]:
        limit_ms = day_bounds_ms(self.first_kept)[0]
        return ("entry", "status = 'held' AND registered_ms < ?", limit_ms), ("quarantine", "last_ms < ?", limit_ms)

    def sweep(self) -> Leftovers:
        """Clears what is held since before the first kept day (it was made before it came) and what was refused before.

        Raises:
            RegisterBusy: not all could be cleared; run again.
        """
        (_, held, limit_ms), (_, quarantined, _limit_ms) = self._leftover_rows()
        expired = self._in_parts(_EXPIRE, held, limit_ms)
        with database.transaction(self._connection, self._path):
            dropped = self._connection.execute(f"DELETE FROM quarantine WHERE {quarantined}", (limit_ms,)).rowcount  # noqa: S608
        return Leftovers(expired, dropped)
