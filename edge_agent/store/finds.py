"""Gathers what a damaged outbox still holds: by SQL as far as it goes, by bytes where it does not; only places are kept in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from heapq import merge
from itertools import groupby

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.store.carving import envelopes_in
from edge_agent.store.pages import Pages, RawFile, read_pieces
from edge_agent.store.places import Place, Places, Row, pack, unpack
from edge_agent.store.sql_reading import HIGHEST, LOWEST, Sql
from edge_agent.wire import cose
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.entry import Header, LogHead
from edge_agent.wire.envelope import envelope_hash, peek, verify

_MARK_BYTES = 12  # of a hash: enough to tell envelopes apart


def _mark(envelope: bytes) -> bytes:
    return envelope_hash(envelope)[:_MARK_BYTES]


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
    _places: Places = field(default_factory=Places)
    _ordinals: dict[bytes, int] = field(default_factory=dict)  # of each log's entry number 1
    _bad_rows: set[int] = field(default_factory=set)  # by ordinal
    _refused: set[bytes] = field(default_factory=set)
    _others: set[bytes] = field(default_factory=set)  # other bytes under a number that is taken
    _readings: list[Sql] = field(default_factory=list)
    _files: tuple[RawFile, ...] = ()

    def _header(self, envelope: bytes) -> Header | None:
        try:
            return (peek(envelope) if self.device_key is None else verify(envelope, self.device_key)).header
        except (Malformed, cose.Forged):
            return None

    def _keep(self, log: bytes, seq: int, place: Place) -> None:
        known = self._places.get(log, seq)
        if known is None or known.mark == place.mark:
            self._places.put(log, seq, place)
        else:
            self._others.add(place.mark)

    def _row(self, ordinal: int, envelope: object) -> Row:
        if isinstance(envelope, bytes) and (header := self._header(envelope)) is not None:
            return Row(ordinal, header.log, header.seq, _mark(envelope))
        return Row(ordinal, None, 0, b"")

    def _is_bad(self, row: Row) -> bool:
        return row.log is None or row.ordinal - row.seq != self._ordinals[row.log] - 1

    def search_sql(self, reading: Sql) -> None:
        """Takes up the rows that SQLite can read.

        Within a log ordinal and number keep their distance; a row that does not keep it has a damaged header, or key.
        """
        distances: dict[bytes, Counter[int]] = {}
        for ordinal, envelope in reading:
            row = self._row(ordinal, envelope)
            self._places.add_row(row)
            if row.log is not None:
                distances.setdefault(row.log, Counter())[row.ordinal - row.seq] += 1
        for log, counted in distances.items():
            self._ordinals.setdefault(log, counted.most_common(1)[0][0] + 1)
        for row in self._places.rows():
            if row.log is not None and (
                self.device_key is not None or not self._is_bad(row)
            ):  # a signature is believed before the row's key
                self._keep(row.log, row.seq, Place(row.mark, len(self._readings), row.ordinal))
            else:
                self._bad_rows.add(row.ordinal)
                self._refused.add(row.mark)
        self._doubt(reading)
        self._readings.append(reading)
        self._places.forget_rows()

    def _doubt(self, reading: Sql) -> None:
        """Notes where rows may be waiting that were not given as they are: round each that is bad, its key perhaps too."""
        reading.last = max((row.ordinal for row in self._places.rows() if not self._is_bad(row)), default=LOWEST)
        if reading.doubts:
            if any(map(self._is_bad, self._places.rows())):
                reading.doubts.append((LOWEST, HIGHEST))
            return
        before, doubtful = LOWEST, False
        for row in self._places.rows():
            if self._is_bad(row):
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
        self._files = pages.files
        self._places.all_seen()
        for file in pages.files:
            for ways in envelopes_in(file, pages):
                for pieces, envelope in ways:
                    mark = _mark(envelope)
                    seen = self._places.seen(mark)
                    if seen is None and mark not in self._refused and (header := self._header(envelope)) is not None:
                        seen = header.log, header.seq
                        self._places.saw(mark, *seen)
                    if seen is not None:
                        self._take_up(*seen, Place(mark, 0, pack(pieces, self._files)))
                        break  # what is put together otherwise is another entry, or none

    def _take_up(self, log: bytes, seq: int, place: Place) -> None:
        """Bytes can be read again, rows of a damaged file perhaps not."""
        if self._places.get(log, seq) is not None or not self._is_forgotten(log, seq):
            self._keep(log, seq, place)

    def read(self, log: bytes, seq: int) -> bytes:
        """An entry that was found, once more.

        Raises:
            KeyError: it is not given any more.
        """
        place = self._places.get(log, seq)
        if place is None:
            raise KeyError(seq)
        if isinstance(place.at, bytes):
            envelope = read_pieces(unpack(place.at, self._files))
        else:
            envelope = self._readings[place.reading].get(place.at)
        if _mark(envelope) != place.mark:
            raise KeyError(seq)
        return envelope

    def in_order(self) -> list[tuple[bytes, Mapping[int, bytes]]]:
        """The logs, the one whose head is known last, the others as they lay in the file."""
        last = self.heads[0].log if self.heads else None
        logs = sorted(self._places.logs(), key=lambda log: (log == last, self._ordinals.get(log, 0)))
        return [(log, _Entries(self, self._places, log)) for log in logs]

    def head(self) -> LogHead | None:
        """The damaged file's head, when nothing found is newer."""
        return next((head for head in self.heads if head.seq > self._places.highest(head.log)), None)

    def _kept_ordinals(self) -> Iterator[int]:
        """The ordinals of what was found, in order, each once."""
        return (ordinal for ordinal, _same in groupby(merge(*map(self._ordinals_of, self._places.logs()))))

    def _ordinals_of(self, log: bytes) -> Iterator[int]:
        if log in self._ordinals:
            for seq in self._places.numbers(log):
                yield self._ordinals[log] + seq - 1

    def kept(self) -> int:
        """How many entries were found."""
        return self._places.count()

    def unreadable(self) -> int:
        """How many rows are not whole entries and were found nowhere else, or hold other bytes under a number that is taken."""
        return len(self._bad_rows.difference(self._kept_ordinals())) + len(self._others)

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
        above = sum(seq > head.seq for seq in self._places.numbers(head.log))
        behind = max(0, self._places.highest(head.log) - head.seq) - above
        waiting, after = self._readings[0].waiting, self._readings[0].next_ordinal
        if waiting is None or after is None:
            return head.seq - self._places.lowest(head.log, 1) + 1 - (self._places.count(head.log) - above) + behind
        self._ordinals.setdefault(head.log, after - head.seq)
        kept = sum(after - waiting <= ordinal < after for ordinal in self._kept_ordinals())
        return max(0, waiting - kept) + behind


@dataclass(frozen=True, slots=True)
class _Entries(Mapping[int, bytes]):
    """The found entries of a log by number, in order, each read when it is asked for."""

    finds: Finds
    places: Places
    log: bytes

    def __getitem__(self, seq: int) -> bytes:
        return self.finds.read(self.log, seq)

    def __iter__(self) -> Iterator[int]:
        return self.places.numbers(self.log)

    def __len__(self) -> int:
        return self.places.count(self.log)
