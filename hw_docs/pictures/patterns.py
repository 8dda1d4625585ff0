"""Draws patterns.svg: every signal as time from left to right, lamps as shapes and colours, sound as a bar. Written by `make docs`."""

from __future__ import annotations

from collections.abc import Iterator

import light_strip as strip

from drivers.indicator import Signal
from drivers.patterns import PATTERNS, Lamp, Pattern
from drivers.signal_words import shape_and_words

_LEFT, _PX_A_MS = 330, 0.26
_ROW, _TOP = 62, 96
_WIDTH = _LEFT + round(strip.SHOWN_MS * _PX_A_MS) + 24


def _row(signal: Signal, pattern: Pattern, top: float) -> Iterator[str]:
    shape, vietnamese, english = shape_and_words(signal)
    yield f'<line x1="16" y1="{top:g}" x2="{_WIDTH - 16}" y2="{top:g}" stroke="{strip.LINE}"/>'
    yield strip.text(38, top + 40, shape, 26, strip.INK, "bold", "middle")
    yield strip.text(66, top + 22, str(signal), 14, strip.INK, "bold")
    yield strip.text(66, top + 38, vietnamese, 12)
    yield strip.text(66, top + 53, english + (", repeats" if pattern.is_state else f", {pattern.duration_ms} ms, once"), 11, strip.SOFT)
    yield from strip.bars(pattern, _LEFT, top + 6, _PX_A_MS)
    if not any(step.lamps or step.sound for step in pattern.steps):
        yield strip.text(_LEFT + 8, top + 34, "dark and silent", 12, strip.SOFT)


def _scale(bottom: float) -> Iterator[str]:
    for ms in range(0, strip.SHOWN_MS + 1, 500):
        x = _LEFT + ms * _PX_A_MS
        yield f'<line x1="{x:g}" y1="{_TOP - 10}" x2="{x:g}" y2="{bottom:g}" stroke="{strip.LINE}" stroke-dasharray="2 4"/>'
        yield strip.text(x, _TOP - 16, f"{ms / 1000:g} s", 11, strip.SOFT, anchor="middle")


def _legend() -> Iterator[str]:
    x = _LEFT
    for lamp in Lamp:
        yield strip.lamp_shape(lamp, x, 36, 34)
        yield strip.text(x + 42, 46, str(lamp), 12)
        x += 120
    yield f'<rect x="{x:g}" y="38" width="34" height="{strip.SOUND_HEIGHT}" fill="{strip.SOUND}"/>'
    yield strip.text(x + 42, 46, "sound", 12)


def draw() -> str:
    """The picture as SVG: one row a signal, whatever the table of patterns holds."""
    height = _TOP + _ROW * len(PATTERNS) + 16
    rows = [part for place, (signal, pattern) in enumerate(PATTERNS.items()) for part in _row(signal, pattern, _TOP + place * _ROW)]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="title">',
        '<title id="title">What each signal looks and sounds like</title>',
        f'<rect width="{_WIDTH}" height="{height}" fill="{strip.PAPER}"/>',
        strip.text(16, 34, "What the gate says", 18, strip.INK, "bold"),
        strip.text(16, 54, "light and sound, time from left to right", 12, strip.SOFT),
        *_legend(),
        *_scale(height - 16),
        *rows,
        "</svg>\n",
    ]
    return "\n".join(parts)
