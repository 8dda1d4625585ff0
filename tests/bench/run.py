"""Measures what matters and writes bench.json: `make bench`. Every time is a ratio against a reference in the same run."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent), str(HERE.parent / "province")]

import decoding  # noqa: E402 - the path above comes first
import recording  # noqa: E402 - the same
from measures import report  # noqa: E402 - the same

if __name__ == "__main__":
    report([*decoding.measure(), *recording.measure()], HERE.parent.parent / "bench.json")
