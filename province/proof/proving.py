"""Judges whether a scanner's day is whole: no number missing, every link holding, nothing forged twice, the day's end confirmed. Pure.

Source: design.md promise 4, decision 0054. It goes by numbers, and by the days of those entries alone that were made while the network had
set the scanner's clock: such an entry puts all that are numbered below it before, all above it after. Any other clock may be wrong by
days, ahead or back. It needs the ledger, the days' numbers, announced heads and alerts only: all of them outlive the entries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from edge_agent.wire.entry import NO_PREVIOUS
from province.proof.log_order import LogOrder
from province.records.alerts import Alert, AlertKind
from province.records.days import DayOfLog, SureDay
from province.records.ledger import Span, gaps


class Flaw(StrEnum):
    """What keeps a day from being proved."""

    GAP = "gap"  # numbers have not come
    BROKEN_LINK = "broken-link"  # an entry names another predecessor than the one that came
    FORK = "fork"  # two entries under one number, or two that follow one
    CLOCK = "clock"  # sure days go backwards in the numbers
    CUT_TAIL = "cut-tail"  # a later log names an end that has not come
    UNANNOUNCED = "unannounced-log"  # the log begins without saying what came before it, though the scanner had another
    OPEN_END = "open-end"  # nothing surely later has come that confirms the last entry


@dataclass(frozen=True, slots=True)
class Finding:
    """One flaw, at numbers `first` to `last` of a log."""

    flaw: Flaw
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class KnownLog:
    """What is known of one log.

    Attributes:
        spans: the ledger's, in order.
        days: which numbers are kept as of which day, by whatever clock.
        sure: which numbers are of which day by a clock set by the network, in the order of the days.
        named: number and hash of its end as each later log names it.
        alerts: found in it.
        after: the log before it and the number of that one's end, as its first entry says, or None.
    """

    log: bytes
    spans: tuple[Span, ...]
    days: tuple[DayOfLog, ...]
    sure: tuple[SureDay, ...]
    named: tuple[tuple[int, bytes], ...]
    alerts: tuple[Alert, ...]
    after: tuple[bytes, int] | None = None

    @property
    def came(self) -> int:
        """The highest number that came, 0 when none did."""
        return max((span.last for span in self.spans), default=0)

    @property
    def announced(self) -> int:
        """How far later logs say that it reaches, 0 when none does."""
        return max((seq for seq, _hash in self.named), default=0)


@dataclass(frozen=True, slots=True)
class LogOfDay:
    """One log's part of the day.

    Attributes:
        first: its first number of the day, None when it has none.
        last: its last number of the day.
        entries: how many came that are known to be of the day.
        dayless: how many came that may be of the day by their numbers, beside those known to be.
        between: numbers from after what is surely earlier to before what is surely later: all that may be of the day.
        head: number and hash of the end of the span that holds `last`.
        findings: what is wrong, empty when it is whole.
    """

    log: bytes
    first: int | None
    last: int | None
    entries: int
    dayless: int
    between: tuple[int, int]
    head: tuple[int, bytes] | None
    findings: tuple[Finding, ...]


def judge_log(known: KnownLog, day: str, order: LogOrder) -> LogOfDay | None:
    """What one log says about a day, None when it has nothing to say.

    Args:
        known: the log.
        day: YYYY-MM-DD.
        order: of all the scanner's logs.
    """
    own = next((one for one in known.days if one.day == day), None)
    begun, ended = order.begun_after(known.log, day), order.ended_before(known.log, day)
    reaches = max(known.came, known.announced)
    before = max((one.last for one in known.sure if one.day < day), default=0)
    after = min((one.first for one in known.sure if one.day > day), default=reaches + 1)
    if begun or ended:
        before, after = (reaches, reaches + 1) if own is None else (own.last, own.first)
    if own is not None:  # a clock that was wrong may have mixed days up: the day's own numbers count in any case
        before, after = min(before, own.first - 1), max(after, own.last + 1)
    between = (before + 1, after - 1)
    came = sum(max(0, min(span.last, between[1]) - max(span.first, between[0]) + 1) for span in known.spans)
    dayless = max(0, came - (0 if own is None else own.entries))
    findings = [*_findings(known, between, is_first=order.is_first(known.log)), *_contradictions(known, day, begun=begun, ended=ended)]
    if not begun:
        findings += _partings(known, day)
        if not ended and _is_open(known, day):
            findings.append(Finding(Flaw.OPEN_END, known.came, known.came))
    if own is None and not dayless and not findings:
        return None
    first, last, entries = (None, None, 0) if own is None else (own.first, own.last, own.entries)
    head = next(((span.last, span.last_hash) for span in known.spans if last is not None and span.first <= last <= span.last), None)
    ordered = sorted(set(findings), key=lambda finding: (finding.first, finding.flaw))
    return LogOfDay(known.log, first, last, entries, dayless, between, head, tuple(ordered))


def _findings(known: KnownLog, between: tuple[int, int], *, is_first: bool) -> list[Finding]:
    first, last = between
    found = [
        Finding(Flaw.CUT_TAIL if low > known.came else Flaw.GAP, max(low, first), min(high, last))
        for low, high in gaps(known.spans, known.announced)
        if low <= last and high >= first
    ]
    # the link into the day's first entry and the one out of its last belong to it too
    found += [
        Finding(Flaw.BROKEN_LINK, right.first, right.first)
        for left, right in pairwise(known.spans)
        if left.last + 1 == right.first and first <= right.first <= last + 1
    ]
    if first == 1 and known.spans and known.spans[0].first == 1 and known.spans[0].first_prev != NO_PREVIOUS:
        found.append(Finding(Flaw.BROKEN_LINK, 1, 1))
    for alert in known.alerts:
        if alert.kind is AlertKind.CUT_PREDECESSOR and alert.resolved_ms is None and first <= alert.seq <= last:
            found.append(Finding(Flaw.CUT_TAIL, alert.seq, alert.seq))
        if alert.kind is AlertKind.UNANNOUNCED_LOG and first == 1 and not is_first:  # the first one may have come after the others
            found.append(Finding(Flaw.UNANNOUNCED, 1, 1))
    return found


def _contradictions(known: KnownLog, day: str, *, begun: bool, ended: bool) -> list[Finding]:
    """Where sure days go backwards: then a clock that the network had set was wrong, and no number bounds the day."""
    earlier = [one for one in known.sure if one.day < day]
    of_day = [one for one in known.sure if one.day == day]
    later = [one for one in known.sure if one.day > day]
    found = [
        Finding(Flaw.CLOCK, min(right), max(left))
        for left, right in (
            ([one.last for one in earlier], [one.first for one in of_day + later]),
            ([one.last for one in earlier + of_day], [one.first for one in later]),
        )
        if left and right and max(left) > min(right)
    ]
    misplaced = (earlier + of_day if begun else []) + (of_day + later if ended else [])
    return found + [Finding(Flaw.CLOCK, one.first, one.last) for one in misplaced]


def _partings(known: KnownLog, day: str) -> list[Finding]:
    """Where two have gone on with the log: the other may hold entries of any later day that never come.

    Of a day that surely ended before that number it may hold none.
    """
    parted = [(alert.seq, Finding(Flaw.FORK, alert.seq, alert.seq)) for alert in known.alerts if alert.kind is AlertKind.FORK]
    for alert in known.alerts:
        names_another = alert.kind is AlertKind.BROKEN_LINK or (alert.kind is AlertKind.CUT_PREDECESSOR and alert.seq <= known.came)
        if names_another and alert.resolved_ms is None:  # where that other one begins, nobody knows
            parted.append((1, Finding(Flaw.BROKEN_LINK, alert.seq, alert.seq)))
    ends = sorted(seq for seq, _hash in known.named)
    if len(ends) > 1 or (ends and known.came > ends[0]):
        reaches = max(known.came, ends[-1])
        linked = any(span.first <= ends[0] and span.last >= reaches for span in known.spans)  # else they may have parted earlier
        parted.append((ends[0] + 1 if linked else 1, Finding(Flaw.FORK, ends[0] + 1, ends[0] + 1)))
    ended = min((one.first for one in known.sure if one.day > day), default=None)
    return [finding for number, finding in parted if ended is None or number <= ended]


def _is_open(known: KnownLog, day: str) -> bool:
    """Whether nothing fixes where the day ended: no entry that is surely later, and no log that followed this one."""
    if any(one.day > day for one in known.sure) or known.announced > known.came:
        return False
    end = known.spans[-1]
    return (end.last, end.last_hash) not in known.named


@dataclass(frozen=True, slots=True)
class DayVerdict:
    """Whether the day is whole.

    Attributes:
        logs: those with a part in it.
        known: whether anything of the scanner has come at all.
        begun: whether something surely of the day or of one before it has come.
    """

    day: str
    logs: tuple[LogOfDay, ...]
    known: bool
    begun: bool

    @property
    def whole(self) -> bool:
        """Whether it is proved that nothing of the day is missing; of a day before all that is known, nothing is."""
        return self.known and self.begun and not any(log.findings for log in self.logs)

    @property
    def entries(self) -> int:
        """How many entries came that are known to be of the day."""
        return sum(log.entries for log in self.logs)

    @property
    def dayless(self) -> int:
        """How many came besides that may be of the day."""
        return sum(log.dayless for log in self.logs)


def judge(logs: Sequence[KnownLog], day: str) -> DayVerdict:
    """Judges one day of one scanner by all its logs."""
    order = LogOrder({log.log: log.sure for log in logs}, {log.log: log.after for log in logs if log.after is not None})
    parts = tuple(part for log in logs if (part := judge_log(log, day, order)) is not None)
    begun = any(one.day <= day for log in logs for one in log.sure)
    return DayVerdict(day, parts, any(log.spans for log in logs), begun)


WORDS: Mapping[Flaw, str] = {
    Flaw.GAP: "has not come; it may still wait on the scanner",
    Flaw.BROKEN_LINK: "names another predecessor than the one that came",
    Flaw.FORK: "came twice, or two go on from the one before it: a cloned or restored card, or a stolen key",
    Flaw.CLOCK: "is dated against the order of the numbers: a clock that the network had set was wrong",
    Flaw.CUT_TAIL: "is named by a later log and has not come",
    Flaw.UNANNOUNCED: "begins a log that does not say what came before it: an outbox was deleted",
    Flaw.OPEN_END: "is the last that came; nothing later by a clock set by the network confirms yet that the day ended there",
}
