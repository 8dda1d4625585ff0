"""Draws patterns.svg: every signal as time from left to right, lamps as shapes and colours, sound as a bar. Written by `make docs`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from html import escape
from itertools import groupby

from drivers.indicator import Signal
from drivers.patterns import PATTERNS, Lamp, Pattern, Step
from drivers.signal_words import shape_and_words

_INK, _PAPER, _SOFT, _LINE, _SOUND = "#1d2733", "#ffffff", "#5b6b7b", "#d9dee4", "#2f5f9e"
_COLOURS = {Lamp.GREEN: "#1f9d4d", Lamp.AMBER: "#e59a00", Lamp.RED: "#d0342c"}
_STYLE = 'font-family="Noto Sans, DejaVu Sans, sans-serif"'
_LEFT, _PX_A_MS, _SHOWN_MS = 330, 0.26, 3000
_ROW, _LANE, _SOUND_HEIGHT = 62, 13, 7
_TOP = 96
_WIDTH = _LEFT + round(_SHOWN_MS * _PX_A_MS) + 24


def _text(x: float, y: float, text: str, size: int = 13, colour: str = _INK, weight: str = "normal", anchor: str = "start") -> str:
    place = f'x="{x:g}" y="{y:g}" font-size="{size}" fill="{colour}" font-weight="{weight}" text-anchor="{anchor}"'
    return f"<text {place} {_STYLE}>{escape(text)}</text>"


def _lamp(lamp: Lamp, x: float, y: float, width: float) -> str:
    """A lit lamp: green is rounded, amber slanted, red square, so that a print without colour still tells them apart."""
    height, colour = _LANE - 3, _COLOURS[lamp]
    if lamp is Lamp.AMBER:
        slant = min(4.0, width / 3)
        corners = f"{x + slant:g},{y:g} {x + width:g},{y:g} {x + width - slant:g},{y + height:g} {x:g},{y + height:g}"
        return f'<polygon points="{corners}" fill="{colour}"/>'
    radius = min(height, width) / 2 if lamp is Lamp.GREEN else 0
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height}" rx="{radius:g}" fill="{colour}"/>'


def _steps(pattern: Pattern) -> tuple[Step, ...]:
    """The steps as they are played; a state goes on to the end of the picture."""
    once = sum(step.duration_ms for step in pattern.steps)
    return pattern.steps * (-(-_SHOWN_MS // once) if pattern.is_state else pattern.repeats)


def _stretches(pattern: Pattern, on: Callable[[Step], bool]) -> Iterator[tuple[float, float]]:
    """Where a lamp or the sound is on: left edge and width of each stretch in the picture."""
    at_ms = 0
    for lit, steps in groupby(_steps(pattern), on):
        begin_ms, at_ms = at_ms, at_ms + sum(step.duration_ms for step in steps)
        if lit and begin_ms < _SHOWN_MS:
            yield _LEFT + begin_ms * _PX_A_MS, (min(at_ms, _SHOWN_MS) - begin_ms) * _PX_A_MS


def _lit(lamp: Lamp, step: Step) -> bool:
    return lamp in step.lamps


def _row(signal: Signal, pattern: Pattern, top: float) -> Iterator[str]:
    shape, vietnamese, english = shape_and_words(signal)
    yield f'<line x1="16" y1="{top:g}" x2="{_WIDTH - 16}" y2="{top:g}" stroke="{_LINE}"/>'
    yield _text(38, top + 40, shape, 26, _INK, "bold", "middle")
    yield _text(66, top + 22, str(signal), 14, _INK, "bold")
    yield _text(66, top + 38, vietnamese, 12)
    yield _text(66, top + 53, english + (", repeats" if pattern.is_state else f", {pattern.duration_ms} ms, once"), 11, _SOFT)
    for place, lamp in enumerate(Lamp):
        for x, width in _stretches(pattern, partial(_lit, lamp)):
            yield _lamp(lamp, x, top + 6 + place * _LANE, width)
    for x, width in _stretches(pattern, lambda step: step.sound):
        yield f'<rect x="{x:g}" y="{top + 7 + 3 * _LANE:g}" width="{width:g}" height="{_SOUND_HEIGHT}" fill="{_SOUND}"/>'
    if not any(step.lamps or step.sound for step in pattern.steps):
        yield _text(_LEFT + 8, top + 34, "dark and silent", 12, _SOFT)


def _scale(bottom: float) -> Iterator[str]:
    for ms in range(0, _SHOWN_MS + 1, 500):
        x = _LEFT + ms * _PX_A_MS
        yield f'<line x1="{x:g}" y1="{_TOP - 10}" x2="{x:g}" y2="{bottom:g}" stroke="{_LINE}" stroke-dasharray="2 4"/>'
        yield _text(x, _TOP - 16, f"{ms / 1000:g} s", 11, _SOFT, anchor="middle")


def _legend() -> Iterator[str]:
    x = _LEFT
    for lamp in Lamp:
        yield _lamp(lamp, x, 36, 34)
        yield _text(x + 42, 46, str(lamp), 12)
        x += 120
    yield f'<rect x="{x:g}" y="38" width="34" height="{_SOUND_HEIGHT}" fill="{_SOUND}"/>'
    yield _text(x + 42, 46, "sound", 12)


def draw() -> str:
    """The picture as SVG: one row a signal, whatever the table of patterns holds."""
    height = _TOP + _ROW * len(PATTERNS) + 16
    rows = [part for place, (signal, pattern) in enumerate(PATTERNS.items()) for part in _row(signal, pattern, _TOP + place * _ROW)]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="title">',
        '<title id="title">What each signal looks and sounds like</title>',
        f'<rect width="{_WIDTH}" height="{height}" fill="{_PAPER}"/>',
        _text(16, 34, "What the gate says", 18, _INK, "bold"),
        _text(16, 54, "light and sound, time from left to right", 12, _SOFT),
        *_legend(),
        *_scale(height - 16),
        *rows,
        "</svg>\n",
    ]
    return "\n".join(parts)
