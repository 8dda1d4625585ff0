"""The agent's end of the outbox: reads what waits, and forgets what the province has receipted."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edge_agent.base.disk import sync_file
from edge_agent.store.open_files import OpenFiles
from edge_agent.store.outbox import (
    APPLICATION_ID,
    Backlog,
    OutboxDamaged,
    OutboxError,
    OutboxFull,
    Waiting,
    connect,
    explaining,
    files_of,
    read_backlog,
    single_row,
    transaction,
)
from edge_agent.wire.envelope import envelope_hash
from edge_agent.wire.receipt import Range

_DELETES_A_TRANSACTION = 500
_DELETES_ON_A_FULL_DISK = 5
_CHANGES_A_FOLD = 128  # entries appended and forgotten: about 350 kB of write-ahead log


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
        self._folded_at: int | None = None
        self._forgotten_since = 0  # the last fold
        try:
            self._files = OpenFiles(path)
        except FileNotFoundError:
            raise FileNotFoundError(f"{path}: no outbox yet; gate-firmware makes it when it starts") from None
        except OSError as error:
            raise OutboxError(f"{path}: cannot be read ({error.strerror}): check disk and permissions") from None
        self._refuse_without_log()
        with self._noting_damage():
            self._connection = connect(path, "NORMAL")
            # Debian's SQLite would write each forgotten page over with zeros: as many bytes again, and it is ciphertext
            self._connection.execute("PRAGMA secure_delete=OFF")
        if not self._is_made():
            self._connection.close()
            raise FileNotFoundError(f"{path}: gate-firmware is still making it")
        try:
            self._files.now_open()
        except OSError as error:
            self._connection.close()
            raise OutboxError(f"{path}: cannot be read ({error.strerror}): check disk and permissions") from None

    def _refuse_without_log(self) -> None:
        """A file from under which the write-ahead log was taken is firmware's alone: another log would part the two of us for good.

        The log comes before its index and goes before it, so look in this order.
        """
        files = files_of(self.path)
        if os.path.lexists(files.wal):
            return
        for file, why in ((files.shared, f"{files.wal}: it was taken away"), (files.damage_note, f"{self.path}: damage was met in it")):
            if os.path.lexists(file):
                raise OutboxError(f"{why}: gate-firmware sets the outbox aside and carries on what it holds")

    def _is_made(self) -> bool:
        try:
            with explaining(self.path):
                return bool(self._connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID)
        except OutboxError:
            self._connection.close()
            raise

    @contextmanager
    def _noting_damage(self) -> Iterator[None]:
        """Explains SQLite's errors, and leaves firmware a note about a damaged file: it may never read the part that is."""
        try:
            with explaining(self.path):
                yield
        except OutboxDamaged:
            self._note_damage()
            raise

    def _note_damage(self) -> None:
        with suppress(OSError):
            if not self._files.main_is_gone():
                files_of(self.path).damage_note.touch(0o600)

    def replaced(self) -> bool:
        """Tells whether firmware has set the file aside, or one beside it was taken away: then close it, and open it anew."""
        try:
            return self._files.are_gone()
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
            return int(single_row(self._connection, self.path, query)[0])

    def newest_ordinal(self) -> int:
        """The ordinal of the entry appended last, receipted or not; 0 when there was none."""
        with self._noting_damage():
            return int(single_row(self._connection, self.path, "SELECT next_ordinal - 1 FROM head")[0])

    def changes(self) -> int:
        """A number that changes whenever firmware has committed something; costs no disk access."""
        with self._noting_damage():
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def backlog(self) -> Backlog:
        """What waits now."""
        with self._noting_damage():
            return read_backlog(self._connection, self.path)

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
                with transaction(self._connection, self.path):
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
                self._fold_when_long(count)
                if not count:
                    return deleted

    def _fold_when_long(self, forgotten: int) -> None:
        """In a long backlog nobody is idle: until a fold nothing keeps what was forgotten through a power cut, or the log short."""
        self._forgotten_since += forgotten
        if self._forgotten_since >= _CHANGES_A_FOLD:
            with suppress(OutboxError):  # the entries are forgotten; `settle` meets the same trouble and says it
                self.checkpoint()

    def _delete_some(self, first: int, last: int, most: int) -> int:
        with transaction(self._connection, self.path):
            count, size, end = self._connection.execute(
                """SELECT count(*), sum(length(envelope)), max(ordinal) FROM
                    (SELECT ordinal, envelope FROM sealed WHERE ordinal BETWEEN ? AND ? ORDER BY ordinal LIMIT ?)""",
                (first, last, most),
            ).fetchone()
            if count:
                self._connection.execute("DELETE FROM sealed WHERE ordinal BETWEEN ? AND ?", (first, end))
                self._connection.execute("UPDATE forgotten SET entries = entries + ?, bytes = bytes + ?", (count, size))
        return int(count)

    def settle(self) -> None:
        """Sees to it that what was forgotten stays so after a power cut, and that the write-ahead log stays short; call it when idle.

        The log is folded back only once in so many entries (`forget` does so too, for a backlog in which nobody is idle): after each, the
        same few pages would be written to the card again and again.

        Raises:
            OutboxFull, OutboxDamaged, OutboxError: the disk failed; nothing is lost by it.
        """
        with self._noting_damage():
            changed = int(single_row(self._connection, self.path, "SELECT head.entries + forgotten.entries FROM head, forgotten")[0])
        if self._folded_at is None or changed - self._folded_at >= _CHANGES_A_FOLD:
            self.checkpoint()
            self._folded_at = changed
            return
        wal = files_of(self.path).wal
        try:
            sync_file(wal)
        except OSError as error:
            raise OutboxError(f"{wal}: {error.strerror}: check disk and permissions") from None

    def checkpoint(self) -> None:
        """Folds the write-ahead log back into the file as far as nobody is in the way."""
        with self._noting_damage():
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        self._forgotten_since = 0

    def close(self) -> None:
        """Closes the file; one that has lost its write-ahead log gets what was in it first, and firmware a note to set it aside."""
        with suppress(OSError, sqlite3.Error):
            if not self._files.main_is_gone() and self._files.are_gone():
                self._note_damage()
                if self._files.are_nobodys():
                    self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        self._connection.close()
