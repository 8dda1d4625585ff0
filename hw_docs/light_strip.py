"""Draws signals as time from left to right: lamps as shapes and colours, sound as a bar; shared by the pictures of signals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from html import escape
from itertools import groupby

from drivers.patterns import Lamp, Pattern, Step

INK, PAPER, SOFT, LINE, SOUND = "#1d2733", "#ffffff", "#5b6b7b", "#d9dee4", "#2f5f9e"
COLOURS = {Lamp.GREEN: "#1f9d4d", Lamp.AMBER: "#e59a00", Lamp.RED: "#d0342c"}
SHOWN_MS = 3000
LANE, SOUND_HEIGHT = 13, 7
_STYLE = 'font-family="Noto Sans, DejaVu Sans, sans-serif"'
_PX_A_MS, _MARGIN = 0.1, 26
STRIP_WIDTH, STRIP_HEIGHT = round(_MARGIN + SHOWN_MS * _PX_A_MS) + 6, 66


def text(x: float, y: float, words: str, size: int = 13, colour: str = INK, weight: str = "normal", anchor: str = "start") -> str:
    """A line of text."""
    place = f'x="{x:g}" y="{y:g}" font-size="{size}" fill="{colour}" font-weight="{weight}" text-anchor="{anchor}"'
    return f"<text {place} {_STYLE}>{escape(words)}</text>"


def lamp_shape(lamp: Lamp, x: float, y: float, width: float) -> str:
    """A lit lamp: green is rounded, amber slanted, red square, so that a print without colour still tells them apart."""
    height, colour = LANE - 3, COLOURS[lamp]
    if lamp is Lamp.AMBER:
        slant = min(4.0, width / 3)
        corners = f"{x + slant:g},{y:g} {x + width:g},{y:g} {x + width - slant:g},{y + height:g} {x:g},{y + height:g}"
        return f'<polygon points="{corners}" fill="{colour}"/>'
    radius = min(height, width) / 2 if lamp is Lamp.GREEN else 0
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height}" rx="{radius:g}" fill="{colour}"/>'


def bars(pattern: Pattern, left: float, top: float, px_a_ms: float) -> Iterator[str]:
    """What is lit and what sounds, three lamps' lanes and the sound's; a state goes on to the end of the picture."""
    for place, lamp in enumerate(Lamp):
        for begin_ms, length_ms in _stretches(pattern, partial(_lit, lamp)):
            yield lamp_shape(lamp, left + begin_ms * px_a_ms, top + place * LANE, length_ms * px_a_ms)
    for begin_ms, length_ms in _stretches(pattern, lambda step: step.sound):
        x, y = left + begin_ms * px_a_ms, top + 1 + 3 * LANE
        yield f'<rect x="{x:g}" y="{y:g}" width="{length_ms * px_a_ms:g}" height="{SOUND_HEIGHT}" fill="{SOUND}"/>'


def _steps(pattern: Pattern) -> tuple[Step, ...]:
    once = sum(step.duration_ms for step in pattern.steps)
    return pattern.steps * (-(-SHOWN_MS // once) if pattern.is_state else pattern.repeats)


def _stretches(pattern: Pattern, on: Callable[[Step], bool]) -> Iterator[tuple[int, int]]:
    """Where a lamp or the sound is on: begin and length of each stretch in the picture, in ms."""
    at_ms = 0
    for lit, steps in groupby(_steps(pattern), on):
        begin_ms, at_ms = at_ms, at_ms + sum(step.duration_ms for step in steps)
        if lit and begin_ms < SHOWN_MS:
            yield begin_ms, min(at_ms, SHOWN_MS) - begin_ms


def _lit(lamp: Lamp, step: Step) -> bool:
    return lamp in step.lamps


def strip(pattern: Pattern, title: str, *, seconds: bool = True) -> str:
    """One signal's picture, which needs no language: lanes for each lamp and the sound, a line each second, named or not."""
    height = STRIP_HEIGHT if seconds else STRIP_HEIGHT - 10
    size = f'viewBox="0 0 {STRIP_WIDTH} {height}" width="{STRIP_WIDTH}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    return "\n".join([head, f"<title>{escape(title)}</title>", *strip_parts(pattern, height, seconds=seconds), "</svg>\n"])


def strip_parts(pattern: Pattern, height: int, *, seconds: bool) -> Iterator[str]:
    """What is in a strip, from its upper left corner."""
    wide = SHOWN_MS * _PX_A_MS
    yield f'<rect width="{STRIP_WIDTH}" height="{height}" rx="4" fill="{PAPER}" stroke="{LINE}"/>'
    for place, lamp in enumerate(Lamp):
        y = 5 + place * LANE
        yield lamp_shape(lamp, 6, y, 12)
        yield f'<rect x="{_MARGIN}" y="{y}" width="{wide:g}" height="{LANE - 3}" fill="#f1f3f5"/>'
    yield text(12, 6 + 3 * LANE + SOUND_HEIGHT, "♪", 12, SOUND, "bold", "middle")
    yield f'<rect x="{_MARGIN}" y="{6 + 3 * LANE}" width="{wide:g}" height="{SOUND_HEIGHT}" fill="#f1f3f5"/>'
    for ms in range(0, SHOWN_MS + 1, 1000):
        x = _MARGIN + ms * _PX_A_MS
        ends = f'x1="{x:g}" y1="3" x2="{x:g}" y2="{7 + 3 * LANE + SOUND_HEIGHT}"'
        yield f'<line {ends} stroke="{SOFT}" stroke-width="0.6" stroke-dasharray="1 2"/>'
        if ms and seconds:
            yield text(x, height - 3, f"{ms // 1000} s", 9, SOFT, anchor="end" if ms == SHOWN_MS else "middle")
    yield from bars(pattern, _MARGIN, 5, _PX_A_MS)
