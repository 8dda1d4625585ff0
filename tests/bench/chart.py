"""Draws the ratios of a benchmark run as bars beside their limits, as SVG; `make bench` writes it to hw_docs/pictures/bench.svg."""

from __future__ import annotations

from xml.sax.saxutils import escape

from measures import Measure

_INK, _SOFT, _OURS, _FAILS, _THEIRS, _BAR = "#1d2733", "#5b6b7b", "#2f7d4f", "#b9472f", "#c3ccd6", "#b9472f"
_STYLE = 'font-family="Noto Sans, DejaVu Sans, sans-serif" font-size="13"'
_LEFT, _WIDTH, _ROW, _HEAD = 430, 520, 26, 70
_MOST_RATIO = 0.5  # longer bars are cut


def draw(measures: list[Measure]) -> str:
    """Returns the picture: everything measured in times of pyzbar or in per cent, each kind on a scale of its own."""
    rows = [measure for measure in measures if measure.unit in ("x pyzbar", "%")]
    rows.sort(key=lambda measure: measure.unit != "x pyzbar")
    height = _HEAD + _ROW * len(rows) + 50
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 150} {height}" role="img" aria-labelledby="title">',
        '<title id="title">Benchmarks of reading codes: ours, the others on the same frames, and the bars to keep</title>',
        f'<rect width="100%" height="{height}" fill="#ffffff"/>',
        _text(_LEFT, 30, "Reading codes: green ours, grey others, red line the bar to keep", "start", _INK, "bold"),
        _text(20, 52, "times as a share of pyzbar.decode on the same frames, same run (less is better); reads in % (more is better)"),
    ]
    parts += [line for place, measure in enumerate(rows) for line in _bar(measure, _HEAD + _ROW * place)]
    return "\n".join([*parts, "</svg>\n"])


def _bar(measure: Measure, top: int) -> list[str]:
    full = 100.0 if measure.unit == "%" else _MOST_RATIO
    limit = float(measure.bar.split()[1]) if measure.bar else None
    colour = _THEIRS if measure.holds is None else _OURS if measure.holds else _FAILS
    width = min(1.0, measure.value / full) * _WIDTH
    at = _LEFT + (0.0 if limit is None else min(1.0, limit / full) * _WIDTH)
    text_at = at + 8 if limit is not None and _LEFT + width <= at < _LEFT + width + 120 else _LEFT + width + 8  # not under the line
    beyond = "→ " if measure.value > full else ""
    parts = [
        _text(_LEFT - 10, top + 16, measure.name, "end"),
        f'<rect x="{_LEFT}" y="{top + 4}" width="{max(width, 1):.1f}" height="16" rx="3" fill="{colour}"/>',
        _text(text_at, top + 16, f"{beyond}{measure.value:.3g} {measure.unit}", "start", _INK),
    ]
    if limit is not None:
        parts.append(f'<line x1="{at:.1f}" y1="{top}" x2="{at:.1f}" y2="{top + 24}" stroke="{_BAR}" stroke-width="2"/>')
    return parts


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = _SOFT, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" fill="{colour}" font-weight="{weight}" {_STYLE}>{escape(text)}</text>'
