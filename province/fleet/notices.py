"""Remembers what was told of which alert to whom, and when to try again: `fleet-notices.sqlite`. Each is told at least once.

A place that is new is told of the alerts that are open, not of old ones. What cannot be delivered is tried for a day, with waits that
double from ten seconds to an hour.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from province.base.errors import ProvinceError
from province.fleet.notice_settings import Sink
from province.watch.fleet_store import FleetAlert

FIRST_WAIT_MS, LONGEST_WAIT_MS, GIVE_UP_MS = 10_000, 3_600_000, 86_400_000
_KEPT_MS = 31 * 86_400_000
_MOST = 50  # in one message
_TABLE = """
CREATE TABLE IF NOT EXISTS notice(
    sink TEXT NOT NULL, org TEXT NOT NULL, device TEXT NOT NULL, trouble TEXT NOT NULL, raised_ms INTEGER NOT NULL, what TEXT NOT NULL,
    made_ms INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0, next_ms INTEGER,
    PRIMARY KEY(sink, org, device, trouble, raised_ms, what)) WITHOUT ROWID
"""
RAISED, OVER = "raised", "over"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell: an alert, and that it was raised or is over."""

    alert: FleetAlert
    what: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be told to a sink now."""

    sink: Sink
    notices: Sequence[Notice]
    tries: int


class Notices:
    """The memory; for one thread.

    Args:
        path: the file; made when absent.

    Raises:
        ProvinceError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._db = sqlite3.connect(path, timeout=5.0, isolation_level=None)
            self._db.executescript(f"PRAGMA journal_mode = WAL; {_TABLE};")
        except sqlite3.Error as error:
            raise ProvinceError(
                f"{path}: cannot be opened ({error}). Where it is damaged, remove it: open alerts are told again."
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def due(self, sinks: Iterable[Sink], alerts: Sequence[FleetAlert], now_ms: int, busy: Collection[str] = ()) -> list[Batch]:
        """Notes what is new, and returns what is to be told now.

        Args:
            sinks: all there are.
            alerts: that are open, or have ended in the last day.
            now_ms: milliseconds since 1970 UTC.
            busy: the sinks that are still at their last batch: what is new for them is noted, and told after it.
        """
        made = []
        for sink in sinks:
            self._note(sink, alerts, now_ms)
            if sink.name not in busy and (batch := self._batch(sink, alerts, now_ms)) is not None:
                made.append(batch)
        self._db.execute("DELETE FROM notice WHERE made_ms < ?", (now_ms - _KEPT_MS,))
        return made

    def delivered(self, batch: Batch) -> None:
        """It was told."""
        self._set(batch, "next_ms = NULL")

    def failed(self, batch: Batch, now_ms: int) -> int:
        """It was not told: tried again later, each for a day of its own; returns how many were given up."""
        made_ms = self._made_ms(batch)
        wait_ms = min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** min(batch.tries, 20))
        self._set(batch, f"tries = {batch.tries + 1}, next_ms = {now_ms + wait_ms}")
        old = [notice for notice, at_ms in zip(batch.notices, made_ms, strict=True) if now_ms - at_ms > GIVE_UP_MS]
        self.delivered(replace(batch, notices=old))
        return len(old)

    def _note(self, sink: Sink, alerts: Sequence[FleetAlert], now_ms: int) -> None:
        for alert in alerts:
            if sink.org not in {None, alert.name.org} or alert.trouble not in sink.troubles:
                continue
            if alert.ended_ms is None:
                if now_ms - alert.raised_ms >= sink.after_s * 1000:
                    self._add(sink, alert, RAISED, now_ms)
            elif sink.tell_end and self._has(sink, alert, RAISED):
                self._add(sink, alert, OVER, now_ms)

    def _batch(self, sink: Sink, alerts: Sequence[FleetAlert], now_ms: int) -> Batch | None:
        rows = self._db.execute("SELECT * FROM notice WHERE sink = ? AND next_ms <= ? ORDER BY raised_ms", (sink.name, now_ms)).fetchall()
        known = {_key(alert): alert for alert in alerts}
        found = [(known[tuple(row[1:5])], row[5], row[7]) for row in rows if tuple(row[1:5]) in known]
        gone = [row for row in rows if tuple(row[1:5]) not in known]  # of a device that was revoked
        self._db.executemany(
            "DELETE FROM notice WHERE sink = ? AND org = ? AND device = ? AND trouble = ? AND raised_ms = ?", [row[:5] for row in gone]
        )
        taken = found[:_MOST]
        return Batch(sink, [Notice(alert, what) for alert, what, _tries in taken], max(tries for *_, tries in taken)) if taken else None

    def _add(self, sink: Sink, alert: FleetAlert, what: str, now_ms: int) -> None:
        self._db.execute("INSERT OR IGNORE INTO notice VALUES(?, ?, ?, ?, ?, ?, ?, 0, ?)", (sink.name, *_key(alert), what, now_ms, now_ms))

    def _has(self, sink: Sink, alert: FleetAlert, what: str) -> bool:
        asked = "SELECT 1 FROM notice WHERE sink = ? AND org = ? AND device = ? AND trouble = ? AND raised_ms = ? AND what = ?"
        return self._db.execute(asked, (sink.name, *_key(alert), what)).fetchone() is not None

    def _made_ms(self, batch: Batch) -> list[int]:
        asked = "SELECT made_ms FROM notice WHERE sink = ? AND org = ? AND device = ? AND trouble = ? AND raised_ms = ? AND what = ?"
        return [self._db.execute(asked, key).fetchone()[0] for key in _keys(batch)]

    def _set(self, batch: Batch, change: str) -> None:
        where = "sink = ? AND org = ? AND device = ? AND trouble = ? AND raised_ms = ? AND what = ?"
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(f"UPDATE notice SET {change} WHERE {where}", _keys(batch))  # noqa: S608 - numbers of ours
        self._db.execute("COMMIT")


def _key(alert: FleetAlert) -> tuple[str, str, str, int]:
    return alert.name.org, alert.name.device, str(alert.trouble), alert.raised_ms


def _keys(batch: Batch) -> list[tuple[object, ...]]:
    return [(batch.sink.name, *_key(notice.alert), notice.what) for notice in batch.notices]
