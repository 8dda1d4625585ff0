"""Draws all cuts as SVG: for each scenario a strip from its beginning to its end, coloured by what the cuts there led to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from xml.sax.saxutils import escape

from aftermath import Outcome
from crash_trials import Finding

_INK, _SOFT = "#1d2733", "#5b6b7b"
_COLOURS = {
    Outcome.BEFORE: "#2f7d4f", Outcome.AFTER: "#8cc2a0", Outcome.REPAIRED: "#dca83f",
    Outcome.REUSED: "#7b3fb0", Outcome.LOST: "#c62f2f", Outcome.SHUT: "#1d2733",
}  # fmt: skip
_STYLE = 'font-family="Noto Sans, DejaVu Sans, sans-serif" font-size="13"'
_LEFT, _WIDTH, _RIGHT, _ROW, _STRIP, _HEAD = 150, 800, 170, 34, 26, 84
_COLUMNS = 100


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = _SOFT, weight: str = "normal") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{colour}" font-weight="{weight}" {_STYLE}>{escape(text)}</text>'


def _rectangle(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _legend() -> Iterator[str]:
    x = 20.0
    for outcome, colour in _COLOURS.items():
        yield _rectangle(x, 55, 14, 14, colour)
        yield _text(x + 20, 67, outcome)
        x += 46 + 7 * len(outcome)


def _column(findings: Sequence[Finding], count: int) -> tuple[float, ...]:
    """The share of each outcome, from the best to the worst."""
    outcomes = Counter(finding.outcome for finding in findings)
    return tuple(outcomes[outcome] / count for outcome in _COLOURS)


def _strip(findings: Sequence[Finding], top: float) -> Iterator[str]:
    places = max(finding.boundary for finding in findings)
    columns = min(_COLUMNS, places)
    by_column: dict[int, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_column[(finding.boundary - 1) * columns // places].append(finding)
    x, step = float(_LEFT), _WIDTH / columns
    shares = [_column(by_column[place], len(by_column[place])) if place in by_column else None for place in range(columns)]
    shares = [share if share is not None else shares[place - 1] for place, share in enumerate(shares)]  # nothing new could be left there
    for share, same in groupby(shares):
        width, y = step * len(list(same)), top
        for part, colour in zip(share or (), _COLOURS.values(), strict=False):
            if part:
                yield _rectangle(x, y, width, part * _STRIP, colour)
                y += part * _STRIP
        x += width


def draw(findings: Mapping[str, Sequence[Finding]]) -> str:
    """Returns the picture."""
    height, total = _HEAD + _ROW * len(findings) + 10, sum(map(len, findings.values()))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + _RIGHT} {height}" role="img" aria-labelledby="title">',
        f'<title id="title">{total} power cuts: the place of each in its scenario, and what the device found afterwards</title>',
        f'<rect width="100%" height="{height}" fill="#ffffff"/>',
        _text(20, 24, f"{total} power cuts: what the device found when it started again", colour=_INK, weight="bold"),
        _text(
            20,
            43,
            "from left to right: the place of the cut; in each column the share of the ways in which what was not fsynced is lost",
        ),
        *_legend(),
    ]
    for place, (scenario, of_scenario) in enumerate(findings.items()):
        top = _HEAD + _ROW * place
        parts += [
            _text(_LEFT - 10, top + 18, scenario, "end", _INK),
            *_strip(of_scenario, top),
            _text(_LEFT + _WIDTH + 10, top + 18, f"{len(of_scenario)} cuts, {max(finding.boundary for finding in of_scenario)} places"),
        ]
    return "\n".join([*parts, "</svg>\n"])
