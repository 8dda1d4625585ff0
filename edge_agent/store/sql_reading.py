"""What SQLite itself can still read of a damaged outbox: its rows up to the damage and from the end down to it, and its counters."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from edge_agent.wire.entry import HASH_BYTES, LOG_BYTES, LogHead

LOWEST, HIGHEST = -(2**63), 2**63 - 1
# sqlite3 cannot even word its complaint, or meets a number beyond all numbers
_SQL_ERRORS = (sqlite3.Error, UnicodeDecodeError, OverflowError)


def _first_row(connection: sqlite3.Connection, query: str) -> tuple[Any, ...]:
    with suppress(*_SQL_ERRORS):
        return tuple(connection.execute(query).fetchone() or ())
    return ()


def _log_head(log: Any, seq: Any, digest: Any) -> Iterator[LogHead]:
    whole = isinstance(log, bytes) and isinstance(digest, bytes) and (len(log), len(digest)) == (LOG_BYTES, HASH_BYTES)
    if whole and type(seq) is int and seq >= 1:
        yield LogHead(log, seq, digest)


def heads_of(connection: sqlite3.Connection) -> list[LogHead]:
    """The newest entry that a file's head names, if it can be read: of its own log, or of the one before while that has none."""
    own = _first_row(connection, "SELECT log, next_seq - 1, hash FROM head")
    before = _first_row(connection, "SELECT before_log, before_seq, before_hash FROM head")
    heads = [head for row in (own, before) if row for head in _log_head(*row)]
    return heads[:1]


@dataclass(slots=True)
class Sql:
    """One reading of the rows by SQLite: forwards up to damage, then backwards from the end down to it.

    Attributes:
        waiting: how many entries should be here, as far as the counters can be read.
        next_ordinal: of the entry that would have come next, as far as the head can be read.
        doubts: pairs of ordinals; a row between two of them may have been passed over.
        last: the highest ordinal that was surely seen.
    """

    connection: sqlite3.Connection
    waiting: int | None = field(init=False)
    next_ordinal: int | None = field(init=False)
    doubts: list[tuple[int, int]] = field(default_factory=list)
    last: int = LOWEST
    _rows: int = 0

    def __post_init__(self) -> None:
        self.waiting = self._number("SELECT head.entries - forgotten.entries FROM head, forgotten")
        self.next_ordinal = self._number("SELECT next_ordinal FROM head")

    def _number(self, query: str) -> int | None:
        row = _first_row(self.connection, query)
        return row[0] if row and type(row[0]) is int else None

    def __iter__(self) -> Iterator[tuple[int, object]]:
        low, high = LOWEST, HIGHEST
        try:
            for row in self._select("SELECT ordinal, envelope FROM sealed WHERE ordinal > ? ORDER BY ordinal", LOWEST):
                low = row[0]
                yield row
        except _SQL_ERRORS:
            with suppress(*_SQL_ERRORS):
                for row in self._select("SELECT ordinal, envelope FROM sealed WHERE ordinal > ? ORDER BY ordinal DESC", low):
                    high = row[0]
                    yield row
            self.doubts.append((low, high))
        else:
            if self.waiting != self._rows:  # pages were passed over without a word
                self.doubts.append((LOWEST, HIGHEST))

    def _select(self, query: str, after: int) -> Iterator[tuple[int, object]]:
        for ordinal, envelope in self.connection.execute(query, (after,)):
            self._rows += 1
            yield ordinal, envelope

    def get(self, ordinal: int) -> bytes:
        """A row once more; empty when it cannot be read again."""
        with suppress(*_SQL_ERRORS):
            row = self.connection.execute("SELECT envelope FROM sealed WHERE ordinal = ?", (ordinal,)).fetchone()
            return row[0] if row and isinstance(row[0], bytes) else b""
        return b""

    def forgotten(self, ordinal: int) -> bool:
        """Tells whether a row that is not here is known to be forgotten: it lies where reading met no damage."""
        return ordinal <= self.last and not any(low < ordinal < high for low, high in self.doubts)
