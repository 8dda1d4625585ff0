"""What a benchmark says: named figures with their bars, as a table for people and as bench.json for machines."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure, a ratio wherever time is concerned.

    Attributes:
        bar: such as "<= 2.0", or empty when it is told for information.
        holds: whether the bar is kept, None without one.
    """

    name: str
    value: float
    unit: str
    bar: str = ""
    holds: bool | None = None


def at_most(name: str, value: float, unit: str, bar: float) -> Measure:
    """A figure that should not be above its bar."""
    return Measure(name, round(value, 4), unit, f"<= {bar:g}", value <= bar)


def medians_ms(*works: Callable[[], object], rounds: int) -> list[float]:
    """The median time of each work in ms; the works take turns, so that a noisy moment of the machine hits all alike."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, taken in zip(works, times, strict=True):
            started_s = time.perf_counter()
            work()
            taken.append((time.perf_counter() - started_s) * 1000)
    return [statistics.median(taken) for taken in times]


def report(measures: list[Measure], file: Path) -> None:
    """Prints the table and writes the file."""
    width = max(len(measure.name) for measure in measures)
    for measure in measures:
        verdict = "" if measure.holds is None else "holds" if measure.holds else "DOES NOT HOLD"
        print(f"{measure.name.ljust(width)}  {measure.value:>10.4g} {measure.unit:<14} {measure.bar:<8} {verdict}")
    file.write_text(json.dumps([asdict(measure) for measure in measures], indent=1), encoding="utf-8")
