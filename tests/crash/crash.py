"""Cuts the power thousands of times and says what came of it: `make crash`. Why so: hw_docs/decisions/0070-power-cuts-replayed.md.

`make crash ARGS="record send"` tries some scenarios only and draws no picture; `--seed 7` leaves other things to chance.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT), str(ROOT / "tests/edge_agent"), str(ROOT / "tests/province")]

import crash_chart  # noqa: E402 - the path above comes first
import crash_trials as trials  # noqa: E402 - the same
from aftermath import GOOD, Outcome  # noqa: E402 - the same
from crash_scenarios import AGAIN, OUTBOX_SCENARIOS, SCENARIOS  # noqa: E402 - the same
from crash_trials import Finding  # noqa: E402 - the same
from power_cut import Trace  # noqa: E402 - the same
from system_calls import can_trace  # noqa: E402 - the same

_SHOWN_AT_MOST = 20
_STARTS = 10


def _row(name: str, findings: list[Finding]) -> str:
    outcomes = Counter(finding.outcome for finding in findings)
    return f"{name:<20}{len(findings):>8}" + "".join(f"{outcomes[outcome]:>{len(outcome) + 3}}" for outcome in Outcome)


def _tell_broken(name: str, findings: list[Finding]) -> None:
    broken = [finding for finding in findings if finding.outcome not in GOOD]
    for finding in broken[:_SHOWN_AT_MOST]:
        print(f"    {name}, place {finding.boundary}, {finding.way}: {finding.outcome}: {finding.why}")


def _recorded(names: list[str], seed: int) -> Iterator[tuple[str, list[Trace]]]:
    """Every scenario by name; at the end starts on what cuts of the outbox's scenarios have left."""
    outboxes = []
    with ExitStack() as undo:
        for name in names:
            trace = trials.record(name, Path(undo.enter_context(tempfile.TemporaryDirectory())))
            yield name, [trace]
            outboxes += [trace] if name in OUTBOX_SCENARIOS else []
        if not outboxes:
            return
        starts = trials.cuts_to_start_from(outboxes, seed, _STARTS)
        yield AGAIN, [trials.record_again(cut, Path(undo.enter_context(tempfile.TemporaryDirectory()))) for cut in starts]


def main() -> int:
    """Tries the scenarios asked for; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(SCENARIOS)} (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="of what is left to chance (default: 1)")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(SCENARIOS):
        parser.error(f"no scenario is called {', '.join(sorted(unknown))}: there are {', '.join(SCENARIOS)}")
    if not can_trace():
        parser.error("strace cannot trace a process here: install it (apt install strace) or run this outside the container")
    started_s = time.monotonic()
    print(f"{'scenario':<20}{'cuts':>8}" + "".join(f"   {outcome}" for outcome in Outcome))
    findings: dict[str, list[Finding]] = {}
    with trials.pool() as processes:
        for name, traces in _recorded(arguments.names or list(SCENARIOS), arguments.seed):
            findings[name] = [finding for trace in traces for finding in trials.try_all(trace, arguments.seed, processes)]
            print(_row(name, findings[name]), flush=True)
            _tell_broken(name, findings[name])
    everything = [finding for found in findings.values() for finding in found]
    print(_row("all", everything))
    count = Counter(finding.outcome for finding in everything)
    print(
        f"{len(everything)} cuts in {time.monotonic() - started_s:.0f} s: {count[Outcome.LOST]} green entries or documents lost, "
        f"{count[Outcome.REUSED]} numbers reused, {count[Outcome.SHUT]} stores that do not open"
    )
    if not arguments.names:
        (ROOT / "hw_docs/pictures/crash.svg").write_text(crash_chart.draw(findings), encoding="utf-8")
    return 1 if set(count) - set(GOOD) else 0


if __name__ == "__main__":
    sys.exit(main())
