"""A device's last day as small charts: SVG made here, and the same numbers as a table for those who do not see them. Pure.

No script and no style of its own: classes of the page's style sheet, so that the strict content policy holds and both colour schemes work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from itertools import pairwise

from edge_agent.wire.keyring import VIETNAM
from province.watch.fleet_sample import SLOT_MS, Sample

DAY_MS = 86_400_000
_WIDTH, _HEIGHT = 360, 96
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 8, 10, 18
_TICK_MS = 6 * 3_600_000
_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Line:
    """One measure: its word, its unit, and how it is read from a sample; `from_zero`: whether its scale must show zero."""

    word: str
    unit: str
    read: Callable[[Sample], float | None]
    from_zero: bool = True


LINES = (
    Line("waiting", "", lambda sample: sample.waiting),
    Line("entries", "", lambda sample: sample.entries_today),  # `series` makes differences of it
    Line("temperature", "°C", lambda sample: sample.temperature_c, from_zero=False),
    Line("decode", "ms", lambda sample: sample.decode_p95_ms),
    Line("signal", "dBm", lambda sample: sample.signal_dbm, from_zero=False),
    Line("busy", "%", lambda sample: sample.busy_percent),
    Line("memory", "MB", lambda sample: sample.available_mb),
    Line("frames", "/s", lambda sample: sample.frames_per_s),
)
Points = list[tuple[int, float]]


def series(line: Line, history: Sequence[Sample]) -> Points:
    """What a line goes through: moments and values, oldest first."""
    if line.word != "entries":
        return [(sample.at_ms, value) for sample in history if (value := line.read(sample)) is not None]
    counted = [(sample.at_ms, sample.entries_today) for sample in history if sample.entries_today is not None]
    made: Points = []
    for (before_ms, before), (at_ms, now) in pairwise(counted):
        slots = max(1, (at_ms - before_ms) // SLOT_MS)
        made.append((at_ms, (now - before if now >= before else now) / slots))  # fewer: midnight was between
    return made


def chart(line: Line, points: Points, now_ms: int, title: str) -> str:
    """The picture of the day that ends now, as SVG; empty when there is nothing to show.

    Args:
        line: what it is.
        points: from `series`.
        now_ms: its right edge.
        title: for those who do not see it.
    """
    points = [(at_ms, value) for at_ms, value in points if now_ms - DAY_MS <= at_ms <= now_ms]
    if not points:
        return ""
    low, high = _scale([value for _at_ms, value in points], from_zero=line.from_zero)
    across = (_WIDTH - _LEFT - _RIGHT) / DAY_MS

    def x(at_ms: int) -> float:
        return _LEFT + (at_ms - now_ms + DAY_MS) * across

    def y(value: float) -> float:
        return _TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    drawn = [
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}" focusable="false">',
        *(_level(value, y(value)) for value in (low, (low + high) / 2, high)),
        *(_hour(at_ms, x(at_ms)) for at_ms in _ticks(now_ms)),
    ]
    for piece in _pieces(points):
        path = " ".join(f"{x(at_ms):.1f},{y(value):.1f}" for at_ms, value in piece)
        if len(piece) == 1:
            drawn.append(f'<circle class="line" cx="{x(piece[0][0]):.1f}" cy="{y(piece[0][1]):.1f}" r="1.5"/>')
        else:
            drawn.append(f'<polyline class="line" points="{path}"/>')
    last_ms, last = points[-1]
    drawn.append(f'<circle class="last" cx="{x(last_ms):.1f}" cy="{y(last):.1f}" r="3"/></svg>')
    return "".join(drawn)


def hourly(points: Points, now_ms: int) -> list[float | None]:
    """The mean of each of the last 24 hours, oldest first; None where nothing was told."""
    sums, counts = [0.0] * 24, [0] * 24
    for at_ms, value in points:
        hour = (at_ms - now_ms + DAY_MS) * 24 // DAY_MS
        if 0 <= hour < 24:
            sums[hour] += value
            counts[hour] += 1
    return [total / count if count else None for total, count in zip(sums, counts, strict=True)]


def clock(at_ms: int) -> str:
    """Hours and minutes in Vietnam.

    Example:
        >>> clock(1_633_366_800_000)
        '00:00'
    """
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(VIETNAM):%H:%M}"


def number(value: float) -> str:
    """A number as short as it may be.

    Example:
        >>> [number(value) for value in (0.25, 12.0, 12.34, 1234.5)]
        ['0.25', '12', '12.3', '1234']
    """
    if value == round(value) or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2f}"


def _scale(values: Sequence[float], *, from_zero: bool) -> tuple[float, float]:
    low, high = min(values), max(values)
    if from_zero:
        low = min(0.0, low)
    span = max(high - low, 1.0 if from_zero else 4.0)
    step = next(factor * base for base in (10.0**power for power in range(-2, 12)) for factor in _STEPS if factor * base * 2 >= span)
    bottom = step * 0.5 * (low // (step * 0.5))
    while bottom + 2 * step < high:
        step *= 2
        bottom = step * 0.5 * (low // (step * 0.5))
    return bottom, bottom + 2 * step


def _pieces(points: Points) -> list[Points]:
    """Broken where it told nothing for three slots."""
    pieces: list[Points] = [[points[0]]]
    for before, point in pairwise(points):
        if point[0] - before[0] > 3 * SLOT_MS:
            pieces.append([])
        pieces[-1].append(point)
    return pieces


def _level(value: float, y: float) -> str:
    right = _WIDTH - _RIGHT
    return f'<path class="grid" d="M{_LEFT} {y:.1f}H{right}"/><text x="{_LEFT - 5}" y="{y + 3.5:.1f}" class="level">{number(value)}</text>'


def _ticks(now_ms: int) -> list[int]:
    shift_ms = 7 * 3_600_000  # Vietnam's hours
    first = (now_ms - DAY_MS + shift_ms) // _TICK_MS * _TICK_MS + _TICK_MS - shift_ms
    return list(range(first, now_ms, _TICK_MS))


def _hour(at_ms: int, x: float) -> str:
    bottom = _HEIGHT - _BOTTOM
    return f'<path class="grid" d="M{x:.1f} {_TOP}V{bottom}"/><text x="{x:.1f}" y="{_HEIGHT - 4}" class="hour">{clock(at_ms)}</text>'
