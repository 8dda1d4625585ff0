"""Writes to the register: entries once each, with ledger, tokens and alerts, a whole batch in one transaction.

Source: design.md "The register at rest" and promise 2. What `store` returned may be receipted: it is on the disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from edge_agent.entry import Clock, LogHead, Passage, encode_body
from edge_agent.receipt import Status
from edge_agent.topics import DeviceName
from province import clock_truth, database, days, devices, erasures, predecessors, revocations, wrapping
from province.alerts import AlertKind
from province.database import RegisterBusy
from province.fate import Opened
from province.identifiers import tokens
from province.intake import Refused, Taken
from province.keystore import Keystore
from province.ledger import Span, merge
from province.quarantine import put_away
from province.receipt_ranges import Outcome

_LOG = "org = ? AND device = ? AND log = ?"


@dataclass(frozen=True, slots=True)
class Stored:
    """What the register did with one entry.

    Attributes:
        repeated: it was there already, byte for byte; nothing changed.
        kind: what the entry records, None when its version is not understood.
    """

    name: DeviceName
    log: bytes
    outcome: Outcome
    repeated: bool
    kind: str | None


class Register:
    """The register, for one thread.

    Args:
        path: the database file, made by `gate-province init`.
        wait_s: how long to wait for another program's lock.

    Raises:
        NotAProvince: there is none.
        RegisterBusy: it cannot be opened now.
    """

    def __init__(self, path: Path, wait_s: float = 5.0) -> None:
        self.path = path
        self._connection = database.connect(path, wait_s)
        try:
            self._place = database.Place(path)
        except RegisterBusy:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def device(self, name: DeviceName) -> devices.Device | None:
        """A registered device, or None.

        Raises:
            RegisterBusy: it cannot be told now.
        """
        with database.explained(self.path):
            return devices.find(self._connection, name)

    def latest_ms(self) -> int:
        """When the entry stored last was stored, milliseconds since 1970 UTC; 0 before the first.

        Raises:
            RegisterBusy: it cannot be told now.
        """
        with database.explained(self.path):
            row = self._connection.execute("SELECT registered_ms FROM entry ORDER BY id DESC LIMIT 1").fetchone()
        return 0 if row is None else int(row["registered_ms"])

    def erase_again(self, keystore: Keystore, at_ms: int) -> int:
        """Erases what was erased before and has come back; says how many rows.

        Raises:
            KeystoreAway, ErasuresDamaged, RegisterBusy: as `erasures.reapply`.
        """
        return erasures.reapply(self._connection, self.path, keystore, at_ms)

    def revoke_again(self, keystore: Keystore, at_ms: int) -> int:
        """Revokes what was revoked before and counts again; says how many devices and certificates.

        Raises:
            KeystoreAway, NotNoted, RevocationsDamaged, RegisterBusy: as `revocations.reapply`.
        """
        return revocations.reapply(self._connection, self.path, keystore, at_ms)

    def store(self, batch: Sequence[Taken | Refused], clock: Callable[[], int]) -> list[Stored | Refused]:
        """Stores a batch, all or nothing.

        Args:
            batch: what `Intake.examine` said.
            clock: milliseconds since 1970 UTC.

        Returns:
            What became of each, in order. It is committed.

        Raises:
            RegisterBusy: nothing was stored; try again later.
            RegisterReplaced: nothing was stored where anybody would find it; open the register anew.
        """
        self._place.check()
        at_ms = clock()
        with database.transaction(self._connection, self.path):
            results = [put_away(self._connection, item, at_ms) if isinstance(item, Refused) else self._store(item, at_ms) for item in batch]
        self._place.check()  # committed, but where? no receipt for what lies in a lost file
        return _with_forks(results)

    def _store(self, entry: Taken, at_ms: int) -> Stored:
        row = self._connection.execute(
            f"SELECT status, reason, forked FROM entry WHERE {_LOG} AND seq = ? AND hash = ?",  # noqa: S608 - a constant of ours
            (*_key(entry), entry.seq, entry.hash),
        ).fetchone()
        if row is not None:
            outcome = _outcome(entry, Status(row["status"]), row["reason"], forked=bool(row["forked"]))
            return _stored(entry, outcome, repeated=True)
        extended = self._extend_ledger(entry, at_ms)
        if not extended and self._only_in_ledger(entry):
            return _stored(entry, _outcome(entry, entry.fate.status, entry.fate.reason), repeated=True)
        self._insert(entry, at_ms, forked=not extended)
        if not extended:
            self._connection.execute(f"UPDATE entry SET forked = 1 WHERE {_LOG} AND seq = ?", (*_key(entry), entry.seq))  # noqa: S608
            self._alert(AlertKind.FORK, entry.name, LogHead(entry.log, entry.seq, entry.hash), at_ms)
            if not self._has_predecessor(entry):  # the branches parted earlier than here
                self._alert(AlertKind.BROKEN_LINK, entry.name, LogHead(entry.log, entry.seq, entry.prev), at_ms)
        self._note_logs(entry, at_ms)
        return _stored(entry, _outcome(entry, entry.fate.status, entry.fate.reason, forked=not extended), repeated=False)

    def _only_in_ledger(self, entry: Taken) -> bool:
        """A late copy of a day that was cleared: its bytes are gone and cannot be compared, nor ever be read."""
        held = self._connection.execute(f"SELECT 1 FROM entry WHERE {_LOG} AND seq = ? LIMIT 1", (*_key(entry), entry.seq)).fetchone()  # noqa: S608
        return held is None and entry.fate.status is Status.EXPIRED

    def _has_predecessor(self, entry: Taken) -> bool:
        query = f"SELECT 1 FROM entry WHERE {_LOG} AND seq = ? AND hash = ?"  # noqa: S608 - a constant of ours
        found = self._connection.execute(query, (*_key(entry), entry.seq - 1, entry.prev))
        return entry.seq == 1 or found.fetchone() is not None

    def _extend_ledger(self, entry: Taken, at_ms: int) -> bool:
        """Adds the entry's number; False when the ledger has it already."""
        spans = (
            self._span(f"SELECT * FROM ledger WHERE {_LOG} AND first_seq <= ? ORDER BY first_seq DESC LIMIT 1", entry),  # noqa: S608
            self._span(f"SELECT * FROM ledger WHERE {_LOG} AND first_seq > ? ORDER BY first_seq LIMIT 1", entry),  # noqa: S608
        )
        change = merge(*spans, Span(entry.seq, entry.prev, entry.seq, entry.hash))
        if change is None:
            return False
        for span in change.removed:
            self._connection.execute(f"DELETE FROM ledger WHERE {_LOG} AND first_seq = ?", (*_key(entry), span.first))  # noqa: S608
        new = change.span
        self._connection.execute(
            "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?)", (*_key(entry), new.first, new.first_prev, new.last, new.last_hash)
        )
        for broken in change.broken:
            self._alert(AlertKind.BROKEN_LINK, entry.name, LogHead(entry.log, broken.seq, broken.prev), at_ms)
        return True

    def _span(self, query: str, entry: Taken) -> Span | None:
        row = self._connection.execute(query, (*_key(entry), entry.seq)).fetchone()
        return None if row is None else Span(row["first_seq"], row["first_prev"], row["last_seq"], row["last_hash"])

    def _insert(self, entry: Taken, at_ms: int, *, forked: bool) -> None:
        row = _row(entry, at_ms, forked=forked)
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        cursor = self._connection.execute(f"INSERT INTO entry({columns}) VALUES ({marks})", tuple(row.values()))  # noqa: S608
        row_id = int(cursor.lastrowid or 0)
        if entry.fate.opened is not None:
            add_tokens(self._connection, row_id, entry.fate.opened)
        if entry.header is not None:
            header = entry.header
            days.note(self._connection, _key(entry), entry.seq, days.own_day(entry.fate.epoch, header.clock, header.wall_ms, None))
            if not forked and header.clock is Clock.SYNCHRONISED and header.wall_ms <= at_ms + clock_truth.AHEAD_MS:
                days.note_sure(self._connection, _key(entry), entry.seq, header.wall_ms)
            clock_truth.correct(self._connection, row_id, header)

    def _note_logs(self, entry: Taken, at_ms: int) -> None:
        """Follows the thread from entry to entry and from log to log."""
        for kind, seq in ((AlertKind.CUT_PREDECESSOR, entry.seq), (AlertKind.BROKEN_LINK, entry.seq + 1)):
            self._connection.execute(
                f"UPDATE alert SET resolved_ms = ? WHERE {_LOG} AND seq = ? AND hash = ? AND kind = ? AND resolved_ms IS NULL",  # noqa: S608
                (at_ms, *_key(entry), seq, entry.hash, str(kind)),
            )
        if entry.seq != 1 or entry.header is None:
            return
        before = entry.header.predecessor
        if before is None:
            if any(self._has_other_log(name, entry.log) for name in self._names(entry)):
                self._alert(AlertKind.UNANNOUNCED_LOG, entry.name, LogHead(entry.log, entry.seq, entry.hash), at_ms)
        elif before.seq > 0 and (name := self._whose_end(entry, before)) is not None:
            self._connection.execute(
                "INSERT OR IGNORE INTO announced VALUES (?, ?, ?, ?, ?, ?)",
                (name.org, name.device, before.log, before.seq, before.hash, entry.log),
            )
            if not self._has_head(name, before):
                self._alert(AlertKind.CUT_PREDECESSOR, name, before, at_ms)

    def _names(self, entry: Taken) -> list[DeviceName]:
        """Those of its device: the one it has, and any that it had with the same key."""
        return [entry.name, *predecessors.former_names(self._connection, entry.name)]

    def _has_other_log(self, name: DeviceName, log: bytes) -> bool:
        query = "SELECT 1 FROM ledger WHERE org = ? AND device = ? AND log <> ? LIMIT 1"
        return self._connection.execute(query, (name.org, name.device, log)).fetchone() is not None

    def _whose_end(self, entry: Taken, before: LogHead) -> DeviceName | None:
        """Under which name the end of a log counts that an entry names; None where it has come from a device of another key.

        That one's own chain is not ended by it: with another key it is another device, as far as anybody can tell.
        """
        writers = predecessors.writers(self._connection, before.log)
        for name in self._names(entry):
            if name in writers:
                return name
        return None if any(self._has_head(name, before) for name in writers) else entry.name

    def _has_head(self, name: DeviceName, head: LogHead) -> bool:
        key = (name.org, name.device, head.log)
        row = self._connection.execute(f"SELECT max(hash = ?) FROM entry WHERE {_LOG} AND seq = ?", (head.hash, *key, head.seq)).fetchone()  # noqa: S608
        if row[0] is not None:
            return bool(row[0])
        covered = self._connection.execute(
            f"SELECT 1 FROM ledger WHERE {_LOG} AND first_seq <= ? AND last_seq >= ?",  # noqa: S608
            (*key, head.seq, head.seq),
        ).fetchone()
        return covered is not None  # cleared since: what the ledger counted was here

    def _alert(self, kind: AlertKind, name: DeviceName, about: LogHead, at_ms: int) -> None:
        self._connection.execute(
            "INSERT OR IGNORE INTO alert(kind, org, device, log, seq, hash, raised_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (str(kind), name.org, name.device, about.log, about.seq, about.hash, at_ms),
        )


def add_tokens(connection: sqlite3.Connection, row_id: int, opened: Opened) -> None:
    """Makes the person of a row findable, in the open transaction."""
    if isinstance(opened.body, Passage):
        found = tokens(opened.body.person, opened.keys.token_key)
        connection.executemany("INSERT OR IGNORE INTO token VALUES (?, ?, ?)", [(mark, str(kind), row_id) for kind, mark in found])


def _key(entry: Taken) -> tuple[str, str, bytes]:
    return entry.name.org, entry.name.device, entry.log


def _outcome(entry: Taken, status: Status, reason: str | None, *, forked: bool = False) -> Outcome:
    return Outcome(entry.seq, entry.prev, entry.hash, status, None if reason is None else str(reason), forked)


def _stored(entry: Taken, outcome: Outcome, *, repeated: bool) -> Stored:
    return Stored(entry.name, entry.log, outcome, repeated, None if entry.header is None else str(entry.header.kind))


def _with_forks(results: list[Stored | Refused]) -> list[Stored | Refused]:
    """A fork found late in a batch is a fork for the entry before it too."""
    forks = {(item.name, item.log, item.outcome.seq) for item in results if isinstance(item, Stored) and item.outcome.forked}
    return [
        replace(item, outcome=replace(item.outcome, forked=True))
        if isinstance(item, Stored) and (item.name, item.log, item.outcome.seq) in forks
        else item
        for item in results
    ]


def _row(entry: Taken, at_ms: int, *, forked: bool) -> dict[str, object]:
    """The clear columns and the closed body."""
    fate, header, opened = entry.fate, entry.header, entry.fate.opened
    passage = opened.body if opened is not None and isinstance(opened.body, Passage) else None
    row: dict[str, object] = {
        "org": entry.name.org, "device": entry.name.device, "log": entry.log, "seq": entry.seq, "hash": entry.hash, "prev": entry.prev,
        "epoch": fate.epoch, "status": str(fate.status), "reason": None if fate.reason is None else str(fate.reason),
        "forked": int(forked), "registered_ms": at_ms, "body": entry.envelope if fate.status is Status.HELD else None,
        "direction": None if passage is None else str(passage.direction), "trip": None if passage is None else passage.trip,
    }  # fmt: skip
    if header is not None:
        row |= {
            "kind": str(header.kind), "site": header.site, "gate": header.gate, "wall_ms": header.wall_ms, "boot": header.boot,
            "boottime_ms": header.boottime_ms, "clock": str(header.clock), "key_id": header.key_id,
        }  # fmt: skip
    if opened is not None:
        about = wrapping.identity(entry.name, entry.log, entry.seq, entry.hash)
        row["body"] = wrapping.wrap(encode_body(opened.body), about, opened.keys.data_key)
    return row
