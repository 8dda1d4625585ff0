"""Firmware's end of the outbox: appends entries, each on disk before the light turns green."""

from __future__ import annotations

import errno
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge_agent.base.disk import sync_folder
from edge_agent.store.open_files import OpenFiles
from edge_agent.store.outbox import (
    APPLICATION_ID,
    SCHEMA_VERSION,
    Backlog,
    OutboxDamaged,
    OutboxError,
    OutboxFull,
    Recorded,
    Spot,
    connect,
    explaining,
    files_of,
    read_backlog,
    single_row,
    transaction,
)
from edge_agent.store.set_aside import KEPT_WITHOUT_ROOM, remove_older
from edge_agent.wire.entry import LOG_BYTES, NO_PREVIOUS, LogHead
from edge_agent.wire.envelope import envelope_hash

CHECKPOINT_BYTES = 8 * 1024 * 1024
_RESERVE_BYTES = CHECKPOINT_BYTES + 1024 * 1024  # as long as the write-ahead log may grow
_SCHEMA = (
    # first_ordinal: what the log's entry number 1 has, or would have; start: where its entries in this file begin (later, when salvaged);
    # forked: the province holds other bytes under one of its numbers
    """CREATE TABLE log(log BLOB PRIMARY KEY,
        first_ordinal INTEGER NOT NULL, start INTEGER NOT NULL, forked INTEGER NOT NULL DEFAULT 0)""",
    # the log now written; before_*: the head of the device's log before it, if known; entries, bytes: all ever appended to this file
    """CREATE TABLE head(one INTEGER PRIMARY KEY CHECK (one = 1),
        log BLOB NOT NULL, next_seq INTEGER NOT NULL, next_ordinal INTEGER NOT NULL, hash BLOB NOT NULL,
        before_log BLOB, before_seq INTEGER, before_hash BLOB, entries INTEGER NOT NULL, bytes INTEGER NOT NULL)""",
    "CREATE TABLE forgotten(one INTEGER PRIMARY KEY CHECK (one = 1), entries INTEGER NOT NULL, bytes INTEGER NOT NULL)",
    "CREATE TABLE sealed(ordinal INTEGER PRIMARY KEY, envelope BLOB NOT NULL)",
    # ordinals of entries that came from another outbox, receipted since or not: see adopting.py
    "CREATE TABLE adopted(first INTEGER PRIMARY KEY, last INTEGER NOT NULL)",
)


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
        _main, self._wal, _shared, self._damage_note = files_of(path)
        self._refuse_when_noted()
        self._make_file()
        with self._explaining_the_disk():
            self._files = OpenFiles(path)
        self._connection = connect(path, "FULL")
        try:
            with self._explaining_the_disk():
                with explaining(path):
                    self.created = self._create_if_new()
                self._files.now_open()
                sync_folder(path.parent)  # the file's name must survive a power cut; at each opening, for it may have failed before
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

    @contextmanager
    def _explaining_the_disk(self) -> Iterator[None]:
        """Lets no error of the operating system's out either."""
        try:
            yield
        except OSError as error:
            raise OutboxError(f"{self.path}: its disk fails ({error.strerror}): check disk and permissions") from None

    def _refuse_when_noted(self) -> None:
        with self._explaining_the_disk():
            if self._damage_note.exists():
                raise OutboxDamaged(f"{self.path}: gate-agent met damage in it")

    def _create_if_new(self) -> bool:
        if self._connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID:
            self._connection.execute("SELECT first FROM adopted LIMIT 1")  # not there: a former layout, to be salvaged into this one
            return False
        log = secrets.token_bytes(LOG_BYTES)
        with transaction(self._connection, self.path):
            for statement in _SCHEMA:
                self._connection.execute(statement)
            self._connection.execute("INSERT INTO log(first_ordinal, start, log) VALUES (1, 1, ?)", (log,))
            self._connection.execute(
                "INSERT INTO head(one, log, next_seq, next_ordinal, hash, entries, bytes) VALUES (1, ?, 1, 1, ?, 0, 0)", (log, NO_PREVIOUS)
            )
            self._connection.execute("INSERT INTO forgotten VALUES (1, 0, 0)")
            self._connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        return True

    def _checked_backlog(self) -> Backlog:
        with explaining(self.path):
            return read_backlog(self._connection, self.path)

    @property
    def fullness(self) -> float:
        """Sealed bytes waiting, as a part of the capacity (0 to 1 and above), as of the last append."""
        return self._backlog.bytes / self._capacity_bytes

    @property
    def waiting(self) -> int:
        """Entries waiting, as of the last look, or before the last append."""
        return self._backlog.entries

    def backlog(self) -> Backlog:
        """What waits now.

        Raises:
            OutboxDamaged, OutboxError: as `append` would, so that it is known before somebody comes.
        """
        self._refuse_when_noted()
        self._backlog = self._checked_backlog()
        return self._backlog

    def _refuse_when_full(self) -> None:
        if self._backlog.bytes >= self._capacity_bytes:
            raise OutboxFull(f"{self.path}: {self._backlog.bytes} bytes wait for the province, {self._capacity_bytes} is the limit")

    def refuse_when_the_disk_is_full(self) -> None:
        """Refuses where the disk has less room than is kept free, after making what room there is to make.

        Raises:
            OutboxFull: it has less.
            OutboxDamaged, OutboxError: it does not say.
        """
        missing = self._missing_on_disk()
        if missing:
            with suppress(sqlite3.Error):  # what was forgotten may still take room in the write-ahead log
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            missing = self._missing_on_disk()
        if missing and remove_older(self.path.parent, KEPT_WITHOUT_ROOM):
            missing = self._missing_on_disk()
        if missing:
            raise OutboxFull(f"{self.path}: less than {missing} bytes are free on its disk")

    def _missing_on_disk(self) -> int:
        """How many bytes should be free and are not; 0 when there is room.

        The file never shrinks: pages of what was forgotten are room for new entries. The write-ahead log takes fresh room only.
        """
        try:
            disk, wal_bytes = os.statvfs(self.path.parent), self._wal_bytes()
        except OSError as error:
            raise OutboxError(f"{self.path}: its disk is gone ({error.strerror}): check disk and permissions") from None
        free, reserve = disk.f_bavail * disk.f_frsize, min(_RESERVE_BYTES, disk.f_blocks * disk.f_frsize // 16)
        if free < reserve:
            return reserve
        # one for the write-ahead log of the forgetting, one for that of the appends, or for what folding back the present one may take
        wanted = max(self._keep_free_bytes, reserve + max(reserve, wal_bytes))
        if free >= wanted:
            return 0
        with explaining(self.path):
            inside = int(
                single_row(self._connection, self.path, "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size")[0]
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
        self.refuse_when_the_disk_is_full()
        with transaction(self._connection, self.path):
            backlog = self._backlog = read_backlog(self._connection, self.path)
            self._refuse_when_full()
            forked, ordinal = single_row(self._connection, self.path, "SELECT forked, next_ordinal FROM log, head USING (log)")
            if forked:
                self._begin_new_log()
                backlog = read_backlog(self._connection, self.path)
            if type(ordinal) is not int:
                raise OutboxDamaged(f"{self.path}: a counter row is damaged")
            log, seq = backlog.head.log, backlog.head.seq + 1
            envelope = build(Spot(log, seq, backlog.head.hash, backlog.before if seq == 1 else None))
            digest = envelope_hash(envelope)
            self._connection.execute("INSERT INTO sealed VALUES (?, ?)", (ordinal, envelope))
            self._connection.execute(
                "UPDATE head SET next_seq = ?, next_ordinal = ?, hash = ?, entries = entries + 1, bytes = bytes + ?",
                (seq + 1, ordinal + 1, digest, len(envelope)),
            )
        return Recorded(log, seq, digest)

    def probe(self) -> None:
        """Proves that an entry could be recorded now: room, and a commit with fsync that changes nothing.

        Raises:
            OutboxFull, OutboxDamaged, OutboxError: as `append` would.
        """
        self._refuse_when_noted()
        self.refuse_when_the_disk_is_full()
        with transaction(self._connection, self.path):
            self._backlog = read_backlog(self._connection, self.path)
            self._refuse_when_full()
            self._connection.execute("UPDATE head SET entries = entries")

    def _begin_new_log(self) -> None:
        """After a fork: the log until now has entries, since a receipt named one of them."""
        log = secrets.token_bytes(LOG_BYTES)
        self._connection.execute("INSERT INTO log(first_ordinal, start, log) SELECT next_ordinal, next_ordinal, ? FROM head", (log,))
        self._connection.execute("UPDATE head SET before_log = log, before_seq = next_seq - 1, before_hash = hash")
        self._connection.execute("UPDATE head SET log = ?, next_seq = 1, hash = ?", (log, NO_PREVIOUS))

    def logs(self) -> set[bytes]:
        """The logs this file holds or held entries of."""
        with explaining(self.path):
            return {row[0] for row in self._connection.execute("SELECT log FROM log")}

    def follow(self, head: LogHead) -> None:
        """Names the head of the log before this file's own, for its first entry to say."""
        with transaction(self._connection, self.path):
            self._connection.execute("UPDATE head SET before_log = ?, before_seq = ?, before_hash = ?", (head.log, head.seq, head.hash))

    def is_gone(self) -> bool:
        """Tells whether the file or one that SQLite keeps beside it was taken from its path, or another put there.

        What it holds can still be read until `close`; nobody else finds it.

        Raises:
            OutboxError: the disk does not say.
        """
        with self._explaining_the_disk():
            return self._files.are_gone()

    def fold_into_file(self) -> None:
        """Folds a write-ahead log that has no name any more back into the file, as far as that goes: a power cut takes such a log away."""
        with suppress(OSError, sqlite3.Error):
            if self._files.are_nobodys():
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    @property
    def connection(self) -> sqlite3.Connection:
        """For salvage: what reads the file's last copy once it is gone from its path, and what takes over."""
        return self._connection

    def checkpoint_if_large(self) -> None:
        """Folds the write-ahead log back into the file once it is past 8 MB; call it when nobody waits at the gate.

        When that fails (a full disk) nothing is lost and nothing is said: the next `append` or `probe` meets the same trouble.
        """
        with suppress(OSError, sqlite3.Error):
            if self._wal_bytes() > CHECKPOINT_BYTES:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _wal_bytes(self) -> int:
        return self._wal.stat().st_size

    def close(self) -> None:
        """Closes the file; everything appended is already on disk."""
        self._connection.close()
