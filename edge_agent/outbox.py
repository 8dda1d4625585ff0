"""The outbox on disk: sealed entries that the province has not yet receipted, in order, safe against power cuts.

SQLite with a write-ahead log. Firmware's `Recorder` is the only one who appends and commits with fsync (synchronous=FULL); the
agent's `Forwarder` is the only one who forgets (synchronous=NORMAL: a forgotten entry that comes back after a power cut is
merely sent again). Why SQLite: hw_docs/decisions/0001-outbox-is-sqlite.md.

An entry's ordinal counts over all logs of this file and is never used twice; its number within its log is
`ordinal - first_ordinal + 1`, so that one integer key serves order, paging and identity.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edge_agent.entry import HASH_BYTES, LOG_BYTES, NO_PREVIOUS, LogHead
from edge_agent.envelope import envelope_hash
from edge_agent.receipt import Range

APPLICATION_ID = 0x47415445  # "GATE"
SCHEMA_VERSION = 1
FILE_NAME = "outbox.sqlite"
CHECKPOINT_BYTES = 8 * 1024 * 1024
_DELETES_A_TRANSACTION = 500
_BUSY_S = 5.0

_SCHEMA = (
    # first_ordinal: ordinal of the log's entry number 1; forked: the province holds other bytes under one of its numbers
    "CREATE TABLE log(log BLOB PRIMARY KEY, first_ordinal INTEGER NOT NULL, forked INTEGER NOT NULL DEFAULT 0)",
    # the log now written; before_*: the head of the device's log before it, if known
    """CREATE TABLE head(one INTEGER PRIMARY KEY CHECK (one = 1),
        log BLOB NOT NULL, next_seq INTEGER NOT NULL, next_ordinal INTEGER NOT NULL, hash BLOB NOT NULL,
        before_log BLOB, before_seq INTEGER, before_hash BLOB)""",
    "CREATE TABLE appended(one INTEGER PRIMARY KEY CHECK (one = 1), entries INTEGER NOT NULL, bytes INTEGER NOT NULL)",
    "CREATE TABLE forgotten(one INTEGER PRIMARY KEY CHECK (one = 1), entries INTEGER NOT NULL, bytes INTEGER NOT NULL)",
    "CREATE TABLE sealed(ordinal INTEGER PRIMARY KEY, envelope BLOB NOT NULL)",
)


class OutboxError(Exception):
    """The outbox cannot do its work; the message says why and what to do."""


class OutboxFull(OutboxError):
    """No room for another entry: nothing was recorded, nothing was dropped."""


class OutboxDamaged(OutboxError):
    """The file is not a whole outbox any more: set it aside and salvage it."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where the next entry goes: what its header must say."""

    log: bytes
    seq: int
    prev: bytes
    predecessor: LogHead | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """An entry that is on disk to stay."""

    log: bytes
    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Waiting:
    """An entry waiting for its receipt."""

    ordinal: int
    envelope: bytes


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits: entries and their bytes, and the head of the log now written."""

    entries: int
    bytes: int
    head: LogHead


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What a receipt's range did: ordinals from `first` to `last` forgotten (none when last < first)."""

    first: int
    last: int
    mismatch: bool = False


def _connect(path: Path, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        _check_identity(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise _explained(error, path) from error
    except OutboxError:
        connection.close()
        raise
    return connection


def _check_identity(connection: sqlite3.Connection, path: Path) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application == APPLICATION_ID and version != SCHEMA_VERSION:
        raise OutboxError(f"{path}: outbox of version {version}, this software writes {SCHEMA_VERSION}: install the newer release")
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if application != APPLICATION_ID and tables:
        raise OutboxDamaged(f"{path}: an SQLite file, but not an outbox")


def _explained(error: sqlite3.Error, path: Path) -> OutboxError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and not os.statvfs(path.parent).f_bavail):
        return OutboxFull(f"{path}: the disk is full: free some space, scanning resumes by itself")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return OutboxDamaged(f"{path}: the file is damaged ({error})")
    if code == sqlite3.SQLITE_BUSY:
        return OutboxError(f"{path}: another process kept the file locked for {_BUSY_S:g} s")
    return OutboxError(f"{path}: {error} ({getattr(error, 'sqlite_errorname', type(error).__name__)}): check disk and permissions")


@contextmanager
def _transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    except sqlite3.Error as error:
        raise _explained(error, path) from error


def _read_backlog(connection: sqlite3.Connection) -> Backlog:
    log, next_seq, digest, entries, size = connection.execute(
        "SELECT log, next_seq, hash, appended.entries - forgotten.entries, appended.bytes - forgotten.bytes FROM head, appended, forgotten"
    ).fetchone()
    return Backlog(entries, size, LogHead(log, next_seq - 1, digest))


class Recorder:
    """Firmware's end: appends, one entry at a time, each on disk before `append` returns.

    Args:
        path: the outbox file; created, with a new log, when absent.
        capacity_bytes: sealed bytes it may hold; beyond it entries are refused.
        keep_free_bytes: free space on the disk below which entries are refused, so that the system stays alive.

    Raises:
        OutboxDamaged: the file is not a whole outbox.
        OutboxError: it cannot be opened.
    """

    def __init__(self, path: Path, capacity_bytes: int, keep_free_bytes: int = 0) -> None:
        self.path = path
        self._capacity_bytes = capacity_bytes
        self._keep_free_bytes = keep_free_bytes
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))  # SQLite gives its side files the same mode
        self._connection = _connect(path, "FULL")
        try:
            self.created = self._create_if_new()
            self._backlog = self._checked_backlog()
        except BaseException:
            self._connection.close()
            raise

    def _create_if_new(self) -> bool:
        if self._connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID:
            return False
        log = secrets.token_bytes(LOG_BYTES)
        with _transaction(self._connection, self.path):
            for statement in _SCHEMA:
                self._connection.execute(statement)
            self._connection.execute("INSERT INTO log(first_ordinal, log) VALUES (1, ?)", (log,))
            self._connection.execute("INSERT INTO head(one, log, next_seq, next_ordinal, hash) VALUES (1, ?, 1, 1, ?)", (log, NO_PREVIOUS))
            self._connection.execute("INSERT INTO appended VALUES (1, 0, 0)")
            self._connection.execute("INSERT INTO forgotten VALUES (1, 0, 0)")
            self._connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the file's name itself must survive a power cut
        finally:
            os.close(folder)
        return True

    def _checked_backlog(self) -> Backlog:
        try:
            backlog = _read_backlog(self._connection)
        except sqlite3.Error as error:
            raise _explained(error, self.path) from error
        except TypeError:
            raise OutboxDamaged(f"{self.path}: its counter row is missing") from None
        if len(backlog.head.log) != LOG_BYTES or len(backlog.head.hash) != HASH_BYTES:
            raise OutboxDamaged(f"{self.path}: its counter row is damaged")
        return backlog

    @property
    def fullness(self) -> float:
        """Sealed bytes waiting, as a part of the capacity (0 to 1 and above), as of the last append."""
        return self._backlog.bytes / self._capacity_bytes

    def backlog(self) -> Backlog:
        """What waits now."""
        self._backlog = self._checked_backlog()
        return self._backlog

    def _refuse_when_full(self) -> None:
        if self._backlog.bytes >= self._capacity_bytes:
            raise OutboxFull(f"{self.path}: {self._backlog.bytes} bytes wait for the province, {self._capacity_bytes} is the limit")
        if self._keep_free_bytes:
            disk = os.statvfs(self.path)
            if disk.f_bavail * disk.f_frsize < self._keep_free_bytes:
                raise OutboxFull(f"{self.path}: less than {self._keep_free_bytes} bytes are free on its disk")

    def append(self, build: Callable[[Spot], bytes]) -> Recorded:
        """Appends the entry that `build` makes for its place in the log, and returns once it is on disk to stay.

        Args:
            build: makes the envelope from its place; whatever it raises leaves the outbox as it was.

        Raises:
            OutboxFull: no room; nothing was recorded.
            OutboxDamaged, OutboxError: the disk or the file failed; nothing was recorded.
        """
        with _transaction(self._connection, self.path):
            self._backlog = _read_backlog(self._connection)
            self._refuse_when_full()
            if self._connection.execute("SELECT forked FROM log WHERE log = (SELECT log FROM head)").fetchone()[0]:
                self._begin_new_log()
            log, seq, ordinal, prev, *before = self._connection.execute(
                "SELECT log, next_seq, next_ordinal, hash, before_log, before_seq, before_hash FROM head"
            ).fetchone()
            predecessor = LogHead(*before) if seq == 1 and before[0] is not None else None
            envelope = build(Spot(log, seq, prev, predecessor))
            digest = envelope_hash(envelope)
            self._connection.execute("INSERT INTO sealed VALUES (?, ?)", (ordinal, envelope))
            self._connection.execute("UPDATE head SET next_seq = ?, next_ordinal = ?, hash = ?", (seq + 1, ordinal + 1, digest))
            self._connection.execute("UPDATE appended SET entries = entries + 1, bytes = bytes + ?", (len(envelope),))
        return Recorded(log, seq, digest)

    def probe(self) -> None:
        """Proves that an entry could be recorded now: room, and a commit with fsync that changes nothing.

        Raises:
            OutboxFull, OutboxDamaged, OutboxError: as `append` would.
        """
        with _transaction(self._connection, self.path):
            self._backlog = _read_backlog(self._connection)
            self._refuse_when_full()
            self._connection.execute("UPDATE appended SET entries = entries")

    def _begin_new_log(self) -> None:
        log = secrets.token_bytes(LOG_BYTES)
        self._connection.execute("INSERT INTO log(first_ordinal, log) SELECT next_ordinal, ? FROM head", (log,))
        self._connection.execute(
            "UPDATE head SET before_log = log, before_seq = next_seq - 1, before_hash = hash, log = ?, next_seq = 1, hash = ?",
            (log, NO_PREVIOUS),
        )

    def logs(self) -> set[bytes]:
        """The logs this file holds or held entries of."""
        return {row[0] for row in self._connection.execute("SELECT log FROM log")}

    def begin_new_log(self) -> None:
        """Starts a new log whose first entry will name the present one as its predecessor."""
        with _transaction(self._connection, self.path):
            self._begin_new_log()

    def adopt(self, log: bytes, entries: Mapping[int, bytes]) -> None:
        """Takes over entries salvaged from a damaged outbox, under their own log and numbers, before any entry of this one.

        Args:
            log: their log, named only once.
            entries: envelopes by number within their log, at least one; numbers may be missing.
        """
        first, last = min(entries), max(entries)
        with _transaction(self._connection, self.path):
            own_log, ordinal, next_seq = self._connection.execute("SELECT log, next_ordinal, next_seq FROM head").fetchone()
            if next_seq != 1:
                raise OutboxError(f"{self.path}: entries are adopted only before the first new one")
            self._connection.execute("INSERT INTO log(log, first_ordinal) VALUES (?, ?)", (log, ordinal - first + 1))
            self._connection.executemany(
                "INSERT INTO sealed VALUES (?, ?)", ((ordinal + seq - first, envelope) for seq, envelope in entries.items())
            )
            after = ordinal + last - first + 1
            self._connection.execute(
                "UPDATE head SET next_ordinal = ?, before_log = ?, before_seq = ?, before_hash = ?",
                (after, log, last, envelope_hash(entries[last])),
            )
            self._connection.execute("UPDATE log SET first_ordinal = ? WHERE log = ?", (after, own_log))
            self._connection.execute(
                "UPDATE appended SET entries = entries + ?, bytes = bytes + ?", (len(entries), sum(map(len, entries.values())))
            )

    def checkpoint_if_large(self) -> None:
        """Folds the write-ahead log back into the file once it is past 8 MB; call it when nobody waits at the gate."""
        wal = self.path.with_name(self.path.name + "-wal")
        if wal.exists() and wal.stat().st_size > CHECKPOINT_BYTES:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Closes the file; everything appended is already on disk."""
        self._connection.close()


class Forwarder:
    """The agent's end: reads what waits, a page at a time, and forgets what the province has receipted.

    Args:
        path: the outbox file, which firmware has made.

    Raises:
        FileNotFoundError: firmware has not made it yet.
        OutboxDamaged, OutboxError: it cannot be used; firmware will set it aside and make another.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise FileNotFoundError(f"{path}: no outbox yet; gate-firmware makes it when it starts")
        self.path = path
        self._inode = path.stat().st_ino
        self._connection = _connect(path, "NORMAL")
        if self._connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            self._connection.close()
            raise FileNotFoundError(f"{path}: gate-firmware is still making it")

    def replaced(self) -> bool:
        """Tells whether firmware has set the file aside and made another: then open it anew."""
        try:
            return self.path.stat().st_ino != self._inode
        except FileNotFoundError:
            return True

    def page(self, after: int, limit: int) -> list[Waiting]:
        """The next entries in order after an ordinal (0 for the start), at most `limit`; holds no lock afterwards."""
        try:
            rows = self._connection.execute(
                "SELECT ordinal, envelope FROM sealed WHERE ordinal > ? ORDER BY ordinal LIMIT ?", (after, limit)
            ).fetchall()
        except sqlite3.Error as error:
            raise _explained(error, self.path) from error
        return [Waiting(*row) for row in rows]

    def first_ordinal(self) -> int:
        """The ordinal of the oldest waiting entry, or the next one's when none waits."""
        row = self._connection.execute("SELECT coalesce((SELECT min(ordinal) FROM sealed), next_ordinal) FROM head").fetchone()
        return int(row[0])

    def changes(self) -> int:
        """A number that changes whenever firmware has committed something; costs no disk access."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def backlog(self) -> Backlog:
        """What waits now."""
        try:
            return _read_backlog(self._connection)
        except sqlite3.Error as error:
            raise _explained(error, self.path) from error

    def forget(self, log: bytes, part: Range) -> Forgotten:
        """Forgets the entries of a receipt's range, if the receipt's hash is that of our own entry.

        A range whose last entry is not here any more, or is not ours, changes nothing: what it meant will be sent and
        receipted again.
        """
        try:
            found = self._connection.execute("SELECT first_ordinal FROM log WHERE log = ?", (log,)).fetchone()
            if found is None:
                return Forgotten(0, -1)
            first, last = found[0] + part.first - 1, found[0] + part.last - 1
            row = self._connection.execute("SELECT envelope FROM sealed WHERE ordinal = ?", (last,)).fetchone()
        except sqlite3.Error as error:
            raise _explained(error, self.path) from error
        if row is None:
            return Forgotten(0, -1)
        if envelope_hash(row[0]) != part.last_hash:
            return Forgotten(0, -1, mismatch=True)
        self._delete(max(first, found[0]), last)
        if part.forked:
            with _transaction(self._connection, self.path):
                self._connection.execute("UPDATE log SET forked = 1 WHERE log = ?", (log,))
        return Forgotten(first, last)

    def _delete(self, first: int, last: int) -> None:
        for start in range(first, last + 1, _DELETES_A_TRANSACTION):
            end = min(start + _DELETES_A_TRANSACTION - 1, last)
            with _transaction(self._connection, self.path):
                count, size = self._connection.execute(
                    "SELECT count(*), coalesce(sum(length(envelope)), 0) FROM sealed WHERE ordinal BETWEEN ? AND ?", (start, end)
                ).fetchone()
                self._connection.execute("DELETE FROM sealed WHERE ordinal BETWEEN ? AND ?", (start, end))
                self._connection.execute("UPDATE forgotten SET entries = entries + ?, bytes = bytes + ?", (count, size))

    def checkpoint(self) -> None:
        """Folds the write-ahead log back into the file as far as nobody is in the way; call it when idle."""
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()
