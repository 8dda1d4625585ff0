"""A gate's recording while people arrive one by one: how long each waits for green, in ms, as a JSON list.

Started with a scanner's folder, how many people, and the seconds between two. Between two people it does what firmware does when nobody
waits; one who comes meanwhile waits for that too.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / name) for name in ("network", "chain", "province", "drivers")] + [str(HERE.parent.parent)]

from network_world import Scanner  # noqa: E402 - the path above comes first


def main() -> None:
    """Records, and prints the waits."""
    folder, people, apart_s = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    scanner, waits_ms = Scanner(folder), list[float]()
    began_s = time.perf_counter()
    for place in range(people):
        comes_s = began_s + place * apart_s
        time.sleep(max(0.0, comes_s - time.perf_counter()))  # the next person's moment
        scanner.record()
        waits_ms.append((time.perf_counter() - comes_s) * 1000)
        scanner.recorder.checkpoint_if_large()
    scanner.recorder.close()
    print(json.dumps(waits_ms))


if __name__ == "__main__":
    main()
