"""Three gates and everything behind them killed, cut and partitioned at random, then settled and audited: `make chaos TIME=600`.

`SEED=7` draws other faults; the seed is printed. The same seed and time draw the same faults at the same moments, whatever they then meet.
Exit code 1 when a promise was broken or a process ended by itself; the folder with all logs is then kept. A run of 600 s or more that kept
every promise draws hw_docs/pictures/chaos.svg.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT), *(str(ROOT / "tests" / name) for name in ("chaos", "chain", "province", "network", "drivers"))]

import chaos_chart  # noqa: E402 - the path above comes first
from chaos_faults import Kind  # noqa: E402 - the same
from chaos_run import Outcome, run  # noqa: E402 - the same

_SHOWN_AT_MOST = 20
_WORTH_A_PICTURE_S = 600.0
_PICTURE = ROOT / "hw_docs/pictures/chaos.svg"


def table(outcome: Outcome) -> str:
    """The run in figures."""
    kinds = Counter(fault.kind for fault in outcome.faults)
    answers = Counter("no answer, the gate died" if one.answer is None else one.answer for one in outcome.shown)
    lines = [f"{'fault':<32}{'times':>7}", *(f"{kind:<32}{kinds[kind]:>7}" for kind in Kind if kinds[kind])]
    lines += [f"{'all faults':<32}{len(outcome.faults):>7}", "", f"{'codes shown':<32}{len(outcome.shown):>7}"]
    lines += [f"  {answer:<30}{count:>7}" for answer, count in answers.most_common()]
    told = sum(one.told is not None for one in outcome.shown)
    lines += [
        f"{'greens':<32}{outcome.audit.greens:>7}",
        f"{'  told with log and number':<32}{told:>7}",
        f"{'passages registered':<32}{outcome.audit.registered:>7}",
        "",
    ]
    findings = {**outcome.audit.findings(), "other troubles": outcome.troubles}
    for name, found in findings.items():
        lines.append(f"{name:<32}{len(found):>7}")
        lines += [f"    {one}" for one in found[:_SHOWN_AT_MOST]]
    return "\n".join(lines)


def main() -> int:
    """Runs the chaos; 1 when something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long it lasts, settling apart (default: %(default)g)")
    parser.add_argument("--seed", type=int, default=None, help="of the faults (default: another each time)")
    parser.add_argument("--picture", type=Path, help="draw the run as SVG into this file")
    parser.add_argument("--keep", action="store_true", help="keep the folder with all logs in any case")
    arguments = parser.parse_args()
    seed = random.randrange(10**6) if arguments.seed is None else arguments.seed
    folder = Path(tempfile.mkdtemp(prefix="gate-chaos-"))
    for asked_to_end in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: processes and disks of the run end with it
        signal.signal(asked_to_end, signal.default_int_handler)
    print(f"seed {seed}, {arguments.seconds:g} s of chaos in {folder}", flush=True)
    outcome = run(folder, seed, arguments.seconds)
    print(table(outcome))
    verdict = "every promise kept" if outcome.good else "BROKEN, see above"
    print(f"seed {seed}: {arguments.seconds:g} s of chaos, settled in {outcome.settling_s:.0f} s: {verdict}")
    picture = arguments.picture or (_PICTURE if outcome.good and arguments.seconds >= _WORTH_A_PICTURE_S else None)
    if picture is not None:
        picture.write_text(chaos_chart.draw(outcome), encoding="utf-8")
    if outcome.good and not arguments.keep:
        shutil.rmtree(folder)
    else:
        print(f"all logs and stores are in {folder}")
    return 0 if outcome.good else 1


if __name__ == "__main__":
    sys.exit(main())
