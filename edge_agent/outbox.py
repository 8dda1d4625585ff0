"""The outbox on disk: sealed entries that the province has not yet receipted, in order, safe against power cuts.

SQLite with a write-ahead log. Firmware's `Recorder` is the only one who appends and commits with fsync (synchronous=FULL); the
agent's `Forwarder` is the only one who forgets (synchronous=NORMAL: a forgotten entry that comes back after a power cut is
merely sent again). Why SQLite: hw_docs/decisions/0001-outbox-is-sqlite.md.

Firmware reads only the newest rows, so damage among the older ones is met by the agent alone. It leaves a note beside the file, on
which firmware sets the outbox aside and salvages it.

An entry's ordinal counts over all logs of this file and is never used twice; its number within its log is
`ordinal - first_ordinal + 1`, so that one integer key serves order, paging and identity.
"""

from __future__ import annotations

import errno
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.entry import HASH_BYTES, LOG_BYTES, NO_PREVIOUS, LogHead
from edge_agent.envelope import envelope_hash
from edge_agent.receipt import Range

APPLICATION_ID = 0x47415445  # "GATE"
SCHEMA_VERSION = 1
FILE_NAME = "outbox.sqlite"
CHECKPOINT_BYTES = 8 * 1024 * 1024
_DELETES_A_TRANSACTION = 500
_DELETES_ON_A_FULL_DISK = 5
_RESERVE_BYTES = CHECKPOINT_BYTES + 1024 * 1024  # as long as the write-ahead log may grow
_BUSY_S = 5.0
_DAMAGE_NOTE = "-damaged"  # suffix of the note that the agent leaves for firmware
SIDE_SUFFIXES = ("-wal", "-shm", _DAMAGE_NOTE)  # what lies beside the file and belongs to it

_SCHEMA = (
    # first_ordinal: what the log's entry number 1 has, or would have; start: where its entries in this file begin (later, when salvaged);
    # forked: the province holds other bytes under one of its numbers
    """CREATE TABLE log(log BLOB PRIMARY KEY,
        first_ordinal INTEGER NOT NULL, start INTEGER NOT NULL, forked INTEGER NOT NULL DEFAULT 0)""",
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
    """What a receipt's range did: ordinals from `first` to `last` are forgotten (none when last < first).

    Attributes:
        entries: how many of them were still here.
        mismatch: the receipt names other bytes than ours; nothing was forgotten.
    """

    first: int
    last: int
    entries: int = 0
    mismatch: bool = False


_NOTHING = Forgotten(0, -1)


@dataclass(frozen=True, slots=True)
class _Borders:
    """A log's place among the ordinals: of its entry number 1, of its first entry in this file, and after its last."""

    first_ordinal: int
    start: int
    end: int


def _connect(path: Path, synchronous: str) -> sqlite3.Connection:
    with _explaining(path), ExitStack() as undo:
        # mode=rw: a file that is away for a moment (being set aside) must not come into being here
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", timeout=_BUSY_S, isolation_level=None, check_same_thread=False, uri=True
        )
        undo.callback(connection.close)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        _check_identity(connection, path)
        undo.pop_all()
    return connection


def _check_identity(connection: sqlite3.Connection, path: Path) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application == APPLICATION_ID and version != SCHEMA_VERSION:
        raise OutboxError(f"{path}: outbox of version {version}, this software writes {SCHEMA_VERSION}: install the newer release")
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if application != APPLICATION_ID and tables:
        raise OutboxDamaged(f"{path}: an SQLite file, but not an outbox")


def _disk_is_full(path: Path) -> bool:
    try:
        return not os.statvfs(path.parent).f_bavail
    except OSError:
        return False


def _explained(error: sqlite3.Error, path: Path) -> OutboxError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _disk_is_full(path)):
        return OutboxFull(f"{path}: the disk is full: free some space, scanning resumes by itself")
    lost_table = code == sqlite3.SQLITE_ERROR and str(error).startswith("no such")
    if lost_table or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH):
        return OutboxDamaged(f"{path}: the file is damaged ({error})")
    if code == sqlite3.SQLITE_BUSY:
        return OutboxError(f"{path}: another process kept the file locked for {_BUSY_S:g} s")
    return OutboxError(f"{path}: {error} ({getattr(error, 'sqlite_errorname', type(error).__name__)}): check disk and permissions")


@contextmanager
def _explaining(path: Path) -> Iterator[None]:
    """Lets no error of SQLite's out: the caller gets an OutboxError that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explained(error, path) from error
    except (UnicodeDecodeError, OverflowError) as error:  # sqlite3 cannot even word its complaint, or a counter is beyond all numbers
        raise OutboxDamaged(f"{path}: the file is damaged ({type(error).__name__})") from error


@contextmanager
def _transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    with _explaining(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _row(connection: sqlite3.Connection, path: Path, query: str, *values: object) -> tuple[Any, ...]:
    """The one row that must be there.

    Raises:
        OutboxDamaged: it is not.
    """
    row: tuple[Any, ...] | None = connection.execute(query, values).fetchone()
    if row is None:
        raise OutboxDamaged(f"{path}: a counter row is missing")
    return row


def _read_backlog(connection: sqlite3.Connection, path: Path) -> Backlog:
    log, next_seq, digest, entries, size = _row(
        connection,
        path,
        "SELECT log, next_seq, hash, appended.entries - forgotten.entries, appended.bytes - forgotten.bytes FROM head, appended, forgotten",
    )
    numbers = all(type(number) is int for number in (next_seq, entries, size))
    if not numbers or not isinstance(log, bytes) or not isinstance(digest, bytes) or (len(log), len(digest)) != (LOG_BYTES, HASH_BYTES):
        raise OutboxDamaged(f"{path}: a counter row is damaged")
    return Backlog(entries, size, LogHead(log, next_seq - 1, digest))


class Recorder:
    """Firmware's end: appends, one entry at a time, each on disk before `append` returns.

    Args:
        path: the outbox file; created, with a new log, when absent.
        capacity_bytes: sealed bytes it may hold; beyond it entries are refused.
        keep_free_bytes: free space on the disk below which entries are refused, so that the system stays alive. Some room
            (18 MB, on a tiny disk an eighth of it) is kept in any case: forgetting takes room too, and without any a full outbox could
            never shrink.

    Raises:
        OutboxDamaged: the file is not a whole outbox.
        OutboxError: it cannot be opened.
    """

    def __init__(self, path: Path, capacity_bytes: int, keep_free_bytes: int = 0) -> None:
        self.path = path
        self._capacity_bytes = capacity_bytes
        self._keep_free_bytes = keep_free_bytes
        self._damage_note = path.with_name(path.name + _DAMAGE_NOTE)
        self._refuse_when_noted()
        self._make_file()
        self._connection = _connect(path, "FULL")
        try:
            with _explaining(path):
                self.created = self._create_if_new()
            self._backlog = self._checked_backlog()
        except BaseException:
            self._connection.close()
            raise

    def _make_file(self) -> None:
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))  # SQLite gives its side files the same mode
        except FileExistsError:
            return
        except OSError as error:
            kind = OutboxFull if error.errno == errno.ENOSPC else OutboxError
            raise kind(f"{self.path}: cannot be made ({error.strerror}): check disk and permissions") from None

    def _refuse_when_noted(self) -> None:
        if self._damage_note.exists():
            raise OutboxDamaged(f"{self.path}: gate-agent met damage in it")

    def _create_if_new(self) -> bool:
        if self._connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID:
            return False
        log = secrets.token_bytes(LOG_BYTES)
        with _transaction(self._connection, self.path):
            for statement in _SCHEMA:
                self._connection.execute(statement)
            self._connection.execute("INSERT INTO log(first_ordinal, start, log) VALUES (1, 1, ?)", (log,))
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
        with _explaining(self.path):
            return _read_backlog(self._connection, self.path)

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

    def _refuse_when_the_disk_is_full(self) -> None:
        missing = self._missing_on_disk()
        if missing:
            with suppress(sqlite3.Error):  # what was forgotten may still take room in the write-ahead log
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            missing = self._missing_on_disk()
        if missing:
            raise OutboxFull(f"{self.path}: less than {missing} bytes are free on its disk")

    def _missing_on_disk(self) -> int:
        """How many bytes should be free and are not; 0 when there is room.

        The file never shrinks: pages of what was forgotten are room for new entries. The write-ahead log takes fresh room only.
        """
        try:
            disk = os.statvfs(self.path.parent)
        except OSError as error:
            raise OutboxError(f"{self.path}: its disk is gone ({error.strerror}): check disk and permissions") from None
        free, reserve = disk.f_bavail * disk.f_frsize, min(_RESERVE_BYTES, disk.f_blocks * disk.f_frsize // 16)
        if free < reserve:
            return reserve
        wanted = max(self._keep_free_bytes, 2 * reserve)  # one for the write-ahead log of the appends, one for that of the forgetting
        if free >= wanted:
            return 0
        with _explaining(self.path):
            inside = int(
                _row(self._connection, self.path, "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size")[0]
            )
        return wanted if free + inside < wanted else 0

    def append(self, build: Callable[[Spot], bytes]) -> Recorded:
        """Appends the entry that `build` makes for its place in the log, and returns once it is on disk to stay.

        Args:
            build: makes the envelope from its place; whatever it raises leaves the outbox as it was.

        Raises:
            OutboxFull: no room; nothing was recorded.
            OutboxDamaged, OutboxError: the disk or the file failed; nothing was recorded.
        """
        self._refuse_when_noted()
        self._refuse_when_the_disk_is_full()
        with _transaction(self._connection, self.path):
            self._backlog = _read_backlog(self._connection, self.path)
            self._refuse_when_full()
            if _row(self._connection, self.path, "SELECT forked FROM log WHERE log = (SELECT log FROM head)")[0]:
                self._begin_new_log()
            log, seq, ordinal, prev, *before = _row(
                self._connection, self.path, "SELECT log, next_seq, next_ordinal, hash, before_log, before_seq, before_hash FROM head"
            )
            if type(ordinal) is not int:
                raise OutboxDamaged(f"{self.path}: a counter row is damaged")
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
        self._refuse_when_noted()
        self._refuse_when_the_disk_is_full()
        with _transaction(self._connection, self.path):
            self._backlog = _read_backlog(self._connection, self.path)
            self._refuse_when_full()
            self._connection.execute("UPDATE appended SET entries = entries")

    def _begin_new_log(self) -> None:
        log = secrets.token_bytes(LOG_BYTES)
        # A log without entries is no predecessor: it never was, and the one before it stays.
        self._connection.execute("DELETE FROM log WHERE log = (SELECT log FROM head WHERE next_seq = 1)")
        self._connection.execute("INSERT INTO log(first_ordinal, start, log) SELECT next_ordinal, next_ordinal, ? FROM head", (log,))
        self._connection.execute(
            "UPDATE head SET before_log = log, before_seq = next_seq - 1, before_hash = hash WHERE next_seq > 1",
        )
        self._connection.execute("UPDATE head SET log = ?, next_seq = 1, hash = ?", (log, NO_PREVIOUS))

    def logs(self) -> set[bytes]:
        """The logs this file holds or held entries of."""
        with _explaining(self.path):
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
            own_log, ordinal, next_seq = _row(self._connection, self.path, "SELECT log, next_ordinal, next_seq FROM head")
            if next_seq != 1:
                raise OutboxError(f"{self.path}: entries are adopted only before the first new one")
            self._connection.execute("INSERT INTO log(log, first_ordinal, start) VALUES (?, ?, ?)", (log, ordinal - first + 1, ordinal))
            self._connection.executemany(
                "INSERT INTO sealed VALUES (?, ?)", ((ordinal + seq - first, envelope) for seq, envelope in entries.items())
            )
            after = ordinal + last - first + 1
            self._connection.execute(
                "UPDATE head SET next_ordinal = ?, before_log = ?, before_seq = ?, before_hash = ?",
                (after, log, last, envelope_hash(entries[last])),
            )
            self._connection.execute("UPDATE log SET first_ordinal = ?, start = ? WHERE log = ?", (after, after, own_log))
            self._connection.execute(
                "UPDATE appended SET entries = entries + ?, bytes = bytes + ?", (len(entries), sum(map(len, entries.values())))
            )

    def checkpoint_if_large(self) -> None:
        """Folds the write-ahead log back into the file once it is past 8 MB; call it when nobody waits at the gate.

        When that fails (a full disk) nothing is lost and nothing is said: the next `append` or `probe` meets the same trouble.
        """
        wal = self.path.with_name(self.path.name + "-wal")
        with suppress(OSError, sqlite3.Error):
            if wal.stat().st_size > CHECKPOINT_BYTES:
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
        self.path = path
        try:
            self._inode = path.stat().st_ino
        except FileNotFoundError:
            raise FileNotFoundError(f"{path}: no outbox yet; gate-firmware makes it when it starts") from None
        except OSError as error:
            raise OutboxError(f"{path}: cannot be read ({error.strerror}): check disk and permissions") from None
        self._connection = _connect(path, "NORMAL")
        if not self._is_made():
            self._connection.close()
            raise FileNotFoundError(f"{path}: gate-firmware is still making it")

    def _is_made(self) -> bool:
        try:
            with _explaining(self.path):
                return bool(self._connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID)
        except OutboxError:
            self._connection.close()
            raise

    @contextmanager
    def _noting_damage(self) -> Iterator[None]:
        """Explains SQLite's errors, and leaves firmware a note about a damaged file: it may never read the part that is."""
        try:
            with _explaining(self.path):
                yield
        except OutboxDamaged:
            if not self.replaced():
                with suppress(OSError):
                    self.path.with_name(self.path.name + _DAMAGE_NOTE).touch(0o600)
            raise

    def replaced(self) -> bool:
        """Tells whether firmware has set the file aside and made another: then open it anew."""
        try:
            return self.path.stat().st_ino != self._inode
        except OSError:
            return True

    def page(self, after: int, limit: int) -> list[Waiting]:
        """The next entries in order after an ordinal (0 for the start), at most `limit`; holds no lock afterwards."""
        with self._noting_damage():
            rows = self._connection.execute(
                "SELECT ordinal, envelope FROM sealed WHERE ordinal > ? ORDER BY ordinal LIMIT ?", (after, limit)
            ).fetchall()
            if not all(isinstance(envelope, bytes) for _ordinal, envelope in rows):
                raise OutboxDamaged(f"{self.path}: a row is not an entry")
        return [Waiting(*row) for row in rows]

    def first_ordinal(self) -> int:
        """The ordinal of the oldest waiting entry, or the next one's when none waits."""
        with self._noting_damage():
            query = "SELECT coalesce((SELECT min(ordinal) FROM sealed), next_ordinal) FROM head"
            return int(_row(self._connection, self.path, query)[0])

    def changes(self) -> int:
        """A number that changes whenever firmware has committed something; costs no disk access."""
        with self._noting_damage():
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def backlog(self) -> Backlog:
        """What waits now."""
        with self._noting_damage():
            return _read_backlog(self._connection, self.path)

    def forget(self, log: bytes, part: Range) -> Forgotten:
        """Forgets the entries of a receipt's range, if the receipt's hash is that of our own entry.

        A range whose last entry is not here any more, or is not ours, changes nothing: what it meant will be sent and
        receipted again.

        Raises:
            OutboxFull, OutboxDamaged, OutboxError: not all could be forgotten; what remains will be sent again.
        """
        with self._noting_damage():
            borders = self._borders(log)
            if borders is None:
                return _NOTHING
            first, last = max(borders.start, borders.first_ordinal + part.first - 1), borders.first_ordinal + part.last - 1
            if not borders.start <= last < borders.end:
                return _NOTHING  # what has this ordinal is another log's
            row = self._connection.execute("SELECT envelope FROM sealed WHERE ordinal = ?", (last,)).fetchone()
            if row is None:
                return _NOTHING
            if not isinstance(row[0], bytes) or envelope_hash(row[0]) != part.last_hash:
                return Forgotten(0, -1, mismatch=True)
            if part.forked:  # first of all: once the entries are gone, no second receipt would say so
                with _transaction(self._connection, self.path):
                    self._connection.execute("UPDATE log SET forked = 1 WHERE log = ?", (log,))
            return Forgotten(first, last, self._delete(first, last))

    def _borders(self, log: bytes) -> _Borders | None:
        row = self._connection.execute(
            """SELECT first_ordinal, start,
                coalesce((SELECT min(start) FROM log WHERE start > this.start), (SELECT next_ordinal FROM head))
                FROM log AS this WHERE log = ?""",
            (log,),
        ).fetchone()
        if row is not None and not all(type(number) is int for number in row):
            raise OutboxDamaged(f"{self.path}: a counter row is damaged")
        return None if row is None else _Borders(*row)

    def _delete(self, first: int, last: int) -> int:
        deleted, most, stuck = 0, _DELETES_A_TRANSACTION, False
        while True:
            try:
                count = self._delete_some(first, last, most)
            except OutboxFull:
                if stuck:
                    raise
                most, stuck = _DELETES_ON_A_FULL_DISK, True
                with suppress(sqlite3.Error):  # what is folded back makes room in the write-ahead log
                    self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            else:
                deleted, stuck = deleted + count, False
                if not count:
                    return deleted

    def _delete_some(self, first: int, last: int, most: int) -> int:
        with _transaction(self._connection, self.path):
            count, size, end = self._connection.execute(
                """SELECT count(*), sum(length(envelope)), max(ordinal) FROM
                    (SELECT ordinal, envelope FROM sealed WHERE ordinal BETWEEN ? AND ? ORDER BY ordinal LIMIT ?)""",
                (first, last, most),
            ).fetchone()
            if count:
                self._connection.execute("DELETE FROM sealed WHERE ordinal BETWEEN ? AND ?", (first, end))
                self._connection.execute("UPDATE forgotten SET entries = entries + ?, bytes = bytes + ?", (count, size))
        return int(count)

    def checkpoint(self) -> None:
        """Folds the write-ahead log back into the file as far as nobody is in the way; call it when idle."""
        with self._noting_damage():
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()
