"""A run of a simulated fleet in figures, and which limits it missed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from sim_plan import Outcome

_SHOWN_S = 1.0  # from telemetry to what a desk sees
_PAINT_S = 1.0


def at(share: float, values: Sequence[float]) -> float:
    """The value that so large a share does not exceed; not a number without values.

    Example:
        >>> at(0.5, [3.0, 1.0, 2.0]), at(1.0, [3.0, 1.0])
        (2.0, 3.0)
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def _spread(title: str, groups: dict[str, list[float]]) -> Iterator[str]:
    yield f"{title:<58}{'p50':>9}{'p95':>9}{'max':>9}{'of':>8}"
    for name, values in groups.items():
        yield f"  {name:<56}" + "".join(f"{at(share, values):>9.3f}" for share in (0.5, 0.95, 1.0)) + f"{len(values):>8}"


def _fullest(beat: Sequence[float]) -> int:
    seconds = [int(at_s) for at_s in beat]
    return max((seconds.count(second) for second in set(seconds)), default=0)


def table(outcome: Outcome) -> str:
    """The figures."""
    plan = outcome.plan
    lines = [
        "",
        f"{'scanners':<58}{plan.devices:>9}",
        f"{'founded and registered, s':<58}{outcome.founded_s:>9.1f}",
        f"{'telemetry, messages/s':<58}{outcome.telemetry_hz:>9.1f}",
        f"{'  in the fullest second':<58}{_fullest(outcome.beat):>9}",
        f"{'entries, messages/s':<58}{outcome.entries_hz:>9.1f}",
        "",
        f"{'process, while all is steady':<58}{'% core':>9}{'MB':>9}",
        *(f"  {name:<56}{outcome.cpu[name] * 100:>9.1f}{outcome.rss_mb[name]:>9.0f}" for name in outcome.cpu),
        "",
        *_spread("telemetry told until it shows in the store, s", outcome.delays),
        *_spread("an entry recorded until its receipt, s", outcome.receipts),
        *_spread("from its cause until an alert shows, s", outcome.alerts),
        f"{'  limit for one that vanishes: 1.5 keep-alives + 5 s':<58}{outcome.will_limit_s:>9.1f}",
        "",
        f"{'who connects':<44}{'in s':>9}{'p50':>9}{'most/s':>9}{'failed':>9}{'telemetry, most/s':>20}",
    ]
    for storm in outcome.storms:
        after_s = storm.after_s
        lines.append(
            f"  {storm.name:<42}{max(after_s, default=math.nan):>9.1f}{at(0.5, after_s):>9.1f}{storm.most_a_second():>9}{storm.failed:>9}"
            f"{storm.most_a_second('told_s'):>20}"
        )
    lines += [
        "",
        f"{'ordered by command / obeyed, once each':<58}{outcome.ordered:>9}{outcome.obeyed:>9}",
        f"{'backlog entries, drained within, s':<58}{plan.drain:>9}{outcome.drained_s:>9.1f}",
        f"{'scanners that a viewer of bus-co hears of':<58}{outcome.viewer:>9}",
        f"{'the watch killed, started: all right again after, s':<58}{outcome.watch_back_s:>9.1f}",
        f"{'wrong in what is shown':<58}{len(outcome.flaws):>9}",
    ]
    if outcome.page:
        lines += ["", *_spread("the operators' page, s", outcome.page)]
    return "\n".join(lines)


def missed(outcome: Outcome) -> list[str]:
    """The limits that were missed."""
    found = []
    if (late_s := at(0.95, outcome.delays["steady"])) >= _SHOWN_S:
        found.append(f"telemetry shows after {late_s:.2f} s (p95), limit {_SHOWN_S:g} s")
    limits = {way: (outcome.alerts.get(way, []), outcome.will_limit_s) for way in ("connection reset", "vanished without a word")}
    limits |= {f"page: {what}": (values, _PAINT_S) for what, values in outcome.page.items()}
    for what, (values, limit_s) in limits.items():
        if (late_s := at(1.0, values)) > limit_s:
            found.append(f"{what}: {late_s:.1f} s, limit {limit_s:g} s")
    return found
