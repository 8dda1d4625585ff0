"""What is known of the ledgers and open alerts of a batch's logs: looked at a few times, changed in memory, written in a few statements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import TypeAlias

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.sqlite import Insert

from edge_agent.wire.entry import LogHead
from edge_agent.wire.topics import DeviceName
from province.collecting.intake import Taken
from province.records.alerts import AlertKind
from province.records.ledger import Span, merge
from province.store.opened import Connection, Inserter
from province.store.schema import alert, ledger

_PIECES_MOST = 64  # of a log that are looked at together; in more, around each entry alone
LogKey: TypeAlias = tuple[str, str, bytes]

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


class KnownLogs:
    """The logs of a batch; call `write` before the transaction ends.

    Args:
        connection: the register, in a transaction.
        at_ms: when the batch came, milliseconds since 1970 UTC.
        batch: what will be asked about.
    """

    def __init__(self, connection: Connection, at_ms: int, batch: Iterable[Taken]) -> None:
        self._connection = connection
        self._at_ms = at_ms
        self._reach: dict[LogKey, tuple[int, int]] = {}
        for one in batch:
            low, high = self._reach.get(log_key(one), (one.seq, one.seq))
            self._reach[log_key(one)] = min(low, one.seq), max(high, one.seq)
        self._logs = self._look_at_all() if len(self._reach) > 1 else {}
        self._in_pieces: set[LogKey] = set()

    def _look_at_all(self) -> dict[LogKey, _Log]:
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

    def _log(self, key: LogKey, seq: int) -> _Log:
        known = self._logs.get(key)
        if known is not None and known.low <= seq <= known.high:
            return known
        self.write()
        low, high = (seq, seq) if key in self._in_pieces else self._reach[key]
        spans = self._spans(key, low, high)
        if len(spans) > _PIECES_MOST:
            self._in_pieces.add(key)
            return self._log(key, seq)
        log = _Log(low, high, spans, dict(spans))
        found = self._connection.found(_OPEN_ALERTS, of_key(key) | {"least": low, "most": high + 1})
        log.alerts = {(seq, digest, kind) for seq, digest, kind in found} if len(found) <= _PIECES_MOST else None
        self._logs[key] = log
        return log

    def _spans(self, key: LogKey, low: int, high: int) -> dict[int, Span]:
        rows = self._connection.found(_SPANS, of_key(key) | {"before": low - 1, "after": high + 1})
        return {first: Span(first, prev, last, last_hash) for first, prev, last, last_hash in rows}

    def extend(self, one: Taken) -> bool:
        """Adds the entry's number; False when the ledger has it already."""
        log = self._log(log_key(one), one.seq)
        left = max((span for span in log.spans.values() if span.first <= one.seq), key=lambda span: span.first, default=None)
        right = min((span for span in log.spans.values() if span.first > one.seq), key=lambda span: span.first, default=None)
        change = merge(left, right, Span(one.seq, one.prev, one.seq, one.hash))
        if change is None:
            return False
        for span in change.removed:
            del log.spans[span.first]
        log.spans[change.span.first] = change.span
        for broken in change.broken:
            self.raise_alert(AlertKind.BROKEN_LINK, one.name, LogHead(one.log, broken.seq, broken.prev))
        return True

    def write(self) -> None:
        """Writes what has changed in the ledgers."""
        gone, new = [], []
        for key, log in self._logs.items():
            gone += [of_key(key) | {"first": first} for first in log.written.keys() - log.spans.keys()]
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

    def resolve(self, one: Taken) -> None:
        """Closes what was open because this entry was missing."""
        known = self._log(log_key(one), one.seq).alerts
        for kind, seq in ((AlertKind.CUT_PREDECESSOR, one.seq), (AlertKind.BROKEN_LINK, one.seq + 1)):
            if known is None or (seq, one.hash, str(kind)) in known:
                about = {"of_seq": seq, "of_hash": one.hash, "of_kind": str(kind), "at_ms": self._at_ms}
                self._connection.execute(_RESOLVE, of_entry(one) | about)

    def raise_alert(self, kind: AlertKind, name: DeviceName, about: LogHead) -> None:
        """Notes an alert, once."""
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


def log_key(one: Taken) -> LogKey:
    """Whose log, and which."""
    return one.name.org, one.name.device, one.log


def of_key(key: LogKey) -> dict[str, object]:
    """A log as the statements name it."""
    return {"of_org": key[0], "of_device": key[1], "of_log": key[2]}


def of_entry(one: Taken) -> dict[str, object]:
    """An entry's log as the statements name it."""
    return of_key(log_key(one))
