"""A simulated fleet against a real Mosquitto, collector and watch: `make fleet DEVICES=1000`.

It is powered up at once, runs, gets into every trouble, a tenth of it drops off, the broker and the watch are started again; then what is
shown to each organisation is compared with what the simulator knows. Exit code 1 when something is wrong or a limit was missed. A run of
1000 scanners or more whose comparison is clean draws hw_docs/pictures/fleet.svg.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT), str(HERE), str(ROOT / "tests/province")]

from sim_chart import draw  # noqa: E402 - the path above comes first
from sim_plan import LEAST_DEVICES, Plan  # noqa: E402 - the same
from sim_run import run  # noqa: E402 - the same
from sim_table import missed, table  # noqa: E402 - the same

_WORTH_A_PICTURE = 1000
_PICTURE = ROOT / "hw_docs/pictures/fleet.svg"


def main() -> int:
    """Runs the fleet; 1 when something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=1000, help=f"how many, {LEAST_DEVICES} or more (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of who gets into which trouble (default: %(default)s)")
    parser.add_argument("--steady", type=float, default=120.0, metavar="S", help="how long nothing happens (default: %(default)g)")
    parser.add_argument("--keep", action="store_true", help="keep the folder with all logs in any case")
    given = parser.parse_args()
    if given.devices < LEAST_DEVICES:
        parser.error(f"--devices {given.devices}: allowed: {LEAST_DEVICES} or more, so that each trouble has a scanner and some are well")
    folder = Path(tempfile.mkdtemp(prefix="gate-fleet-"))
    for asked_to_end in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: processes end with it
        signal.signal(asked_to_end, signal.default_int_handler)
    began_s = time.monotonic()

    def say(word: str) -> None:
        print(f"{time.monotonic() - began_s:6.0f} s  {word}", flush=True)

    try:
        outcome = run(folder, Plan(given.devices, steady_s=given.steady), given.seed, say)
    except BaseException:
        print(f"all logs and stores are in {folder}")
        raise
    print(table(outcome))
    if outcome.plan.devices >= _WORTH_A_PICTURE and not outcome.flaws:
        _PICTURE.write_text(draw(outcome), encoding="utf-8")
    found = [*outcome.flaws, *missed(outcome)]
    print("\n".join(["", *found, "WRONG, see above"]) if found else "\nall that is shown is right, every limit was kept")
    if given.keep or found:
        print(f"all logs and stores are in {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
