"""The outbox on disk: sealed entries that the province has not yet receipted, in order, safe against power cuts.

SQLite with a write-ahead log; this file holds what both ends share. Firmware's `Recorder` is the only one who appends and commits
with fsync (synchronous=FULL); the agent's `Forwarder` is the only one who forgets (synchronous=NORMAL: a forgotten entry that comes
back after a power cut is merely sent again). Why SQLite: hw_docs/decisions/0001-outbox-is-sqlite.md.

Firmware reads only the newest rows, so damage among the older ones is met by the agent alone. It leaves a note beside the file, on
which firmware sets the outbox aside and salvages it.

An entry's ordinal counts over all logs of this file and is never used twice; its number within its log is
`ordinal - first_ordinal + 1`, so that one integer key serves order, paging and identity.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from edge_agent.store.carving import broken_wal
from edge_agent.store.pages import PAGE_BYTES
from edge_agent.wire.entry import HASH_BYTES, LOG_BYTES, LogHead

APPLICATION_ID = 0x47415445  # "GATE"
SCHEMA_VERSION = 1
FILE_NAME = "outbox.sqlite"
_BUSY_S = 5.0
_LOOK_AGAIN_S = 0.05
DAMAGE_NOTE = "-damaged"  # suffix of the note that the agent leaves for firmware


class OutboxError(Exception):
    """The outbox cannot do its work; the message says why and what to do."""


class OutboxFull(OutboxError):
    """No room for another entry: nothing was recorded, nothing was dropped."""


class OutboxDamaged(OutboxError):
    """The file is not a whole outbox any more: set it aside and salvage it."""


class OutboxUnread(OutboxError):
    """The disk does not give what was written to it, at least now: it may be a loose contact, or lost for good."""


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
    """How much waits: entries and their bytes, and the head of the log now written.

    Attributes:
        before: the head of the device's log before that one, None when it had none.
    """

    entries: int
    bytes: int
    head: LogHead
    before: LogHead | None = None

    @property
    def last(self) -> LogHead | None:
        """The device's last entry: of the log now written or, while that has none, of the one before."""
        return self.head if self.head.seq > 0 else self.before


class Files(NamedTuple):
    """An outbox's files, each of which may be there or not.

    Attributes:
        main: the file that gives the others their names.
        wal: its write-ahead log.
        shared: what SQLite's connections share; holds nothing.
        damage_note: left by the agent for firmware.
    """

    main: Path
    wal: Path
    shared: Path
    damage_note: Path


def files_of(path: Path) -> Files:
    """All that belongs to an outbox, the main file first."""
    return Files(path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", DAMAGE_NOTE)))


def remove(path: Path) -> None:
    """Deletes an outbox that nobody needs any more, with all that belongs to it; the caller makes the folder stay.

    Raises:
        OSError: the folder cannot be written.
    """
    for file in files_of(path):
        file.unlink(missing_ok=True)


def connect(path: Path, synchronous: str) -> sqlite3.Connection:
    """Opens the file for one end; `synchronous` is SQLite's setting of that name.

    Raises:
        OutboxDamaged: not a whole outbox.
        OutboxError: it cannot be opened.
    """
    _refuse_when_broken(path)
    with explaining(path), ExitStack() as undo:
        # mode=rw: a file that is away for a moment (being set aside) must not come into being here
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", timeout=_BUSY_S, isolation_level=None, check_same_thread=False, uri=True
        )
        undo.callback(connection.close)
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")  # of a file that is still empty
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        _check_identity(connection, path)
        undo.pop_all()
    return connection


@contextmanager
def opened_to_read(path: Path, *, by_itself: bool) -> Iterator[sqlite3.Connection]:
    """Opens the file for somebody who only looks; neither end notices.

    Args:
        path: the outbox file.
        by_itself: nobody has it open and its write-ahead log is empty: SQLite then reads the file alone and makes no side files, so
            that it can be read on a disk that cannot be written.

    Raises:
        OutboxDamaged: not a whole outbox.
        OutboxError: it cannot be opened.
    """
    _refuse_when_broken(path)
    uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if by_itself else ''}"
    with explaining(path), closing(sqlite3.connect(uri, timeout=_BUSY_S, isolation_level=None, uri=True)) as connection:
        _check_identity(connection, path)
        yield connection


def _refuse_when_broken(path: Path) -> None:
    """Damage in the write-ahead log that SQLite takes for a torn tail, and would undo committed entries for.

    The other end may be writing just now: what is broken must be so twice, at the same place.
    """
    wal = files_of(path).wal
    try:
        if wal.stat().st_size and not path.stat().st_size:  # SQLite would throw the log away
            raise OutboxDamaged(f"{path}: empty beside a write-ahead log that is not")
        broken = broken_wal(wal)
        if broken is not None:
            time.sleep(_LOOK_AGAIN_S)
            if broken == broken_wal(wal):
                raise OutboxDamaged(f"{wal}: broken at byte {broken}, with committed entries behind")
    except OSError:
        return  # SQLite will meet the same and explain it


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
def explaining(path: Path) -> Iterator[None]:
    """Lets no error of SQLite's out: the caller gets an OutboxError that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explained(error, path) from error
    except (UnicodeDecodeError, OverflowError) as error:  # sqlite3 cannot even word its complaint, or a counter is beyond all numbers
        raise OutboxDamaged(f"{path}: the file is damaged ({type(error).__name__})") from error


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """One transaction: committed at the end of the block, undone when anything is raised in it."""
    with explaining(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def single_row(connection: sqlite3.Connection, path: Path, query: str, *values: object) -> tuple[Any, ...]:
    """The one row that must be there.

    Raises:
        OutboxDamaged: it is not.
    """
    row: tuple[Any, ...] | None = connection.execute(query, values).fetchone()
    if row is None:
        raise OutboxDamaged(f"{path}: a counter row is missing")
    return row


def read_backlog(connection: sqlite3.Connection, path: Path) -> Backlog:
    """What waits now.

    Raises:
        OutboxDamaged: the counters are not whole.
    """
    log, next_seq, digest, entries, size, *before = single_row(
        connection,
        path,
        """SELECT log, next_seq, hash, head.entries - forgotten.entries, head.bytes - forgotten.bytes,
            before_log, before_seq, before_hash FROM head, forgotten""",
    )
    if not all(type(number) is int for number in (next_seq, entries, size)):
        raise OutboxDamaged(f"{path}: a counter row is damaged")
    follows = None if before == [None, None, None] else _log_head(path, *before)
    return Backlog(entries, size, _log_head(path, log, next_seq - 1, digest), follows)


def _log_head(path: Path, log: object, seq: object, digest: object) -> LogHead:
    if (
        not isinstance(log, bytes)
        or type(seq) is not int
        or not isinstance(digest, bytes)
        or (len(log), len(digest)) != (LOG_BYTES, HASH_BYTES)
    ):
        raise OutboxDamaged(f"{path}: a counter row is damaged")
    return LogHead(log, seq, digest)
