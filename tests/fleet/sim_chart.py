"""Draws how a simulated fleet connects and tells as SVG: in each storm connections and telemetry a second; then its steady beat."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from sim_plan import Outcome

_INK, _SOFT, _LINE, _CONNECTED, _TOLD = "#1d2733", "#5b6b7b", "#dbe1e8", "#1f5fa8", "#2f7d4f"
_STYLE = 'font-family="Noto Sans, DejaVu Sans, sans-serif" font-size="13"'
_LEFT, _WIDTH, _RIGHT, _HEAD, _PANEL, _ROW = 60, 960, 30, 76, 78, 118


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = _SOFT, weight: str = "normal") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{colour}" font-weight="{weight}" {_STYLE}>{escape(text)}</text>'


def _bars(at_s: Sequence[float], lasts_s: int, most: int, base: float, shift: float, colour: str) -> str:
    """A bar for each second, beside those of the other kind."""
    width = _WIDTH / lasts_s
    path = "".join(
        f"M{_LEFT + (second + shift) * width:.1f} {base:.1f}v{-_PANEL * count / most:.1f}h{width * 0.42:.1f}V{base:.1f}z"
        for second, count in sorted(Counter(int(each) for each in at_s).items())
        if 0 <= second < lasts_s
    )
    return f'<path d="{path}" fill="{colour}"/>'


def _panel(title: str, connected_s: Sequence[float], told_s: Sequence[float], lasts_s: int, top: float) -> Iterator[str]:
    base = top + 24 + _PANEL
    fullest = [max(Counter(int(each) for each in kind).values(), default=0) for kind in (connected_s, told_s)]
    most = max(*fullest, 1)
    yield _text(_LEFT, top + 12, title, colour=_INK, weight="bold")
    said = (
        f"at most {fullest[0]} connections and {fullest[1]} messages a second" if connected_s else f"at most {fullest[1]} messages a second"
    )
    yield _text(_LEFT + _WIDTH, top + 12, said, "end")
    for value in (0, (most + 1) // 2, most):
        y = base - _PANEL * value / most
        yield f'<rect x="{_LEFT}" y="{y:.1f}" width="{_WIDTH}" height="1" fill="{_LINE}"/>' + _text(_LEFT - 8, y + 5, str(value), "end")
    yield _bars(connected_s, lasts_s, most, base, 0.04, _CONNECTED)
    yield _bars(told_s, lasts_s, most, base, 0.5, _TOLD)


def draw(outcome: Outcome) -> str:
    """Returns the picture; every panel is as long, in seconds, as the longest."""
    panels = [(storm.name, storm.after_s, storm.told_s) for storm in outcome.storms] + [("nothing happens", [], outcome.beat)]
    lasts_s = math.ceil(max((at_s for _name, connected_s, told_s in panels for at_s in (*connected_s, *told_s)), default=1.0))
    height = _HEAD + _ROW * len(panels) + 34
    title = f"{outcome.plan.devices} scanners, telemetry every {outcome.plan.period_s:.0f} s: how they connect, and how they tell"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + _RIGHT} {height}" role="img" aria-labelledby="title">',
        f'<title id="title">{escape(title)}</title><rect width="100%" height="{height}" fill="#ffffff"/>',
        _text(20, 26, title, colour=_INK, weight="bold"),
        f'<rect x="{_LEFT}" y="40" width="12" height="12" fill="{_CONNECTED}"/>'
        + _text(_LEFT + 18, 51, "connections accepted, each second"),
        f'<rect x="{_LEFT + 290}" y="40" width="12" height="12" fill="{_TOLD}"/>' + _text(_LEFT + 308, 51, "telemetry told, each second"),
    ]
    for place, (name, connected_s, told_s) in enumerate(panels):
        parts += _panel(name, connected_s, told_s, lasts_s, _HEAD + _ROW * place)
    for at_s in range(0, lasts_s + 1, 10):
        parts.append(_text(_LEFT + _WIDTH * at_s / lasts_s, height - 14, f"{at_s} s", "middle"))
    return "\n".join([*parts, "</svg>\n"])
