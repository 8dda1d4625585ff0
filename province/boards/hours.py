"""Draws a place's day by the hour: SVG made here, and the same numbers as text. Pure.

No script and no style of its own: classes of the page's style sheet, so that the strict content policy holds and both colour schemes work.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_WIDTH, _HEIGHT = 720, 160
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 6, 16, 24
_STEPS = (1, 2, 5)
_BASES = tuple(int("1" + "0" * power) for power in range(12))
_EACH_LABEL = 3


def top_of(most: int) -> int:
    """A round number that nothing goes above, for the scale; even, so that its half is whole.

    Example:
        >>> [top_of(most) for most in (0, 1, 3, 37, 150, 2001)]
        [2, 2, 4, 40, 200, 4000]
    """
    rounds = (2 * step * base for base in _BASES for step in _STEPS)
    return next(each for each in rounds if each >= most)


def picture(hours: Sequence[tuple[int, int]], title: str, now_hour: int | None = None) -> str:
    """Two bars an hour, in and out.

    Args:
        hours: passages in and out, one pair an hour, from midnight.
        title: what it says, for those who do not see it.
        now_hour: the hour that is not over yet, None when all are.
    """
    top = top_of(max((max(pair) for pair in hours), default=0))
    slot = (_WIDTH - _LEFT - _RIGHT) / max(1, len(hours))
    floor = _HEIGHT - _BOTTOM

    def y(value: int) -> float:
        return floor - value / top * (floor - _TOP)

    drawn = [f'<svg class="hours" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}" focusable="false">']
    for level in (0, top // 2, top):
        drawn.append(f'<path class="grid" d="M{_LEFT} {y(level):.1f}H{_WIDTH - _RIGHT}"/>')
        drawn.append(f'<text class="level" x="{_LEFT - 5}" y="{y(level) + 4:.1f}">{level}</text>')
    for hour, pair in enumerate(hours):
        left = _LEFT + hour * slot
        if hour == now_hour:
            drawn.append(f'<rect class="now" x="{left:.1f}" y="{_TOP}" width="{slot:.1f}" height="{floor - _TOP}"/>')
        for at, (value, way) in enumerate(zip(pair, ("in", "out"), strict=True)):
            if value:
                wide = slot * 0.4
                drawn.append(
                    f'<rect class="{way}" x="{left + slot * 0.08 + at * (wide + slot * 0.04):.1f}" y="{y(value):.1f}" '
                    f'width="{wide:.1f}" height="{floor - y(value):.1f}"/>'
                )
        if hour % _EACH_LABEL == 0:
            drawn.append(f'<text class="hour" x="{left:.1f}" y="{_HEIGHT - 5}">{hour}</text>')
    return "".join(drawn) + "</svg>"
