"""What a benchmark says: named figures with their bars, as a table for people and as bench.json for machines."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


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


def at_least(name: str, value: float, unit: str, bar: float) -> Measure:
    """A figure that should not be below its bar."""
    return Measure(name, round(value, 4), unit, f">= {bar:g}", value >= bar)


def none_of(name: str, count: int, unit: str) -> Measure:
    """A count that must be 0."""
    return Measure(name, float(count), unit, "== 0", count == 0)


def told(name: str, value: float, unit: str) -> Measure:
    """A figure without a bar, for comparison."""
    return Measure(name, round(value, 4), unit)


def medians_ms(*works: Callable[[], object], rounds: int) -> list[float]:
    """The median time of each work in ms; the works take turns, so that a noisy moment of the machine hits all alike."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, taken in zip(works, times, strict=True):
            started_s = time.perf_counter()
            work()
            taken.append((time.perf_counter() - started_s) * 1000)
    return [statistics.median(taken) for taken in times]


class Stopwatch:
    """Adds up the time of one contender; contenders take turns on the same frames, so that a noisy moment hits all alike."""

    def __init__(self) -> None:
        self.each_ms: list[float] = []

    def time(self, work: Callable[Arguments, Result], *args: Arguments.args, **options: Arguments.kwargs) -> Result:
        """Does the work and notes its time."""
        started_s = time.perf_counter()
        result = work(*args, **options)
        self.each_ms.append((time.perf_counter() - started_s) * 1000)
        return result

    @property
    def mean_ms(self) -> float:
        """The mean of all times."""
        return statistics.fmean(self.each_ms)


def table(measures: list[Measure]) -> str:
    """The measures for people."""
    width = max((len(measure.name) for measure in measures), default=0)
    lines = []
    for measure in measures:
        verdict = "" if measure.holds is None else "holds" if measure.holds else "DOES NOT HOLD"
        lines.append(f"  {measure.name.ljust(width)}  {measure.value:>10.4g} {measure.unit:<14} {measure.bar:<9} {verdict}".rstrip())
    return "\n".join(lines)


def write(measures: list[Measure], file: Path) -> None:
    """Writes the measures for machines: a list of objects of name, value, unit, bar and holds."""
    file.write_text(json.dumps([asdict(measure) for measure in measures], indent=1), encoding="utf-8")
