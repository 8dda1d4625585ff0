"""Measures what matters and writes bench.json: `make bench`. Every time is a ratio against a reference in the same run.

`make bench ARGS="cards approaches"` measures some only, and then writes nothing. With `--strict` a bar that does not hold ends with 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [
    str(HERE),
    str(ROOT),
    *(str(ROOT / "tests" / name) for name in ("province", "firmware", "network", "chain", "drivers", "systemd", "edge_agent")),
]

import approaches  # noqa: E402 - the path above comes first
import board  # noqa: E402 - the same
import bridge  # noqa: E402 - the same
import card_bytes  # noqa: E402 - the same
import cards  # noqa: E402 - the same
import chart  # noqa: E402 - the same
import collecting  # noqa: E402 - the same
import crowded  # noqa: E402 - the same
import drain  # noqa: E402 - the same
import held_phone  # noqa: E402 - the same
import missed  # noqa: E402 - the same
import nobody_there  # noqa: E402 - the same
import picture_drawing  # noqa: E402 - the same
import recording  # noqa: E402 - the same
import resident_memory  # noqa: E402 - the same
import services  # noqa: E402 - the same
import shared_set  # noqa: E402 - the same
import start_up  # noqa: E402 - the same
import two_lanes_latency  # noqa: E402 - the same
import whole_loop  # noqa: E402 - the same
from measures import Measure, table, write  # noqa: E402 - the same

BENCHES = {
    "shared_set": shared_set.measure,
    "held_phone": held_phone.measure,
    "nobody_there": nobody_there.measure,
    "crowded": crowded.measure,
    "cards": cards.measure,
    "approaches": approaches.measure,
    "recording": recording.measure,
    "drain": drain.measure,
    "card_bytes": card_bytes.measure,
    "collecting": collecting.measure,
    "board": board.measure,
    "bridge": bridge.measure,
    "missed": missed.measure,
    "whole_loop": whole_loop.measure,
    "two_lanes_latency": two_lanes_latency.measure,
    "picture_drawing": picture_drawing.measure,
    "start_up": start_up.measure,
    "resident_memory": resident_memory.measure,
    "services": services.measure,
}


def main() -> int:
    """Runs the benchmarks asked for; returns 1 with `--strict` when a bar does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(BENCHES)} (default: all)")
    parser.add_argument("--strict", action="store_true", help="end with exit code 1 when a bar does not hold")
    given = parser.parse_args()
    names = given.names
    if unknown := set(names) - set(BENCHES):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}: there are {', '.join(BENCHES)}")
    measures: list[Measure] = []
    for name in names or BENCHES:
        started_s = time.monotonic()
        found = BENCHES[name]()
        print(f"{name}: {time.monotonic() - started_s:.0f} s" + ("" if found else ", nothing to measure: set GATE_QR_IMAGES"))
        print(table(found))
        measures += found
    if not names:
        write(measures, ROOT / "bench.json")
        (ROOT / "hw_docs/pictures/bench.svg").write_text(chart.draw(measures), encoding="utf-8")
    missed = [measure.name for measure in measures if measure.holds is False]
    if missed:
        print(f"{len(missed)} bars do not hold: {'; '.join(missed)}")
    return 1 if missed and given.strict else 0


if __name__ == "__main__":
    sys.exit(main())
