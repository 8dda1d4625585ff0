"""Where each entry found in a damaged outbox lies. Tables in memory: a backlog of weeks must fit into a small board's."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_agent.store.pages import Pieces, RawFile

_PIECE = struct.Struct("<BQI")  # which file, offset, size
_TABLES = (
    "CREATE TABLE row(place INTEGER PRIMARY KEY, ordinal INTEGER NOT NULL, log INTEGER, seq INTEGER NOT NULL, mark BLOB NOT NULL)",
    # at: an ordinal of the reading, or packed pieces
    """CREATE TABLE place(log INTEGER, seq INTEGER, mark BLOB NOT NULL, reading INTEGER NOT NULL, at NOT NULL,
        PRIMARY KEY (log, seq)) WITHOUT ROWID""",
    "CREATE TABLE seen(mark BLOB PRIMARY KEY, log INTEGER NOT NULL, seq INTEGER NOT NULL) WITHOUT ROWID",
)


def pack(pieces: Pieces, files: Sequence[RawFile]) -> bytes:
    """Pieces as few bytes; `files` are those they may lie in."""
    return b"".join(_PIECE.pack(files.index(file), offset, size) for file, offset, size in pieces)


def unpack(packed: bytes, files: Sequence[RawFile]) -> Pieces:
    """What `pack` has packed."""
    return tuple((files[file], offset, size) for file, offset, size in _PIECE.iter_unpack(packed))


@dataclass(frozen=True, slots=True)
class Row:
    """A row that SQLite gave; without a log its bytes are no entry."""

    ordinal: int
    log: bytes | None
    seq: int
    mark: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry lies.

    Attributes:
        mark: of its bytes.
        reading: which reading by SQLite `at` is an ordinal of.
        at: that, or packed pieces.
    """

    mark: bytes
    reading: int
    at: int | bytes


class Places:
    """The entries found, by log and number, and what tells them apart."""

    def __init__(self) -> None:
        self._tables = sqlite3.connect(":memory:", isolation_level=None)
        self._tables.execute("PRAGMA journal_mode=OFF")
        for table in _TABLES:
            self._tables.execute(table)
        self._logs: list[bytes] = []
        self._ids: dict[bytes, int] = {}

    def _id(self, log: bytes) -> int:
        if log not in self._ids:
            self._ids[log] = len(self._logs)
            self._logs.append(log)
        return self._ids[log]

    # ── the rows of one reading ─────────────────────────────────────────────────────────────────────────────────────────────────

    def forget_rows(self) -> None:
        """Makes room for the next reading."""
        self._tables.execute("DELETE FROM row")

    def add_row(self, row: Row) -> None:
        """Takes up a row."""
        log = None if row.log is None else self._id(row.log)
        self._tables.execute("INSERT INTO row(ordinal, log, seq, mark) VALUES (?, ?, ?, ?)", (row.ordinal, log, row.seq, row.mark))

    def rows(self) -> Iterator[Row]:
        """The rows as they were given."""
        for ordinal, log, seq, mark in self._tables.execute("SELECT ordinal, log, seq, mark FROM row ORDER BY place"):
            yield Row(ordinal, None if log is None else self._logs[log], seq, mark)

    # ── the entries ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def put(self, log: bytes, seq: int, place: Place) -> None:
        """Says where an entry lies, in place of what was said before."""
        values = (self._id(log), seq, place.mark, place.reading, place.at)
        self._tables.execute("INSERT OR REPLACE INTO place VALUES (?, ?, ?, ?, ?)", values)

    def get(self, log: bytes, seq: int) -> Place | None:
        """Where an entry lies, if it was found."""
        query = "SELECT mark, reading, at FROM place WHERE log = ? AND seq = ?"
        row = self._tables.execute(query, (self._ids.get(log), seq)).fetchone()
        return None if row is None else Place(*row)

    def logs(self) -> list[bytes]:
        """The logs of which entries were found, in the order in which they were met."""
        return [self._logs[row[0]] for row in self._tables.execute("SELECT DISTINCT log FROM place ORDER BY log")]

    def numbers(self, log: bytes) -> Iterator[int]:
        """The numbers of a log's entries, in order."""
        for (seq,) in self._tables.execute("SELECT seq FROM place WHERE log = ? ORDER BY seq", (self._ids.get(log),)):
            yield seq

    def lowest(self, log: bytes, default: int) -> int:
        """The lowest number of a log's entries."""
        return next(self.numbers(log), default)

    def highest(self, log: bytes) -> int:
        """The highest number of a log's entries; 0 without any."""
        return int(self._tables.execute("SELECT coalesce(max(seq), 0) FROM place WHERE log = ?", (self._ids.get(log),)).fetchone()[0])

    def count(self, log: bytes | None = None) -> int:
        """How many entries were found, of a log or of all."""
        query = "SELECT count(*) FROM place" if log is None else "SELECT count(*) FROM place WHERE log = ?"
        return int(self._tables.execute(query, () if log is None else (self._ids.get(log),)).fetchone()[0])

    # ── bytes met before ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def all_seen(self) -> None:
        """Knows the bytes of all entries found until now again."""
        self._tables.execute("INSERT OR IGNORE INTO seen SELECT mark, log, seq FROM place")

    def saw(self, mark: bytes, log: bytes, seq: int) -> None:
        """Knows an entry's bytes again."""
        self._tables.execute("INSERT INTO seen VALUES (?, ?, ?)", (mark, self._id(log), seq))

    def seen(self, mark: bytes) -> tuple[bytes, int] | None:
        """Log and number of the entry whose bytes these are, if they were met before."""
        row = self._tables.execute("SELECT log, seq FROM seen WHERE mark = ?", (mark,)).fetchone()
        return None if row is None else (self._logs[row[0]], row[1])
