"""Plays device, province and a hostile broker against the four promises for as many runs as asked: `make model`. See promise_machine.py.

`make model ARGS="--runs 20000"` looks longer; a run that breaks a promise is made as short as it gets, and its steps are printed.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), *(str(ROOT / "tests" / folder) for folder in ("model", "province", "edge_agent"))]

from model_world import happened  # noqa: E402 - the path above comes first
from promise_machine import run  # noqa: E402 - the same


def main() -> None:
    """Runs it and says what was tried."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000, help="of up to forty steps each (default: 2000)")
    arguments = parser.parse_args()
    logging.lastResort = None  # what the devices complain of is theirs to complain of
    started_s = time.monotonic()
    run(runs=arguments.runs, by_chance=True)
    for deed, times in sorted(happened.items()):
        print(f"{times:>10}  {deed}")
    print(f"every promise held in {happened['runs']} runs of {happened['steps']} steps, in {time.monotonic() - started_s:.0f} s")


if __name__ == "__main__":
    main()
