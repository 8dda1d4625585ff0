"""Stores a batch of entries in the open transaction: looks a few times, decides in memory, writes in a few statements.

Source: design.md "The register at rest"; decision 0100. Entries are taken one after the other, as if each were written before the next.
What is rare (a fork, a log's first entry) is written out first and then decided in the tables.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from sqlalchemy import and_, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import Insert

from edge_agent.wire.entry import Clock, Kind, LogHead, Passage, encode_body
from edge_agent.wire.receipt import Status
from edge_agent.wire.topics import DeviceName
from province.collecting.intake import Taken
from province.collecting.receipt_ranges import Outcome
from province.collecting.token_rows import put_tokens, token_rows
from province.keys import wrapping
from province.records import clock_truth, days, predecessors
from province.records.alerts import AlertKind
from province.records.day_counts import Counts
from province.records.ledger import Span, merge
from province.store.opened import Connection, Inserter
from province.store.schema import alert, announced, entry, ledger

_PIECES_MOST = 64  # of a log that are looked at together; in more, around each entry alone
_Key = tuple[str, str, bytes]

_OF_KEY = {"of_org": entry.c.org, "of_device": entry.c.device, "of_log": entry.c.log}
_OF_LOG = and_(*(column == bindparam(name) for name, column in _OF_KEY.items()))
_AT = and_(_OF_LOG, entry.c.seq == bindparam("of_seq"))
_SAME = select(entry.c.status, entry.c.reason, entry.c.forked).where(_AT, entry.c.hash == bindparam("of_hash"))
_THERE = select(entry.c.id).where(_AT).limit(1)
_LAST_ID = select(func.coalesce(func.max(entry.c.id), 0))
_ENTER = insert(entry)
_HASHES = select(entry.c.hash).where(_AT)
_FORK = update(entry).where(_AT).values(forked=1)
_SPANS = (
    select(ledger.c.first_seq, ledger.c.first_prev, ledger.c.last_seq, ledger.c.last_hash)
    .where(ledger.c.org == bindparam("of_org"), ledger.c.device == bindparam("of_device"), ledger.c.log == bindparam("of_log"))
    .where(ledger.c.first_seq <= bindparam("after"), ledger.c.last_seq >= bindparam("before"))
    .order_by(ledger.c.first_seq)
    .limit(_PIECES_MOST + 1)
)
# The same of all logs of a batch at once: tens of thousands of scanners send a few entries each.
_SPANS_OF_ALL = select(
    ledger.c.org, ledger.c.device, ledger.c.log, ledger.c.first_seq, ledger.c.first_prev, ledger.c.last_seq, ledger.c.last_hash
).where(ledger.c.log.in_(bindparam("logs", expanding=True))).limit(bindparam("most"))  # fmt: skip
_OPEN_ALERTS_OF_ALL = (
    select(alert.c.org, alert.c.device, alert.c.log, alert.c.seq, alert.c.hash, alert.c.kind)
    .where(alert.c.log.in_(bindparam("logs", expanding=True)), alert.c.resolved_ms.is_(None))
    .limit(bindparam("most"))
)
_FORGET_SPAN = delete(ledger).where(
    ledger.c.org == bindparam("of_org"), ledger.c.device == bindparam("of_device"), ledger.c.log == bindparam("of_log"),
    ledger.c.first_seq == bindparam("first"),
)  # fmt: skip
_OPEN_ALERTS = (
    select(alert.c.seq, alert.c.hash, alert.c.kind)
    .where(alert.c.org == bindparam("of_org"), alert.c.device == bindparam("of_device"), alert.c.log == bindparam("of_log"))
    .where(alert.c.seq.between(bindparam("least"), bindparam("most")), alert.c.resolved_ms.is_(None))
    .limit(_PIECES_MOST + 1)
)
_RESOLVE = (
    update(alert)
    .where(alert.c.org == bindparam("of_org"), alert.c.device == bindparam("of_device"), alert.c.log == bindparam("of_log"))
    .where(alert.c.seq == bindparam("of_seq"), alert.c.hash == bindparam("of_hash"), alert.c.kind == bindparam("of_kind"))
    .where(alert.c.resolved_ms.is_(None))
    .values(resolved_ms=bindparam("at_ms"))
)
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


@dataclass
class _Log:
    """What is known of a log's ledger and open alerts around the numbers of the batch.

    Attributes:
        low: the lowest number that it is known around; `high`: the highest.
        spans: as they are now; `written`: as they stand in the table; both by their first number.
        alerts: open ones by number, hash and kind; None when there are too many to know.
    """

    low: int
    high: int
    spans: dict[int, Span] = field(default_factory=dict)
    written: dict[int, Span] = field(default_factory=dict)
    alerts: set[tuple[int, bytes, str]] | None = field(default_factory=set)


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
        self._reach: dict[_Key, tuple[int, int]] = {}
        for one in batch:
            low, high = self._reach.get(_key(one), (one.seq, one.seq))
            self._reach[_key(one)] = min(low, one.seq), max(high, one.seq)
        self._logs = self._look_at_all() if len(self._reach) > 1 else {}
        self._in_pieces: set[_Key] = set()
        self._next_id: int | None = None
        self._empty()

    def _look_at_all(self) -> dict[_Key, _Log]:
        """What is known of every log of the batch; nothing when some are in too many pieces, then each is looked at alone."""
        most = len(self._reach) + _PIECES_MOST
        asked = {"logs": [key[2] for key in self._reach], "most": most}
        spans, alerts = self._connection.execute(_SPANS_OF_ALL, asked).all(), self._connection.execute(_OPEN_ALERTS_OF_ALL, asked).all()
        if most in (len(spans), len(alerts)):
            return {}
        found = {key: _Log(low, high) for key, (low, high) in self._reach.items()}
        for *key, first, prev, last, last_hash in spans:
            log = found.get((key[0], key[1], key[2]))
            if log is not None and first <= log.high + 1 and last >= log.low - 1:
                log.spans[first] = log.written[first] = Span(first, prev, last, last_hash)
        for *key, seq, digest, kind in alerts:
            log = found.get((key[0], key[1], key[2]))
            if log is not None and log.alerts is not None and log.low <= seq <= log.high + 1:
                log.alerts.add((seq, digest, kind))
        return found

    def _empty(self) -> None:
        self._rows: list[dict[str, object]] = []
        self._tokens: list[dict[str, object]] = []
        self._new: dict[tuple[_Key, int, bytes], Stored] = {}
        self._days: dict[tuple[str, str, bytes, str], tuple[int, int, int]] = {}
        self._sure: dict[tuple[str, str, bytes, str], tuple[int, int]] = {}
        self._boots: dict[tuple[DeviceName, bytes], set[int]] = defaultdict(set)
        self._counts = Counts()

    def store(self, one: Taken) -> Stored:
        """Takes one entry."""
        if self._extend_ledger(one):
            return self._take(one, forked=False)
        if (known := self._new.get((_key(one), one.seq, one.hash))) is not None:
            return Stored(known.name, known.log, known.outcome, repeated=True, kind=known.kind)
        row = self._connection.row(_SAME, _named(one) | {"of_seq": one.seq, "of_hash": one.hash})
        if row is not None:
            return _stored(one, _outcome(one, Status(row["status"]), row["reason"], forked=bool(row["forked"])), repeated=True)
        self.finish()
        if one.fate.status is Status.EXPIRED and not self._connection.has(_THERE, _named(one) | {"of_seq": one.seq}):
            # A late copy of a day that was cleared: its bytes are gone and cannot be compared, nor ever be read.
            return _stored(one, _outcome(one, one.fate.status, one.fate.reason), repeated=True)
        return self._take_fork(one)

    def _take_fork(self, one: Taken) -> Stored:
        stored = self._take(one, forked=True)
        self.finish()
        self._connection.execute(_FORK, _named(one) | {"of_seq": one.seq})
        self._alert(AlertKind.FORK, one.name, LogHead(one.log, one.seq, one.hash))
        before = _named(one) | {"of_seq": one.seq - 1, "of_hash": one.prev}
        if one.seq != 1 and not self._connection.has(_SAME, before):  # the branches parted earlier than here
            self._alert(AlertKind.BROKEN_LINK, one.name, LogHead(one.log, one.seq, one.prev))
        return stored

    def _take(self, one: Taken, *, forked: bool) -> Stored:
        self._add(one, forked=forked)
        stored = _stored(one, _outcome(one, one.fate.status, one.fate.reason, forked=forked), repeated=False)
        self._new[_key(one), one.seq, one.hash] = stored
        self._resolve(one)
        if one.seq == 1 and one.header is not None:
            self._note_log(one, one.header.predecessor)
        return stored

    def _log(self, key: _Key, seq: int) -> _Log:
        known = self._logs.get(key)
        if known is not None and known.low <= seq <= known.high:
            return known
        self._write_ledger()
        low, high = (seq, seq) if key in self._in_pieces else self._reach[key]
        spans = self._spans(key, low, high)
        if len(spans) > _PIECES_MOST:
            self._in_pieces.add(key)
            return self._log(key, seq)
        log = _Log(low, high, spans, dict(spans))
        found = self._connection.found(_OPEN_ALERTS, _of(key) | {"least": low, "most": high + 1})
        log.alerts = {(seq, digest, kind) for seq, digest, kind in found} if len(found) <= _PIECES_MOST else None
        self._logs[key] = log
        return log

    def _spans(self, key: _Key, low: int, high: int) -> dict[int, Span]:
        rows = self._connection.found(_SPANS, _of(key) | {"before": low - 1, "after": high + 1})
        return {first: Span(first, prev, last, last_hash) for first, prev, last, last_hash in rows}

    def _extend_ledger(self, one: Taken) -> bool:
        """Adds the entry's number; False when the ledger has it already."""
        log = self._log(_key(one), one.seq)
        left = max((span for span in log.spans.values() if span.first <= one.seq), key=lambda span: span.first, default=None)
        right = min((span for span in log.spans.values() if span.first > one.seq), key=lambda span: span.first, default=None)
        change = merge(left, right, Span(one.seq, one.prev, one.seq, one.hash))
        if change is None:
            return False
        for span in change.removed:
            del log.spans[span.first]
        log.spans[change.span.first] = change.span
        for broken in change.broken:
            self._alert(AlertKind.BROKEN_LINK, one.name, LogHead(one.log, broken.seq, broken.prev))
        return True

    def _add(self, one: Taken, *, forked: bool) -> None:
        if self._next_id is None:
            self._next_id = self._connection.found(_LAST_ID, {})[0][0] + 1
        row_id, self._next_id = self._next_id, self._next_id + 1
        row = {"id": row_id, **_row(one, self._at_ms, forked=forked)}
        self._rows.append(row)
        self._counts.add(row, corrected_ms=None)
        if one.fate.opened is not None:
            self._tokens += token_rows(row_id, one.fate.opened)
        header = one.header
        if header is None:
            return
        day = days.own_day(one.fate.epoch, header.clock, header.wall_ms, None)
        if day is not None:
            first, last, entries = self._days.get((*_key(one), day), (one.seq, one.seq, 0))
            self._days[*_key(one), day] = min(first, one.seq), max(last, one.seq), entries + 1
        if not forked and header.clock is Clock.SYNCHRONISED and header.wall_ms <= self._at_ms + clock_truth.AHEAD_MS:
            sure = days.sure_day_of(header.wall_ms)
            if sure is not None:
                first, last = self._sure.get((*_key(one), sure), (one.seq, one.seq))
                self._sure[*_key(one), sure] = min(first, one.seq), max(last, one.seq)
        if header.kind is Kind.CLOCK or header.clock is not Clock.SYNCHRONISED:  # nothing else corrects or is corrected
            self._boots[one.name, header.boot].add(row_id)

    def finish(self) -> None:
        """Writes what was taken."""
        self._write_ledger()
        self._connection.many(_ENTER, self._rows)
        put_tokens(self._connection, self._tokens)
        self._counts.write(self._connection)
        days.note_many(self._connection, self._days)
        days.note_many_sure(self._connection, self._sure)
        for (name, boot), row_ids in self._boots.items():
            clock_truth.correct(self._connection, name, boot, row_ids)
        self._empty()

    def _write_ledger(self) -> None:
        gone, new = [], []
        for key, log in self._logs.items():
            gone += [_of(key) | {"first": first} for first in log.written.keys() - log.spans.keys()]
            new += [
                {
                    "org": key[0], "device": key[1], "log": key[2],
                    "first_seq": span.first, "first_prev": span.first_prev, "last_seq": span.last, "last_hash": span.last_hash,
                }
                for first, span in log.spans.items()
                if log.written.get(first) != span
            ]  # fmt: skip
            log.written = dict(log.spans)
        self._connection.many(_FORGET_SPAN, gone)
        self._connection.many(_putting_spans(self._connection.insert), new)

    def _resolve(self, one: Taken) -> None:
        """Closes what was open because this entry was missing."""
        known = self._log(_key(one), one.seq).alerts
        for kind, seq in ((AlertKind.CUT_PREDECESSOR, one.seq), (AlertKind.BROKEN_LINK, one.seq + 1)):
            if known is None or (seq, one.hash, str(kind)) in known:
                about = {"of_seq": seq, "of_hash": one.hash, "of_kind": str(kind), "at_ms": self._at_ms}
                self._connection.execute(_RESOLVE, _named(one) | about)

    def _note_log(self, one: Taken, before: LogHead | None) -> None:
        """Follows the thread from log to log."""
        self.finish()
        if before is None:
            if any(self._has_other_log(name, one.log) for name in self._names(one)):
                self._alert(AlertKind.UNANNOUNCED_LOG, one.name, LogHead(one.log, one.seq, one.hash))
        elif before.seq > 0 and (name := self._whose_end(one, before)) is not None:
            row = {"org": name.org, "device": name.device, "log": before.log, "seq": before.seq, "hash": before.hash, "by_log": one.log}
            self._connection.execute(self._connection.insert(announced).values(row).on_conflict_do_nothing())
            if not self._has_head(name, before):
                self._alert(AlertKind.CUT_PREDECESSOR, name, before)

    def _names(self, one: Taken) -> list[DeviceName]:
        """Those of its device: the one it has, and any that it had with the same key."""
        return [one.name, *predecessors.former_names(self._connection, one.name)]

    def _has_other_log(self, name: DeviceName, log: bytes) -> bool:
        return self._connection.has(_OTHER_LOG, _of((name.org, name.device, log)))

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
        at = _of((name.org, name.device, head.log)) | {"of_seq": head.seq}
        hashes = [row["hash"] for row in self._connection.rows(_HASHES, at)]
        # none: cleared since, what the ledger counted was here
        return head.hash in hashes if hashes else self._connection.has(_COVERED, at)

    def _alert(self, kind: AlertKind, name: DeviceName, about: LogHead) -> None:
        row = {
            "kind": str(kind), "org": name.org, "device": name.device, "log": about.log, "seq": about.seq, "hash": about.hash,
            "raised_ms": self._at_ms,
        }  # fmt: skip
        self._connection.execute(self._connection.insert(alert).values(row).on_conflict_do_nothing())
        known = self._logs.get((name.org, name.device, about.log))
        if known is not None and known.alerts is not None:
            known.alerts.add((about.seq, about.hash, str(kind)))


@cache
def _putting_spans(inserter: Inserter) -> Insert:
    writing = inserter(ledger)
    changed = {name: writing.excluded[name] for name in ("first_prev", "last_seq", "last_hash")}
    return writing.on_conflict_do_update(index_elements=("org", "device", "log", "first_seq"), set_=changed)


def _key(one: Taken) -> _Key:
    return one.name.org, one.name.device, one.log


def _of(key: _Key) -> dict[str, object]:
    return {"of_org": key[0], "of_device": key[1], "of_log": key[2]}


def _named(one: Taken) -> dict[str, object]:
    return _of(_key(one))


def _outcome(one: Taken, status: Status, reason: str | None, *, forked: bool = False) -> Outcome:
    return Outcome(one.seq, one.prev, one.hash, status, None if reason is None else str(reason), forked)


def _stored(one: Taken, outcome: Outcome, *, repeated: bool) -> Stored:
    return Stored(one.name, one.log, outcome, repeated, None if one.header is None else str(one.header.kind))


def _row(one: Taken, at_ms: int, *, forked: bool) -> dict[str, object]:
    """The clear columns and the closed body."""
    fate, header, opened = one.fate, one.header, one.fate.opened
    passage = opened.body if opened is not None and isinstance(opened.body, Passage) else None
    row: dict[str, object] = {
        "org": one.name.org, "device": one.name.device, "log": one.log, "seq": one.seq, "hash": one.hash, "prev": one.prev,
        "epoch": fate.epoch, "status": str(fate.status), "reason": None if fate.reason is None else str(fate.reason),
        "forked": int(forked), "registered_ms": at_ms, "body": one.envelope if fate.status is Status.HELD else None,
        "direction": None if passage is None else str(passage.direction), "trip": None if passage is None else passage.trip,
        "method": None if passage is None else str(passage.method),
        **dict.fromkeys(("kind", "site", "gate", "wall_ms", "boot", "boottime_ms", "clock", "key_id")),
    }  # fmt: skip
    if header is not None:
        row |= {
            "kind": str(header.kind), "site": header.site, "gate": header.gate, "wall_ms": header.wall_ms, "boot": header.boot,
            "boottime_ms": header.boottime_ms, "clock": str(header.clock), "key_id": header.key_id,
        }  # fmt: skip
    if opened is not None:
        about = wrapping.identity(one.name, one.log, one.seq, one.hash)
        row["body"] = wrapping.wrap(encode_body(opened.body), about, opened.keys.data_key)
    return row
