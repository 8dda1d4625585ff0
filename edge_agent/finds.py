"""Gathers what a damaged outbox still holds: by SQL as far as it goes, by bytes where it does not; only places are kept in memory."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent import cose
from edge_agent.carving import envelopes_in
from edge_agent.cbor import Malformed
from edge_agent.entry import HASH_BYTES, LOG_BYTES, Header, LogHead
from edge_agent.envelope import ENTRY, MAX_ENVELOPE_BYTES, envelope_hash, peek, verify
from edge_agent.pages import read_pieces

_MARK_BYTES = 12  # of a hash: enough to tell envelopes apart
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
# sqlite3 cannot even word its complaint, or meets a number beyond all numbers
_SQL_ERRORS = (sqlite3.Error, UnicodeDecodeError, OverflowError)


def _mark(envelope: bytes) -> bytes:
    return envelope_hash(envelope)[:_MARK_BYTES]


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
        low, high: what lies between these ordinals was not reached.
        last: the highest ordinal seen.
    """

    connection: sqlite3.Connection
    low: int = _LOWEST
    high: int = _LOWEST
    last: int = _LOWEST
    rows: int = 0

    def __iter__(self) -> Iterator[tuple[int, object]]:
        try:
            for row in self._select("SELECT ordinal, envelope FROM sealed WHERE ordinal > ? ORDER BY ordinal"):
                self.low = row[0]
                yield row
        except _SQL_ERRORS:
            self.high = _HIGHEST
            with suppress(*_SQL_ERRORS):
                for row in self._select("SELECT ordinal, envelope FROM sealed WHERE ordinal > ? ORDER BY ordinal DESC"):
                    self.high = row[0]
                    yield row
        else:
            if self.waiting() != self.rows:
                self.low, self.high = _LOWEST, _HIGHEST  # pages were passed over without a word: nothing is known to be forgotten

    def _select(self, query: str) -> Iterator[tuple[int, object]]:
        for ordinal, envelope in self.connection.execute(query, (self.low,)):
            self.rows += 1
            self.last = max(self.last, ordinal)
            yield ordinal, envelope

    def waiting(self) -> int | None:
        """How many entries should be here, as far as the counters can be read."""
        row = _first_row(self.connection, "SELECT head.entries - forgotten.entries FROM head, forgotten")
        return row[0] if row and type(row[0]) is int else None

    def get(self, ordinal: int) -> bytes:
        """A row once more; empty when it cannot be read again."""
        with suppress(*_SQL_ERRORS):
            row = self.connection.execute("SELECT envelope FROM sealed WHERE ordinal = ?", (ordinal,)).fetchone()
            return row[0] if row and isinstance(row[0], bytes) else b""
        return b""

    def forgotten(self, ordinal: int) -> bool:
        """Tells whether a row that is not here is known to be forgotten: it lies where reading met no damage."""
        return ordinal <= self.last and not self.low < ordinal < self.high


@dataclass(frozen=True, slots=True)
class _Find:
    read: Callable[[], bytes]
    mark: bytes


@dataclass(slots=True)
class _Entries(Mapping[int, bytes]):
    """The found entries of a log by number, each read when it is asked for."""

    places: Mapping[int, _Find]

    def __getitem__(self, seq: int) -> bytes:
        place = self.places[seq]
        envelope = place.read()
        if _mark(envelope) != place.mark:
            raise KeyError(seq)
        return envelope

    def __iter__(self) -> Iterator[int]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


@dataclass(slots=True)
class Finds:
    """The entries found so far.

    Args:
        device_key: what claims to be signed with this key must be; None believes what looks like an envelope.

    Attributes:
        unreadable: found, but not whole entries, or other bytes under a number that is taken.
        heads: what the damaged file's heads name, the most believable first.
    """

    device_key: Ed25519PublicKey | None
    unreadable: int = 0
    heads: list[LogHead] = field(default_factory=list)
    _logs: dict[bytes, dict[int, _Find]] = field(default_factory=dict)
    _ordinals: dict[bytes, int] = field(default_factory=dict)  # of each log's entry number 1
    _refused: set[bytes] = field(default_factory=set)
    _readings: list[Sql] = field(default_factory=list)

    def _header(self, envelope: bytes) -> Header | None:
        try:
            header = peek(envelope).header
            ours = self.device_key is not None and cose.parse(envelope, ENTRY, MAX_ENVELOPE_BYTES).kid == cose.key_id(self.device_key)
            if self.device_key is not None and ours:
                verify(envelope, self.device_key)
        except (Malformed, cose.Forged):
            return None
        return header

    def _refuse(self, mark: bytes) -> None:
        if mark not in self._refused:
            self._refused.add(mark)
            self.unreadable += 1

    def _keep(self, log: bytes, seq: int, find: _Find) -> None:
        places = self._logs.setdefault(log, {})
        if seq not in places or places[seq].mark == find.mark:
            places[seq] = find
        else:
            self._refuse(find.mark)

    def search_sql(self, reading: Sql) -> None:
        """Takes up the rows that SQLite can read.

        Within a log ordinal and number keep their distance; a row that does not keep it has a damaged header.
        """
        rows: dict[bytes, list[tuple[int, int, bytes]]] = {}
        for ordinal, envelope in reading:
            if not isinstance(envelope, bytes):
                continue
            header = self._header(envelope)
            if header is None:
                self._refuse(_mark(envelope))
            else:
                rows.setdefault(header.log, []).append((ordinal, header.seq, _mark(envelope)))
        for log, of_log in rows.items():
            [(distance, _times)] = Counter(ordinal - seq for ordinal, seq, _mark in of_log).most_common(1)
            self._ordinals.setdefault(log, distance + 1)
            for ordinal, seq, mark in of_log:
                if ordinal - seq == distance:
                    self._keep(log, seq, _Find(partial(reading.get, ordinal), mark))
                else:
                    self._refuse(mark)
        self._readings.append(reading)

    def _is_forgotten(self, log: bytes, seq: int) -> bool:
        """Entries that the province has receipted lie about in free pages and in the write-ahead log for long."""
        if log not in self._ordinals:
            return False
        return any(reading.forgotten(self._ordinals[log] + seq - 1) for reading in self._readings[:1])

    def search_bytes(self, file: Path, undo: ExitStack) -> None:
        """Takes up the entries that lie in a file, wherever SQLite does not reach."""
        descriptor = os.open(file, os.O_RDONLY)
        undo.callback(os.close, descriptor)
        seen = {find.mark: (log, seq) for log, places in self._logs.items() for seq, find in places.items()}
        for pieces, envelope in envelopes_in(descriptor, file):
            mark = _mark(envelope)
            find = _Find(partial(read_pieces, descriptor, pieces), mark)
            if mark in seen:
                log, seq = seen[mark]
                if log in self._logs and seq in self._logs[log]:
                    self._keep(log, seq, find)  # bytes can be read again, rows of a damaged file perhaps not
            elif mark not in self._refused and (header := self._header(envelope)) is not None:
                seen[mark] = (header.log, header.seq)
                if not self._is_forgotten(header.log, header.seq):
                    self._keep(header.log, header.seq, find)

    def in_order(self) -> list[tuple[bytes, Mapping[int, bytes]]]:
        """The logs, the one whose head is known last, the others as they lay in the file."""
        last = self.heads[0].log if self.heads else None
        logs = sorted(self._logs, key=lambda log: (log == last, self._ordinals.get(log, 0)))
        return [(log, _Entries(self._logs[log])) for log in logs]

    def head(self) -> LogHead | None:
        """The damaged file's head, when nothing found is newer."""
        for head in self.heads:
            if head.seq > max(self._logs.get(head.log, {}), default=0):
                return head
        return None

    def kept(self) -> int:
        """How many entries were found."""
        return sum(map(len, self._logs.values()))

    def missing(self) -> int | None:
        """How many should be here and were not found, as far as the first reading's head and counters tell."""
        if not self.heads:
            return None
        head = self.heads[0]
        places = self._logs.get(head.log, {})
        above = sum(seq > head.seq for seq in places)
        top = max(places, default=head.seq)
        behind = max(0, top - head.seq) - above
        waiting = self._readings[0].waiting() if self._readings else None
        if waiting is not None:
            return max(0, waiting - (self.kept() - above)) + behind
        return head.seq - min(places, default=1) + 1 - (len(places) - above) + behind


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
