"""Judges whether a scanner's day is whole: no number missing, every link holding, nothing forged twice, the day's end confirmed. Pure.

Source: design.md promise 4. It needs the ledger, the days' numbers, announced heads and alerts only: all of them outlive the entries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from edge_agent.entry import NO_PREVIOUS
from province.alerts import Alert, AlertKind
from province.days import DayOfLog
from province.ledger import Span, gaps


class Flaw(StrEnum):
    """What keeps a day from being proved."""

    GAP = "gap"  # numbers have not come
    BROKEN_LINK = "broken-link"  # an entry names another predecessor than the one that came
    FORK = "fork"  # two entries under one number
    CUT_TAIL = "cut-tail"  # a later log names an end that has not come
    UNANNOUNCED = "unannounced-log"  # the log begins without saying what came before it, though the scanner had another
    OPEN_END = "open-end"  # nothing later has come that confirms the last entry


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
        days: which numbers are of which day.
        announced: how far later logs say that it reaches, 0 when none does.
        confirmed: the number and hash of its end as a later log names it, None when none does.
        alerts: found in it.
        after: the log before it, as its first entry says, or None.
    """

    log: bytes
    spans: tuple[Span, ...]
    days: tuple[DayOfLog, ...]
    announced: int
    confirmed: tuple[int, bytes] | None
    alerts: tuple[Alert, ...]
    after: bytes | None = None


@dataclass(frozen=True, slots=True)
class LogOfDay:
    """One log's part of the day.

    Attributes:
        first: its first number of the day, None when it has none.
        last: its last number of the day.
        entries: how many came that are known to be of the day.
        dayless: how many came that may be of the day and are known to be of none.
        between: numbers from after the day before to before the day after: all that may be of the day.
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


def judge_log(known: KnownLog, day: str) -> LogOfDay | None:
    """What one log says about a day, None when it has nothing to say.

    Args:
        known: the log.
        day: YYYY-MM-DD.
    """
    own = next((one for one in known.days if one.day == day), None)
    before = max((one.last for one in known.days if one.day < day), default=0)
    reaches = max([span.last for span in known.spans] + [known.announced], default=0)
    after = min((one.first for one in known.days if one.day > day), default=reaches + 1)
    if own is not None:  # a clock that was wrong may have mixed days up: the day's own numbers count in any case
        before, after = min(before, own.first - 1), max(after, own.last + 1)
    between = (before + 1, after - 1)
    came = sum(max(0, min(span.last, between[1]) - max(span.first, between[0]) + 1) for span in known.spans)
    dayless = max(0, came - (0 if own is None else own.entries))
    findings = _findings(known, between)
    if (own is not None or dayless) and not _end_confirmed(known, day):
        findings.append(Finding(Flaw.OPEN_END, known.spans[-1].last, known.spans[-1].last))
    if own is None and not dayless and not findings:
        return None
    first, last, entries = (None, None, 0) if own is None else (own.first, own.last, own.entries)
    head = next(((span.last, span.last_hash) for span in known.spans if last is not None and span.first <= last <= span.last), None)
    ordered = sorted(set(findings), key=lambda finding: (finding.first, finding.flaw))
    return LogOfDay(known.log, first, last, entries, dayless, between, head, tuple(ordered))


def _findings(known: KnownLog, between: tuple[int, int]) -> list[Finding]:
    first, last = between
    reached = max((span.last for span in known.spans), default=0)
    found = [
        Finding(Flaw.CUT_TAIL if low > reached else Flaw.GAP, max(low, first), min(high, last))
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
        if alert.kind is AlertKind.FORK and first <= alert.seq <= last:
            found.append(Finding(Flaw.FORK, alert.seq, alert.seq))
        if alert.kind is AlertKind.CUT_PREDECESSOR and alert.resolved_ms is None and first <= alert.seq <= last:
            found.append(Finding(Flaw.CUT_TAIL, alert.seq, alert.seq))
        if alert.kind is AlertKind.UNANNOUNCED_LOG and first == 1:
            found.append(Finding(Flaw.UNANNOUNCED, 1, 1))
    return found


def _end_confirmed(known: KnownLog, day: str) -> bool:
    """Whether something later fixes where the day ended: an entry of a later day, or the log that followed this one.

    Entries without a day fix nothing: they may be of the day themselves.
    """
    if any(one.day > day for one in known.days):
        return True
    end = known.spans[-1]
    return known.announced > end.last or known.confirmed == (end.last, end.last_hash)


@dataclass(frozen=True, slots=True)
class DayVerdict:
    """Whether the day is whole.

    Attributes:
        logs: those with a part in it.
        known: whether anything of the scanner has come at all.
        earlier, later: whether something earlier and later than the day has come.
    """

    day: str
    logs: tuple[LogOfDay, ...]
    known: bool
    earlier: bool
    later: bool

    @property
    def whole(self) -> bool:
        """Whether it is proved that nothing of the day is missing; of a day before all that is known, nothing is."""
        return self.known and (bool(self.logs) or (self.earlier and self.later)) and not any(log.findings for log in self.logs)

    @property
    def entries(self) -> int:
        """How many entries came that are known to be of the day."""
        return sum(log.entries for log in self.logs)


def _may_hold(log: KnownLog, logs: Sequence[KnownLog], day: str) -> bool:
    """Tells whether the day lies between what the logs before this one and after it hold; one that holds some of it does in any case."""
    if any(one.day == day for one in log.days):
        return True
    by_log, followed_by = {each.log: each for each in logs}, {each.after: each for each in logs if each.after is not None}
    earlier = [one.day for each in _thread(log, lambda it: by_log.get(it.after or b"")) for one in each.days]
    later = [one.day for each in _thread(log, lambda it: followed_by.get(it.log)) for one in each.days]
    return max(earlier, default=day) <= day <= min(later, default=day)


def _thread(log: KnownLog, step: Callable[[KnownLog], KnownLog | None]) -> Iterator[KnownLog]:
    """The logs one comes to from this one; forged announcements may lead in a circle."""
    seen = {log.log}
    here = step(log)
    while here is not None and here.log not in seen:
        seen.add(here.log)
        yield here
        here = step(here)


def judge(logs: Sequence[KnownLog], day: str) -> DayVerdict:
    """Judges one day of one scanner by all its logs."""
    parts = tuple(part for log in logs if _may_hold(log, logs, day) and (part := judge_log(log, day)) is not None)
    days = [one.day for log in logs for one in log.days]
    earlier, later = any(one < day for one in days), any(one > day for one in days)
    return DayVerdict(day, parts, any(log.spans for log in logs), earlier, later)


WORDS: Mapping[Flaw, str] = {
    Flaw.GAP: "has not come; it may still wait on the scanner",
    Flaw.BROKEN_LINK: "names another predecessor than the one that came",
    Flaw.FORK: "came twice with different content: a cloned or restored card, or a stolen key",
    Flaw.CUT_TAIL: "is named by a later log and has not come",
    Flaw.UNANNOUNCED: "begins a log that does not say what came before it: an outbox was deleted",
    Flaw.OPEN_END: "is the last that came; nothing later confirms yet that the day ended there",
}
