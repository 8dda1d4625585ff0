"""Draws a run as SVG: a lane for each process and network, a shape for each kind of fault, and how many passed each gate meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from xml.sax.saxutils import escape

from chaos_faults import Fault, Kind
from chaos_run import Outcome
from crowd import Shown

_INK, _SOFT, _LINE, _GREEN = "#1d2733", "#5b6b7b", "#dbe1e8", "#2f7d4f"
_PROCESS, _NETWORK, _DISK = "#b3261e", "#1f5fa8", "#8a5a00"
_STYLE = 'font-family="Noto Sans, DejaVu Sans, sans-serif" font-size="13"'
_LEFT, _WIDTH, _RIGHT, _LANE, _CROWD, _HEAD, _BIN = 170, 1000, 24, 24, 44, 150, 5
# Outlines about (0, 0), 12 wide; True: filled.
_SHAPES: dict[Kind, tuple[str, str, bool]] = {
    Kind.KILL: (_PROCESS, "M-5-5L5 5M-5 5L5-5", False),
    Kind.TERM: (_PROCESS, "M-5-4H5L0 5Z", True),
    Kind.HALT: (_PROCESS, "M-4-5V5M4-5V5", False),
    Kind.FORGET: (_PROCESS, "M-5-5H5V5H-5ZM-5-5L5 5M-5 5L5-5", False),
    Kind.PART: (_NETWORK, "M-5-5H5V5H-5Z", True),
    Kind.ONE_WAY: (_NETWORK, "M-5-5L5 0L-5 5Z", True),
    Kind.HALF_OPEN: (_NETWORK, "M-5 0A5 5 0 0 1 5 0A5 5 0 0 1-5 0Z", False),
    Kind.RESET: (_NETWORK, "M2-6L-3 1H3L-2 6", False),
    Kind.CUT: (_NETWORK, "M0-6L5 0L0 6L-5 0Z", True),
    Kind.STALL: (_NETWORK, "M0-6L5 0L0 6L-5 0Z", False),
    Kind.LATE: (_NETWORK, "M-5-5H5L-5 5H5Z", False),
    Kind.THIN: (_NETWORK, "M-6-4V4M-6 0H6M6-4V4", False),
    Kind.AWAY: (_NETWORK, "M6 0H-5M0-5L-5 0L0 5", False),
    Kind.FULL: (_DISK, "M-5-5H5V5H-5ZM-5-1H5M-5 2H5", False),
    Kind.SPOIL: (_DISK, "M0-6L1.5-2H6L2.5 1L4 6L0 3L-4 6L-2.5 1L-6-2H-1.5Z", True),
}


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = _SOFT, weight: str = "normal") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{colour}" font-weight="{weight}" {_STYLE}>{escape(text)}</text>'


def _rectangle(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _bars(bars: Iterable[tuple[float, float, float, float]], colour: str, opacity: float = 1.0) -> str:
    """Many rectangles (x, y, width, height) as one path."""
    path = "".join(f"M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h{-width:.1f}z" for x, y, width, height in bars)
    return f'<path d="{path}" fill="{colour}" fill-opacity="{opacity}"/>'


def _symbols() -> Iterator[str]:
    for kind, (colour, path, filled) in _SHAPES.items():
        yield f'<path id="{kind.name}" d="{path}" fill="{colour if filled else "none"}" stroke="{colour}" stroke-width="1.6"/>'


def _use(kind: Kind, x: float, y: float) -> str:
    return f'<use href="#{kind.name}" x="{x:.1f}" y="{y:.1f}"/>'


def _legend(faults: Sequence[Fault]) -> Iterator[str]:
    counts = Counter(fault.kind for fault in faults)
    for place, kind in enumerate(_SHAPES):
        x, y = 26 + 238 * (place % 5), 66 + 22 * (place // 5)
        yield _use(kind, x, y)
        yield _text(x + 14, y + 5, f"{kind} ({counts[kind]})")


class _Scale:
    """Seconds to the right."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def x(self, at_s: float) -> float:
        return _LEFT + _WIDTH * min(max(at_s, 0.0), self._seconds) / self._seconds

    def shows(self, at_s: float) -> bool:
        return 0 <= at_s < self._seconds

    def bin(self, at_s: float) -> int:
        return int((self.x(at_s) - _LEFT) // _BIN)


def _lane(name: str, faults: Sequence[Fault], top: float, scale: _Scale) -> Iterator[str]:
    middle = top + _LANE / 2
    yield _text(_LEFT - 12, middle + 5, name, "end", _INK)
    yield _rectangle(_LEFT, middle - 0.5, _WIDTH, 1, _LINE)
    for colour in (_PROCESS, _NETWORK, _DISK):
        of_colour = [fault for fault in faults if _SHAPES[fault.kind][0] == colour]
        if of_colour:
            yield _bars(
                ((x := scale.x(one.at_s), middle - 5, scale.x(one.at_s + one.lasts_s) - x, 10) for one in of_colour), colour, opacity=0.28
            )
    for fault in faults:
        yield _use(fault.kind, scale.x(fault.at_s), middle)


def _crowd(place: int, shown: Sequence[Shown], top: float, scale: _Scale) -> Iterator[str]:
    base = top + _CROWD - 14
    while_it_lasted = [one for one in shown if scale.shows(one.at_s)]
    green = Counter(scale.bin(one.at_s) for one in while_it_lasted if one.green)
    other = Counter(scale.bin(one.at_s) for one in while_it_lasted if not one.green)
    unit = (_CROWD - 20) / max(green.values(), default=1)
    yield _text(_LEFT - 12, base - 4, f"gate {place + 1}", "end", _INK, "bold")
    yield _text(_LEFT - 12, base + 11, f"{sum(one.green for one in shown)} greens", "end")
    yield _bars(((_LEFT + column * _BIN, base - unit * count, _BIN - 1, unit * count) for column, count in sorted(green.items())), _GREEN)
    for column in sorted(other):
        yield f'<circle cx="{_LEFT + column * _BIN + 2:.0f}" cy="{base + 5:.0f}" r="2" fill="none" stroke="{_INK}"/>'
    yield _rectangle(_LEFT, base, _WIDTH, 1, _SOFT)


def _rows(outcome: Outcome) -> list[tuple[str, int | None]]:
    """Lanes and crowds from top to bottom: each gate with what is its own, then what all share."""
    gates = sorted({one.gate for one in outcome.shown})
    rows: list[tuple[str, int | None]] = []
    for gate in gates:
        rows.append(("", gate))
        rows += [(lane, None) for lane in outcome.lanes if lane.endswith(f" {gate + 1}")]
    shared = [lane for lane in outcome.lanes if (lane, None) not in rows]
    return rows + [(lane, None) for lane in shared]


def draw(outcome: Outcome) -> str:
    """Returns the picture."""
    rows, scale = _rows(outcome), _Scale(outcome.seconds)
    height = _HEAD + sum(_LANE if gate is None else _CROWD for _lane_name, gate in rows) + 34
    findings = {name: len(found) for name, found in outcome.audit.findings().items()}
    result = f"{outcome.audit.greens} greens, " + ", ".join(f"{count} {name}" for name, count in list(findings.items())[:3])
    title = f"{outcome.seconds:.0f} seconds of chaos (seed {outcome.seed}): {len(outcome.faults)} faults; afterwards {result}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + _RIGHT} {height}" role="img" aria-labelledby="title">',
        f'<title id="title">{escape(title)}</title><defs>',
        *_symbols(),
        f'</defs><rect width="100%" height="{height}" fill="#ffffff"/>',
        _text(20, 24, title, colour=_INK, weight="bold"),
        _text(
            20,
            44,
            "a shape: a fault begins; the bar behind it: how long it lasts. At the gates: greens in green bars, other answers as rings",
        ),
        *_legend(outcome.faults),
    ]
    top = _HEAD
    for lane, gate in rows:
        if gate is None:
            parts += _lane(lane, [fault for fault in outcome.faults if fault.lane == lane], top, scale)
        else:
            parts += _crowd(gate, [one for one in outcome.shown if one.gate == gate], top, scale)
        top += _LANE if gate is None else _CROWD
    for tenth in range(0, 11, 2):
        at_s = outcome.seconds * tenth / 10
        parts.append(_text(scale.x(at_s), top + 20, f"{at_s:.0f} s", "middle"))
    return "\n".join([*parts, "</svg>\n"])
