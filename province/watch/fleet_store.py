"""Keeps the fleet as it is now and was in the last day, and its alerts: `fleet.sqlite`, beside the register and in no promise.

`gate-province watch` alone writes what devices tell; whoever shows it reads, and acknowledges. Losing the file loses no entry: it fills
again within a minute. It is bounded by the number of registered devices: of each the newest, 288 samples of five minutes, and the newest
200 alerts of 30 days. Every question takes an organisation, and answers of that alone: an operator sees only its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from edge_agent.wire import telemetry
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.entry import LogHead
from edge_agent.wire.telemetry import Status, Telemetry
from edge_agent.wire.topics import DeviceName
from province.base.errors import ProvinceError
from province.watch.fleet_rules import Seen, Trouble
from province.watch.fleet_sample import SLOT_MS, Sample

_Told = TypeVar("_Told")
_DAY_MS = 86_400_000
_ALERTS_MS, _ALERTS_MOST = 30 * _DAY_MS, 200
_APPLICATION_ID, _VERSION = 0x67464C54, 2  # "gFLT"
_TABLES = """
CREATE TABLE device(
    org TEXT NOT NULL, device TEXT NOT NULL, site TEXT NOT NULL, gate TEXT NOT NULL, added_ms INTEGER NOT NULL,
    status BLOB, status_ms INTEGER NOT NULL DEFAULT 0, telemetry BLOB, told_ms INTEGER NOT NULL DEFAULT 0,
    scans INTEGER NOT NULL DEFAULT 0, scanned_ms INTEGER NOT NULL DEFAULT 0,
    head_log BLOB, head_seq INTEGER, head_hash BLOB, far_log BLOB, far_seq INTEGER, far_hash BLOB,
    PRIMARY KEY(org, device)) WITHOUT ROWID;
CREATE TABLE sample(
    org TEXT NOT NULL, device TEXT NOT NULL, at_ms INTEGER NOT NULL, sample BLOB NOT NULL, PRIMARY KEY(org, device, at_ms)) WITHOUT ROWID;
CREATE TABLE alert(
    id INTEGER PRIMARY KEY, org TEXT NOT NULL, device TEXT NOT NULL, trouble TEXT NOT NULL, words TEXT NOT NULL,
    raised_ms INTEGER NOT NULL, ended_ms INTEGER, acknowledged_ms INTEGER, acknowledged_by TEXT,
    acknowledged_note TEXT);
CREATE UNIQUE INDEX alert_open ON alert(org, device, trouble) WHERE ended_ms IS NULL;
CREATE INDEX alert_by_time ON alert(raised_ms);
CREATE TABLE refused(
    org TEXT NOT NULL, device TEXT NOT NULL, leaf TEXT NOT NULL, times INTEGER NOT NULL, last_ms INTEGER NOT NULL, why TEXT NOT NULL,
    PRIMARY KEY(org, device, leaf)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class FleetAlert:
    """A trouble of one device, from when to when; times are milliseconds since 1970 UTC."""

    number: int
    name: DeviceName
    trouble: Trouble
    words: str
    raised_ms: int
    ended_ms: int | None
    acknowledged_ms: int | None
    acknowledged_by: str | None
    acknowledged_note: str | None


@dataclass(frozen=True, slots=True)
class RefusedCount:
    """How often something of a device was refused, since when the store was made: which leaf, and why the last time."""

    name: DeviceName
    leaf: str
    times: int
    last_ms: int
    why: str


class FleetStore:
    """The store, for use in one thread; several processes may have it open.

    Args:
        path: the file; made when absent.

    Raises:
        ProvinceError: it cannot be opened, or is another program's.

    As a context manager it closes itself.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._db = sqlite3.connect(path, timeout=5.0, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")  # what a power cut takes is told again
            self._make()
        except sqlite3.Error as error:
            raise ProvinceError(f"{path}: cannot be opened ({error}). It holds no entry: if it is damaged, remove it.") from None

    def _make(self) -> None:
        with self.together():
            made = tuple(self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
            if made == (_APPLICATION_ID, _VERSION):
                return
            if made == (_APPLICATION_ID, 1):
                self._db.execute("ALTER TABLE alert ADD COLUMN acknowledged_note TEXT")
                self._db.execute(f"PRAGMA user_version = {_VERSION}")
                return
            if self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise ProvinceError(f"{self._path}: not a fleet's file of this release. It holds no entry: remove it.")
            for statement in _TABLES.split(";\n"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            self._db.execute(f"PRAGMA user_version = {_VERSION}")

    def close(self) -> None:
        """Closes it."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Commits what is written inside at once; within another `together` it is part of that."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # What `gate-province watch` writes

    def registered(self, devices: Sequence[Seen]) -> list[DeviceName]:
        """Knows these devices and no others: of whoever is not registered any more nothing is kept. Returns who that is."""
        with self.together():
            gone = {DeviceName(*row) for row in self._db.execute("SELECT org, device FROM device")}
            gone -= {seen.name for seen in devices}
            for name in gone:
                for table in ("device", "sample", "alert", "refused"):
                    self._db.execute(f"DELETE FROM {table} WHERE org = ? AND device = ?", (name.org, name.device))  # noqa: S608 - ours
            self._db.executemany(
                "INSERT INTO device(org, device, site, gate, added_ms) VALUES(?, ?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET site = excluded.site, gate = excluded.gate, added_ms = excluded.added_ms",
                [(seen.name.org, seen.name.device, seen.site, seen.gate, seen.added_ms) for seen in devices],
            )
        return sorted(gone, key=str)

    def status(self, name: DeviceName, status: Status, now_ms: int) -> bool:
        """Notes a birth or will; False when the device is not registered. One that is said again, as a broker does, keeps its time."""
        said = telemetry.encode(status)
        done = self._db.execute(
            "UPDATE device SET status_ms = CASE WHEN status IS ? AND told_ms <= status_ms THEN status_ms ELSE ? END, status = ? "
            "WHERE org = ? AND device = ?",
            (said, now_ms, said, name.org, name.device),
        )
        return done.rowcount == 1

    def told(self, name: DeviceName, told: Telemetry, head: LogHead | None, now_ms: int) -> bool:
        """Notes telemetry; False when the device is not registered.

        Args:
            name: whose.
            told: what came.
            head: what it signed, checked; None when it signed nothing.
            now_ms: when it came.
        """
        before = self._db.execute("SELECT * FROM device WHERE org = ? AND device = ?", (name.org, name.device)).fetchone()
        if before is None:
            return False
        scans = sum(told.answers.values())
        scanned_ms = now_ms if scans > 0 and scans != before["scans"] else before["scanned_ms"]  # fewer: firmware has started anew
        far = _furthest(_head(before, "far"), head)
        heads = [part for each in (head, far) for part in ((None,) * 3 if each is None else (each.log, each.seq, each.hash))]
        with self.together():
            self._db.execute(
                "UPDATE device SET telemetry = ?, told_ms = ?, scans = ?, scanned_ms = ?, head_log = ?, head_seq = ?, head_hash = ?, "
                "far_log = ?, far_seq = ?, far_hash = ? WHERE org = ? AND device = ?",
                (telemetry.encode(told), now_ms, scans, scanned_ms, *heads, name.org, name.device),
            )
            slot_ms = now_ms - now_ms % SLOT_MS
            sample = msgspec.json.encode(Sample.of(told, slot_ms))
            self._db.execute("INSERT OR REPLACE INTO sample VALUES(?, ?, ?, ?)", (name.org, name.device, slot_ms, sample))
        return True

    def refuse(self, name: DeviceName, leaf: str, why: str, now_ms: int) -> None:
        """Counts something that was refused, of a registered device."""
        self._db.execute(
            "INSERT INTO refused SELECT ?, ?, ?, 1, ?, ? WHERE EXISTS(SELECT 1 FROM device WHERE org = ? AND device = ?) "
            "ON CONFLICT DO UPDATE SET times = times + 1, last_ms = excluded.last_ms, why = excluded.why",
            (name.org, name.device, leaf, now_ms, why[:200], name.org, name.device),
        )

    def judged(self, name: DeviceName, found: Mapping[Trouble, str], now_ms: int) -> tuple[list[Trouble], list[Trouble]]:
        """Raises an alert for each new trouble and ends those that are over.

        Returns:
            What is new, and what is over.
        """
        name_of = (name.org, name.device)
        with self.together():
            rows = self._db.execute(
                "SELECT trouble, words FROM alert WHERE org = ? AND device = ? AND ended_ms IS NULL", (name.org, name.device)
            )
            held = {Trouble(row["trouble"]): row["words"] for row in rows}
            new, over = [each for each in found if each not in held], [each for each in held if each not in found]
            for trouble in new:
                self._db.execute(
                    "INSERT INTO alert(org, device, trouble, words, raised_ms) VALUES(?, ?, ?, ?, ?)",
                    (name.org, name.device, trouble, found[trouble], now_ms),
                )
            where = "WHERE org = ? AND device = ? AND trouble = ? AND ended_ms IS NULL"
            for trouble in over:
                self._db.execute(f"UPDATE alert SET ended_ms = ? {where}", (now_ms, name.org, name.device, trouble))  # noqa: S608
            for trouble in found.keys() & held.keys():
                if found[trouble] != held[trouble]:
                    self._db.execute(f"UPDATE alert SET words = ? {where}", (found[trouble], *name_of, trouble))  # noqa: S608
        return new, over

    def trim(self, now_ms: int) -> None:
        """Forgets samples older than a day, alerts that ended 30 days ago, and of those of a device that flaps all but the newest 200."""
        with self.together():
            self._db.execute("DELETE FROM sample WHERE at_ms < ?", (now_ms - _DAY_MS,))
            self._db.execute("DELETE FROM alert WHERE ended_ms < ?", (now_ms - _ALERTS_MS,))
            self._db.execute(
                "DELETE FROM alert WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY org, device ORDER BY id DESC) "
                "AS place FROM alert WHERE ended_ms IS NOT NULL) WHERE place > ?)",
                (_ALERTS_MOST,),
            )

    # What whoever shows the fleet asks

    def devices(self, org: str | None) -> list[Seen]:
        """Every registered device of an organisation, or of all (None, for the province's own staff), by name."""
        return [_seen(row) for row in self._db.execute(f"SELECT * FROM device {_of(org)} ORDER BY org, device", _args(org))]  # noqa: S608

    def heard_since(self, at_ms: int) -> list[Seen]:
        """The devices of which something has come at that time or later, in no order."""
        return [_seen(row) for row in self._db.execute("SELECT * FROM device WHERE told_ms >= ? OR status_ms >= ?", (at_ms, at_ms))]

    def number_of_changes(self) -> int:
        """Another one after each change by another connection."""
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def device(self, name: DeviceName) -> Seen | None:
        """One device, None when it is not registered; who asks for an operator compares `name.org` first."""
        row = self._db.execute("SELECT * FROM device WHERE org = ? AND device = ?", (name.org, name.device)).fetchone()
        return None if row is None else _seen(row)

    def history(self, org: str | None, name: DeviceName) -> list[Sample]:
        """A device's last day, oldest first, five minutes apart where it told something; empty for another organisation's."""
        if org not in {None, name.org}:
            return []
        rows = self._db.execute("SELECT sample FROM sample WHERE org = ? AND device = ? ORDER BY at_ms", (name.org, name.device))
        return [msgspec.json.decode(row["sample"], type=Sample) for row in rows]

    def alerts(
        self, org: str | None, *, also_ended: bool = False, of: DeviceName | None = None, ended_since_ms: int = 0
    ) -> list[FleetAlert]:
        """Alerts that are open, or all of the last 30 days, newest first.

        Args:
            org: of this organisation; None: of all.
            also_ended: also those that are over.
            of: of this device alone.
            ended_since_ms: those that are over only where they ended then or later.
        """
        asked: list[tuple[str, object]] = [("1 = 1", None)] if also_ended and not ended_since_ms else [("ended_ms IS NULL", None)]
        if also_ended and ended_since_ms:
            asked = [("(ended_ms IS NULL OR ended_ms >= ?)", ended_since_ms)]
        if org is not None:
            asked.append(("org = ?", org))
        if of is not None:
            asked += [("org = ?", of.org), ("device = ?", of.device)]
        where, values = " AND ".join(each for each, _value in asked), [value for _each, value in asked if value is not None]
        rows = self._db.execute(f"SELECT * FROM alert WHERE {where} ORDER BY id DESC", values)  # noqa: S608 - words of ours
        return [
            FleetAlert(
                row["id"], DeviceName(row["org"], row["device"]), Trouble(row["trouble"]), row["words"], row["raised_ms"], row["ended_ms"],
                row["acknowledged_ms"], row["acknowledged_by"], row["acknowledged_note"],
            )
            for row in rows
        ]  # fmt: skip

    def acknowledge(self, org: str | None, number: int, by: str, now_ms: int, note: str = "") -> bool:
        """Notes who has taken an alert on; the first stays. False when the organisation has none of that number, or it was taken."""
        done = self._db.execute(
            "UPDATE alert SET acknowledged_ms = ?, acknowledged_by = ?, acknowledged_note = ? "
            "WHERE id = ? AND acknowledged_ms IS NULL AND (? IS NULL OR org = ?)",
            (now_ms, by[:80], note[:200], number, org, org),
        )
        return done.rowcount == 1

    def refused(self, org: str | None) -> list[RefusedCount]:
        """What was refused of each device."""
        rows = self._db.execute(f"SELECT * FROM refused {_of(org)} ORDER BY org, device, leaf", _args(org))  # noqa: S608
        return [RefusedCount(DeviceName(row[0], row[1]), *tuple(row)[2:]) for row in rows]


def _of(org: str | None) -> str:
    return "" if org is None else "WHERE org = ?"


def _args(org: str | None) -> tuple[str, ...]:
    return () if org is None else (org,)


def _head(row: sqlite3.Row, which: str) -> LogHead | None:
    return None if row[f"{which}_log"] is None else LogHead(row[f"{which}_log"], row[f"{which}_seq"], row[f"{which}_hash"])


def _furthest(before: LogHead | None, now: LogHead | None) -> LogHead | None:
    if now is None or (before is not None and before.log == now.log and before.seq >= now.seq):
        return before
    return now


def _seen(row: sqlite3.Row) -> Seen:
    return Seen(
        DeviceName(row["org"], row["device"]),
        row["site"],
        row["gate"],
        row["added_ms"],
        _read(telemetry.decode_status, row["status"]),
        row["status_ms"],
        _read(telemetry.decode, row["telemetry"]),
        row["told_ms"],
        row["scanned_ms"],
        _head(row, "head"),
        _head(row, "far"),
    )


def _read(decode: Callable[[bytes], _Told], stored: bytes | None) -> _Told | None:
    """What was stored; None for what an earlier release stored and this one does not take."""
    with suppress(Malformed):
        return None if stored is None else decode(stored)
    return None
