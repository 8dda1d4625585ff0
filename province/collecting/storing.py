"""Stores a batch of entries in the open transaction: looks a few times, decides in memory, writes in a few statements.

Source: design.md "The register at rest"; decision 0100. Entries are taken one after the other, as if each were written before the next.
What is rare (a fork, a log's first entry) is written out first and then decided in the tables.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, func, insert, select, update

from edge_agent.wire.entry import Clock, Kind, LogHead
from edge_agent.wire.receipt import Status
from edge_agent.wire.topics import DeviceName
from province.collecting.entry_rows import entry_row
from province.collecting.intake import Taken
from province.collecting.known_logs import KnownLogs, LogKey, log_key, of_entry, of_key
from province.collecting.receipt_ranges import Outcome
from province.collecting.token_rows import put_tokens, token_rows
from province.records import clock_truth, days, predecessors
from province.records.alerts import AlertKind
from province.records.day_counts import Counts
from province.store.opened import Connection
from province.store.schema import announced, entry, ledger

_OF_KEY = {"of_org": entry.c.org, "of_device": entry.c.device, "of_log": entry.c.log}
_OF_LOG = and_(*(column == bindparam(name) for name, column in _OF_KEY.items()))
_AT = and_(_OF_LOG, entry.c.seq == bindparam("of_seq"))
_SAME = select(entry.c.status, entry.c.reason, entry.c.forked).where(_AT, entry.c.hash == bindparam("of_hash"))
_THERE = select(entry.c.id).where(_AT).limit(1)
_LAST_ID = select(func.coalesce(func.max(entry.c.id), 0))
_ENTER = insert(entry)
_HASHES = select(entry.c.hash).where(_AT)
_FORK = update(entry).where(_AT).values(forked=1)
_OTHER_LOG = select(1).where(
    ledger.c.org == bindparam("of_org"), ledger.c.device == bindparam("of_device"), ledger.c.log != bindparam("of_log")
)
_COVERED = select(1).where(
    ledger.c.org == bindparam("of_org"), ledger.c.device == bindparam("of_device"), ledger.c.log == bindparam("of_log"),
    ledger.c.first_seq <= bindparam("of_seq"), ledger.c.last_seq >= bindparam("of_seq"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stored:
    """What the register did with one entry.

    Attributes:
        repeated: it was there already, byte for byte; nothing changed.
        kind: what the entry records, None when its version is not understood.
    """

    name: DeviceName
    log: bytes
    outcome: Outcome
    repeated: bool
    kind: str | None


class Storing:
    """A batch on its way into the register; call `finish` before the transaction ends.

    Args:
        connection: the register, in a transaction.
        at_ms: when the batch came, milliseconds since 1970 UTC.
        batch: what will be given to `store`.
    """

    def __init__(self, connection: Connection, at_ms: int, batch: Sequence[Taken]) -> None:
        self._connection = connection
        self._at_ms = at_ms
        self._logs = KnownLogs(connection, at_ms, batch)
        self._next_id: int | None = None
        self._empty()

    def _empty(self) -> None:
        self._rows: list[dict[str, object]] = []
        self._tokens: list[dict[str, object]] = []
        self._new: dict[tuple[LogKey, int, bytes], Stored] = {}
        self._days: dict[tuple[str, str, bytes, str], tuple[int, int, int]] = {}
        self._sure: dict[tuple[str, str, bytes, str], tuple[int, int]] = {}
        self._boots: dict[tuple[DeviceName, bytes], set[int]] = defaultdict(set)
        self._counts = Counts()

    def store(self, one: Taken) -> Stored:
        """Takes one entry."""
        if self._logs.extend(one):
            return self._take(one, forked=False)
        if (known := self._new.get((log_key(one), one.seq, one.hash))) is not None:
            return Stored(known.name, known.log, known.outcome, repeated=True, kind=known.kind)
        row = self._connection.row(_SAME, of_entry(one) | {"of_seq": one.seq, "of_hash": one.hash})
        if row is not None:
            return _stored(one, _outcome(one, Status(row["status"]), row["reason"], forked=bool(row["forked"])), repeated=True)
        self.finish()
        if one.fate.status is Status.EXPIRED and not self._connection.has(_THERE, of_entry(one) | {"of_seq": one.seq}):
            # A late copy of a day that was cleared: its bytes are gone and cannot be compared, nor ever be read.
            return _stored(one, _outcome(one, one.fate.status, one.fate.reason), repeated=True)
        return self._take_fork(one)

    def _take_fork(self, one: Taken) -> Stored:
        stored = self._take(one, forked=True)
        self.finish()
        self._connection.execute(_FORK, of_entry(one) | {"of_seq": one.seq})
        self._logs.raise_alert(AlertKind.FORK, one.name, LogHead(one.log, one.seq, one.hash))
        before = of_entry(one) | {"of_seq": one.seq - 1, "of_hash": one.prev}
        if one.seq != 1 and not self._connection.has(_SAME, before):  # the branches parted earlier than here
            self._logs.raise_alert(AlertKind.BROKEN_LINK, one.name, LogHead(one.log, one.seq, one.prev))
        return stored

    def _take(self, one: Taken, *, forked: bool) -> Stored:
        self._add(one, forked=forked)
        stored = _stored(one, _outcome(one, one.fate.status, one.fate.reason, forked=forked), repeated=False)
        self._new[log_key(one), one.seq, one.hash] = stored
        self._logs.resolve(one)
        if one.seq == 1 and one.header is not None:
            self._note_log(one, one.header.predecessor)
        return stored

    def _add(self, one: Taken, *, forked: bool) -> None:
        if self._next_id is None:
            self._next_id = self._connection.found(_LAST_ID, {})[0][0] + 1
        row_id, self._next_id = self._next_id, self._next_id + 1
        row = {"id": row_id, **entry_row(one, self._at_ms, forked=forked)}
        self._rows.append(row)
        self._counts.add(row, corrected_ms=None)
        if one.fate.opened is not None:
            self._tokens += token_rows(row_id, one.fate.opened)
        header = one.header
        if header is None:
            return
        day = days.own_day(one.fate.epoch, header.clock, header.wall_ms, None)
        if day is not None:
            first, last, entries = self._days.get((*log_key(one), day), (one.seq, one.seq, 0))
            self._days[*log_key(one), day] = min(first, one.seq), max(last, one.seq), entries + 1
        if not forked and header.clock is Clock.SYNCHRONISED and header.wall_ms <= self._at_ms + clock_truth.AHEAD_MS:
            sure = days.sure_day_of(header.wall_ms)
            if sure is not None:
                first, last = self._sure.get((*log_key(one), sure), (one.seq, one.seq))
                self._sure[*log_key(one), sure] = min(first, one.seq), max(last, one.seq)
        if header.kind is Kind.CLOCK or header.clock is not Clock.SYNCHRONISED:  # nothing else corrects or is corrected
            self._boots[one.name, header.boot].add(row_id)

    def finish(self) -> None:
        """Writes what was taken."""
        self._logs.write()
        self._connection.many(_ENTER, self._rows)
        put_tokens(self._connection, self._tokens)
        self._counts.write(self._connection)
        days.note_many(self._connection, self._days)
        days.note_many_sure(self._connection, self._sure)
        for (name, boot), row_ids in self._boots.items():
            clock_truth.correct(self._connection, name, boot, row_ids)
        self._empty()

    def _note_log(self, one: Taken, before: LogHead | None) -> None:
        """Follows the thread from log to log."""
        self.finish()
        if before is None:
            if any(self._has_other_log(name, one.log) for name in self._names(one)):
                self._logs.raise_alert(AlertKind.UNANNOUNCED_LOG, one.name, LogHead(one.log, one.seq, one.hash))
        elif before.seq > 0 and (name := self._whose_end(one, before)) is not None:
            row = {"org": name.org, "device": name.device, "log": before.log, "seq": before.seq, "hash": before.hash, "by_log": one.log}
            self._connection.execute(self._connection.insert(announced).values(row).on_conflict_do_nothing())
            if not self._has_head(name, before):
                self._logs.raise_alert(AlertKind.CUT_PREDECESSOR, name, before)

    def _names(self, one: Taken) -> list[DeviceName]:
        """Those of its device: the one it has, and any that it had with the same key."""
        return [one.name, *predecessors.former_names(self._connection, one.name)]

    def _has_other_log(self, name: DeviceName, log: bytes) -> bool:
        return self._connection.has(_OTHER_LOG, of_key((name.org, name.device, log)))

    def _whose_end(self, one: Taken, before: LogHead) -> DeviceName | None:
        """Under which name the end of a log counts that an entry names; None where it has come from a device of another key.

        That one's own chain is not ended by it: with another key it is another device, as far as anybody can tell.
        """
        writers = predecessors.writers(self._connection, before.log)
        for name in self._names(one):
            if name in writers:
                return name
        return None if any(self._has_head(name, before) for name in writers) else one.name

    def _has_head(self, name: DeviceName, head: LogHead) -> bool:
        at = of_key((name.org, name.device, head.log)) | {"of_seq": head.seq}
        hashes = [row["hash"] for row in self._connection.rows(_HASHES, at)]
        # none: cleared since, what the ledger counted was here
        return head.hash in hashes if hashes else self._connection.has(_COVERED, at)


def _outcome(one: Taken, status: Status, reason: str | None, *, forked: bool = False) -> Outcome:
    return Outcome(one.seq, one.prev, one.hash, status, None if reason is None else str(reason), forked)


def _stored(one: Taken, outcome: Outcome, *, repeated: bool) -> Stored:
    return Stored(one.name, one.log, outcome, repeated, None if one.header is None else str(one.header.kind))
