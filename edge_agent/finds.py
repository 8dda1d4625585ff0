"""Gathers what a damaged outbox still holds: by SQL as far as it goes, by bytes where it does not; only places are kept in memory."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent import cose
from edge_agent.carving import envelopes_in
from edge_agent.cbor import Malformed
from edge_agent.entry import HASH_BYTES, LOG_BYTES, Header, LogHead
from edge_agent.envelope import envelope_hash, peek, verify
from edge_agent.pages import Pages, read_pieces

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
        waiting: how many entries should be here, as far as the counters can be read.
        next_ordinal: of the entry that would have come next, as far as the head can be read.
        doubts: pairs of ordinals; a row between two of them may have been passed over.
        last: the highest ordinal that was surely seen.
    """

    connection: sqlite3.Connection
    waiting: int | None = field(init=False)
    next_ordinal: int | None = field(init=False)
    doubts: list[tuple[int, int]] = field(default_factory=list)
    last: int = _LOWEST
    _rows: int = 0

    def __post_init__(self) -> None:
        self.waiting = self._number("SELECT head.entries - forgotten.entries FROM head, forgotten")
        self.next_ordinal = self._number("SELECT next_ordinal FROM head")

    def _number(self, query: str) -> int | None:
        row = _first_row(self.connection, query)
        return row[0] if row and type(row[0]) is int else None

    def __iter__(self) -> Iterator[tuple[int, object]]:
        low, high = _LOWEST, _HIGHEST
        try:
            for row in self._select("SELECT ordinal, envelope FROM sealed WHERE ordinal > ? ORDER BY ordinal", _LOWEST):
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
                self.doubts.append((_LOWEST, _HIGHEST))

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


@dataclass(frozen=True, slots=True)
class _Row:
    """A row that SQLite gave; without a log its bytes are no entry."""

    ordinal: int
    log: bytes | None
    seq: int
    mark: bytes


@dataclass(slots=True)
class Finds:
    """The entries found so far.

    Args:
        device_key: an entry is what is signed with this key; None believes what looks like an envelope.

    Attributes:
        heads: what the damaged file's heads name, the most believable first.
    """

    device_key: Ed25519PublicKey | None
    heads: list[LogHead] = field(default_factory=list)
    _logs: dict[bytes, dict[int, _Find]] = field(default_factory=dict)
    _ordinals: dict[bytes, int] = field(default_factory=dict)  # of each log's entry number 1
    _bad_rows: set[int] = field(default_factory=set)  # by ordinal
    _refused: set[bytes] = field(default_factory=set)
    _others: set[bytes] = field(default_factory=set)  # other bytes under a number that is taken
    _readings: list[Sql] = field(default_factory=list)

    def _header(self, envelope: bytes) -> Header | None:
        try:
            return (peek(envelope) if self.device_key is None else verify(envelope, self.device_key)).header
        except (Malformed, cose.Forged):
            return None

    def _keep(self, log: bytes, seq: int, find: _Find) -> None:
        places = self._logs.setdefault(log, {})
        if seq not in places or places[seq].mark == find.mark:
            places[seq] = find
        else:
            self._others.add(find.mark)

    def _row(self, ordinal: int, envelope: object) -> _Row:
        if isinstance(envelope, bytes) and (header := self._header(envelope)) is not None:
            return _Row(ordinal, header.log, header.seq, _mark(envelope))
        return _Row(ordinal, None, 0, b"")

    def search_sql(self, reading: Sql) -> None:
        """Takes up the rows that SQLite can read.

        Within a log ordinal and number keep their distance; a row that does not keep it has a damaged header, or key.
        """
        rows = [self._row(ordinal, envelope) for ordinal, envelope in reading]
        distances: dict[bytes, Counter[int]] = {}
        for row in rows:
            if row.log is not None:
                distances.setdefault(row.log, Counter())[row.ordinal - row.seq] += 1
        for log, counted in distances.items():
            self._ordinals.setdefault(log, counted.most_common(1)[0][0] + 1)
        bad = {row for row in rows if row.log is None or row.ordinal - row.seq != self._ordinals[row.log] - 1}
        for row in rows:
            if row.log is not None and (row not in bad or self.device_key is not None):  # a signature is believed before the row's key
                self._keep(row.log, row.seq, _Find(partial(reading.get, row.ordinal), row.mark))
            else:
                self._bad_rows.add(row.ordinal)
                self._refused.add(row.mark)
        self._doubt(reading, rows, bad)
        self._readings.append(reading)

    def _doubt(self, reading: Sql, rows: list[_Row], bad: set[_Row]) -> None:
        """Notes where rows may be waiting that were not given as they are: round each that is bad, its key perhaps too."""
        reading.last = max((row.ordinal for row in rows if row not in bad), default=_LOWEST)
        if bad and reading.doubts:
            reading.doubts.append((_LOWEST, _HIGHEST))
            return
        before, doubtful = _LOWEST, False
        for row in rows:
            if row in bad:
                doubtful = True
                continue
            if doubtful:
                reading.doubts.append((before, row.ordinal))
            before, doubtful = row.ordinal, False

    def _is_forgotten(self, log: bytes, seq: int) -> bool:
        """Entries that the province has receipted lie about in free pages and in the write-ahead log for long."""
        if log not in self._ordinals:
            return False
        return any(reading.forgotten(self._ordinals[log] + seq - 1) for reading in self._readings[:1])

    def search_bytes(self, pages: Pages) -> None:
        """Takes up the entries that lie in the files, wherever SQLite does not reach."""
        seen = {find.mark: (log, seq) for log, places in self._logs.items() for seq, find in places.items()}
        for file in pages.files:
            for ways in envelopes_in(file, pages):
                for pieces, envelope in ways:
                    mark = _mark(envelope)
                    if mark not in seen and mark not in self._refused and (header := self._header(envelope)) is not None:
                        seen[mark] = (header.log, header.seq)
                    if mark in seen:
                        self._take_up(*seen[mark], _Find(partial(read_pieces, pieces), mark))
                        break  # what is put together otherwise is another entry, or none

    def _take_up(self, log: bytes, seq: int, find: _Find) -> None:
        """Bytes can be read again, rows of a damaged file perhaps not."""
        if seq in self._logs.get(log, {}) or not self._is_forgotten(log, seq):
            self._keep(log, seq, find)

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

    def _kept_ordinals(self) -> set[int]:
        return {self._ordinals[log] + seq - 1 for log, places in self._logs.items() if log in self._ordinals for seq in places}

    def kept(self) -> int:
        """How many entries were found."""
        return sum(map(len, self._logs.values()))

    def unreadable(self) -> int:
        """How many rows are not whole entries and were found nowhere else, or hold other bytes under a number that is taken."""
        return len(self._bad_rows - self._kept_ordinals()) + len(self._others)

    @property
    def counted(self) -> bool:
        """Whether the counters could be read: without them nobody knows what waited before the oldest that was found."""
        return bool(self._readings) and self._readings[0].waiting is not None

    def missing(self) -> int | None:
        """How many should be here and were not found, at most; None when the head cannot be read.

        So many wait as the first reading's counters say, and those are taken for the newest, since the oldest are receipted first: one
        receipted out of turn and not found counts in place of an older one. Above the head: the gaps below the newest found.
        """
        if not self.heads:
            return None
        head = self.heads[0]
        places = self._logs.get(head.log, {})
        above = sum(seq > head.seq for seq in places)
        behind = max(0, max(places, default=0) - head.seq) - above
        waiting, after = self._readings[0].waiting, self._readings[0].next_ordinal
        if waiting is None or after is None:
            return head.seq - min(places, default=1) + 1 - (len(places) - above) + behind
        self._ordinals.setdefault(head.log, after - head.seq)
        kept = sum(after - waiting <= ordinal < after for ordinal in self._kept_ordinals())
        return max(0, waiting - kept) + behind
