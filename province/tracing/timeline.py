"""Draws a case's days one beneath the other, each stay a bar on its hours; what is assumed is pale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from edge_agent.wire.keyring import day_of
from province.records.views import day_bounds_ms
from province.tracing.drawing import Box, Label, Picture, Shape, Way
from province.tracing.rules import HOUR_MS
from province.tracing.trace import Visit

_LEFT, _RIGHT, _TOP, _ROW, _BAR = 74.0, 12.0, 26.0, 26.0, 16.0
_HOUR = 26.0
_DIGIT = 6.0  # how wide a figure of a number is drawn, or a little less
_WIDTH = _LEFT + 24 * _HOUR + _RIGHT


def numbered(visits: Sequence[Visit]) -> dict[tuple[str, str], int]:
    """A number for each place, in the order in which the case came there: the same in timeline, map and tables."""
    found: dict[tuple[str, str], int] = {}
    for visit in visits:
        found.setdefault((visit.place.org, visit.place.site), len(found) + 1)
    return found


def draw(visits: Sequence[Visit], said: Mapping[str, str]) -> Picture:
    """The days with a stay, the first on top."""
    numbers = numbered(visits)
    days = sorted({day for visit in visits for day in _days(visit)})
    rows = {day: number for number, day in enumerate(days)}
    shapes: list[Shape] = []
    for hour in range(0, 25, 3):
        x = _LEFT + hour * _HOUR
        shapes.append(Way(((x, _TOP - 4), (x, _TOP + len(days) * _ROW)), "grid"))
        shapes.append(Label(x, _TOP - 9, f"{hour:02}", 11, "middle", "soft"))
    for day, row in rows.items():
        shapes.append(Label(_LEFT - 8, _TOP + row * _ROW + 17, f"{day:%d/%m/%Y}", 11, "end"))
    bars = [bar for visit in visits for bar in _bars(visit, rows, numbers[visit.place.org, visit.place.site])]
    for row in rows.values():
        shapes += _drawn([bar for bar in bars if bar.row == row])
    return Picture(_WIDTH, _TOP + len(days) * _ROW + 8, said["timeline"], shapes)


def _days(visit: Visit) -> Iterable[date]:
    first, last = day_of(visit.stay.begin_ms), day_of(max(visit.stay.begin_ms, visit.stay.end_ms - 1))
    return (date.fromordinal(each) for each in range(first.toordinal(), last.toordinal() + 1))


@dataclass(frozen=True, slots=True)
class _Bar:
    """A stay on one day: from `left` to `right` in a row, and its place's number."""

    row: int
    left: float
    right: float
    number: int
    unclear: bool
    tip: str


def _bars(visit: Visit, rows: Mapping[date, int], number: int) -> Iterable[_Bar]:
    for day in _days(visit):
        midnight_ms, after_ms = day_bounds_ms(day)
        begin = max(visit.stay.begin_ms, midnight_ms) - midnight_ms
        end = min(visit.stay.end_ms, after_ms) - midnight_ms
        left = _LEFT + begin / HOUR_MS * _HOUR
        right = left + max(2.0, (end - begin) / HOUR_MS * _HOUR)
        unclear = visit.stay.is_assumed or visit.stay.is_unsure
        yield _Bar(rows[day], left, right, number, unclear, f"{number}. {visit.about.name}")


def _drawn(bars: Sequence[_Bar]) -> Iterable[Shape]:
    """The bars of one row, then their numbers: within where there is room, else beside, else above."""
    taken = [(bar.left, bar.right) for bar in bars]
    for bar in bars:
        y = _TOP + bar.row * _ROW + (_ROW - _BAR) / 2
        yield Box(bar.left, y, bar.right - bar.left, _BAR, "assumed" if bar.unclear else "seen", bar.tip)
    for bar in bars:
        y = _TOP + bar.row * _ROW + (_ROW - _BAR) / 2
        text, middle, wide = str(bar.number), (bar.left + bar.right) / 2, len(str(bar.number)) * _DIGIT
        beside = [(bar.right + 2, bar.right + 2 + wide), (bar.left - 2 - wide, bar.left - 2)]
        free = [
            each for each in beside if each[0] >= _LEFT and each[1] <= _WIDTH and not any(a < each[1] and each[0] < b for a, b in taken)
        ]
        if bar.right - bar.left > wide + 2:
            yield Label(middle, y + 12, text, 10, "middle", "text" if bar.unclear else "on")
        elif free:
            taken.append(free[0])
            yield Label(free[0][0], y + 12, text, 10)
        else:
            yield Label(middle, y - 1, text, 8, "middle")
