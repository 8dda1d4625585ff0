"""Keeps the figures of provinces of several sizes, and draws how they grow as SVG: a panel a figure, entries along, both logarithmic."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from measures import Measure

_INK, _SOFT, _LINE, _BAR = "#1d2733", "#5b6b7b", "#dbe1e8", "#b9472f"
_COLOURS = {"postgresql": "#1f5fa8", "sqlite": "#2f7d4f"}
_STYLE = 'font-family="Noto Sans, DejaVu Sans, sans-serif" font-size="13"'
_PANELS = (
    ("a person's passages, 95 of 100", "a person's passages, 95 of 100 people, ms"),
    ("CPU a look-up, with the server's", "the same, CPU with the server's, ms"),
    ("a board opened cold, 95 of 100", "a site's board opened, 95 of 100, ms"),
    ("places of a case, 95 of 100", "places of a case, 95 of 100, ms"),
    ("contacts of a case, 95 of 100", "contacts of a case, 95 of 100, ms"),
    ("the slowest report", "the slowest report, ms"),
    ("a day closed", "a day closed, s (a file: row by row)"),
    ("register on the disk", "register on the disk, MB"),
    ("CPU an entry, collector: verify, open, store", "an entry verified, opened, stored, ms of CPU"),
)
_WIDTH, _HEIGHT, _LEFT, _TOP, _ACROSS, _DOWN, _COLUMNS = 250, 130, 62, 96, 340, 206, 3


@dataclass(frozen=True, slots=True)
class _Curve:
    """One figure of one kind of register: entries and values, in order."""

    colour: str
    points: list[tuple[float, float]]


def noted(file: Path, entries: int, kind: str, found: Sequence[Measure]) -> str:
    """The file's text with the figures of this province beside or in the place of earlier ones of its size."""
    runs = {(run["database"], run["entries"]): run["figures"] for run in (json.loads(file.read_text("utf-8")) if file.exists() else [])}
    runs[kind, entries] = runs.get((kind, entries), {}) | {
        one.name: {"value": one.value, "unit": one.unit, "bar": one.bar} for one in found
    }
    written = [{"database": kind, "entries": entries, "figures": figures} for (kind, entries), figures in sorted(runs.items())]
    return json.dumps(written, indent=1, ensure_ascii=False) + "\n"


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = _SOFT, weight: str = "normal") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{colour}" font-weight="{weight}" {_STYLE}>{escape(text)}</text>'


def _short(value: float) -> str:
    """A number for people.

    Example:
        >>> _short(10_000_000), _short(0.25), _short(1234.5)
        ('10 M', '0.25', '1.23 k')
    """
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def _panel(title: str, curves: Sequence[_Curve], bar: float | None, left: float, top: float, reach: tuple[float, float]) -> Iterator[str]:
    values = [value for curve in curves for _entries, value in curve.points] + ([bar] if bar is not None else [])
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) + 1e-9)
    high = max(high, low + 1)

    def x(entries: float) -> float:
        return left + _WIDTH * (math.log10(entries) - reach[0]) / max(reach[1] - reach[0], 1e-9)

    def y(value: float) -> float:
        return top + _HEIGHT * (high - math.log10(value)) / (high - low)

    yield _text(left, top - 14, title, colour=_INK, weight="bold")
    for power in range(low, high + 1):
        yield f'<rect x="{left}" y="{y(10.0**power):.1f}" width="{_WIDTH}" height="1" fill="{_LINE}"/>'
        yield _text(left - 6, y(10.0**power) + 5, _short(10.0**power), "end")
    if bar is not None:
        yield f'<line x1="{left}" x2="{left + _WIDTH}" y1="{y(bar):.1f}" y2="{y(bar):.1f}" stroke="{_BAR}" stroke-width="1.5"/>'
    for entries in sorted({entries for curve in curves for entries, _value in curve.points}):
        yield _text(x(entries), top + _HEIGHT + 18, _short(entries), "middle")
    for above, curve in enumerate(curves):
        path = " ".join(f"{x(entries):.1f},{y(value):.1f}" for entries, value in curve.points)
        yield f'<polyline points="{path}" fill="none" stroke="{curve.colour}" stroke-width="2"/>'
        for entries, value in curve.points:
            yield f'<circle cx="{x(entries):.1f}" cy="{y(value):.1f}" r="3.5" fill="{curve.colour}"/>'
            at_left = math.log10(entries) <= reach[0]  # there the axis has its numbers
            yield _text(x(entries), y(value) + (18 if above else -8), _short(value), "start" if at_left else "middle", curve.colour)


def draw(runs: Sequence[dict[str, Any]]) -> str:
    """Returns the picture."""
    all_entries = [math.log10(run["entries"]) for run in runs]
    reach = (min(all_entries), max(all_entries))
    height = _TOP + _DOWN * math.ceil(len(_PANELS) / _COLUMNS)
    title = "A synthetic province, 21 days: how figures grow with the entries in the register"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _ACROSS * _COLUMNS} {height}" role="img" aria-labelledby="title">',
        f'<title id="title">{escape(title)}</title><rect width="100%" height="{height}" fill="#ffffff"/>',
        _text(20, 26, title, colour=_INK, weight="bold"),
    ]
    for place, (kind, colour) in enumerate(_COLOURS.items()):
        words = {"postgresql": "PostgreSQL, parts a day", "sqlite": "SQLite, one file"}[kind]
        parts.append(f'<rect x="{20 + 220 * place}" y="40" width="12" height="12" fill="{colour}"/>' + _text(38 + 220 * place, 51, words))
    parts.append(_text(620, 51, "two processors, shared with other work: times wait for it"))
    parts.append(f'<rect x="460" y="45" width="24" height="2" fill="{_BAR}"/>' + _text(490, 51, "bar to keep"))
    for place, (name, words) in enumerate(_PANELS):
        curves = [
            _Curve(
                colour,
                [(run["entries"], run["figures"][name]["value"]) for run in runs if run["database"] == kind and name in run["figures"]],
            )
            for kind, colour in _COLOURS.items()
        ]
        bars = {float(run["figures"][name]["bar"].split()[1]) for run in runs if name in run["figures"] and run["figures"][name]["bar"]}
        if curves := [curve for curve in curves if curve.points]:
            left, top = _LEFT + _ACROSS * (place % _COLUMNS), _TOP + _DOWN * (place // _COLUMNS)
            parts += _panel(words, curves, max(bars, default=None), left, top, reach)
    return "\n".join([*parts, "</svg>\n"])
