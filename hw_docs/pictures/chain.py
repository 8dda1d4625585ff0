"""Draws chain.svg: the way of a record from a person's phone to the province's register. Written to a file by `make docs`."""

from __future__ import annotations

_INK, _PAPER, _SOFT = "#1d2733", "#ffffff", "#5b6b7b"
_DEVICE, _PROVINCE, _WIRE = "#e8f1ea", "#e9eef7", "#b9472f"
_STYLE = 'font-family="Noto Sans, DejaVu Sans, sans-serif"'


def _text(x: float, y: float, text: str, size: int = 14, colour: str = _INK, weight: str = "normal", anchor: str = "middle") -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}" font-weight="{weight}" text-anchor="{anchor}" {_STYLE}>{text}</text>'


def _house(x: float, y: float, width: float, height: float, colour: str, title: str) -> str:
    box = f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="14" fill="{colour}" stroke="{_SOFT}" stroke-dasharray="5 4"/>'
    return box + _text(x + 16, y + 26, title, 15, _INK, "bold", "start")


def _box(x: float, y: float, width: float, lines: tuple[str, ...], height: float = 74) -> str:
    box = f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="9" fill="{_PAPER}" stroke="{_INK}" stroke-width="1.6"/>'
    first = y + height / 2 + 5 - (len(lines) - 1) * 9.5
    texts = [
        _text(
            x + width / 2,
            first + place * 19,
            line,
            14 if place == 0 else 12,
            _INK if place == 0 else _SOFT,
            "bold" if place == 0 else "normal",
        )
        for place, line in enumerate(lines)
    ]
    return box + "".join(texts)


def _arrow(points: str, label: str = "", at: tuple[float, float] = (0, 0), colour: str = _INK, *, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="7 5"' if dashed else ""
    head = "red" if colour == _WIRE else "ink"
    line = f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dash} marker-end="url(#{head})"/>'
    return line + (_text(*at, label, 12, colour) if label else "")


def draw() -> str:
    """The picture as SVG."""
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1120 430" role="img" aria-labelledby="title">',
        '<title id="title">From a code held up to the register and back</title>',
        "<defs>",
        *(
            f'<marker id="{name}" markerWidth="8" markerHeight="6" refX="7" refY="3" orient="auto">'
            f'<path d="M0 0 L8 3 L0 6 Z" fill="{colour}"/></marker>'
            for name, colour in (("ink", _INK), ("red", _WIRE))
        ),
        "</defs>",
        f'<rect width="1120" height="430" fill="{_PAPER}"/>',
        _house(150, 20, 580, 390, _DEVICE, "the scanner (Raspberry Pi)"),
        _house(850, 20, 250, 390, _PROVINCE, "the province"),
        _box(16, 84, 112, ("a person", "phone or paper")),
        _box(176, 84, 140, ("camera, reader", "drivers/")),
        _box(356, 84, 150, ("read · decide", "seal · sign", "firmware/")),
        _box(560, 84, 144, ("outbox", "on disk, fsync")),
        _box(356, 240, 150, ("light, sound", "only after the disk")),
        _box(560, 240, 144, ("agent", "edge_agent/")),
        _box(878, 240, 194, ("collector", "checks · opens · commits")),
        _box(878, 84, 194, ("register, ledger", "tokens, closed bodies")),
        _arrow("128,121 174,121", "code", (151, 112)),
        _arrow("316,121 354,121"),
        _arrow("506,121 558,121", "1", (532, 112)),
        _arrow("582,158 582,196 431,196 431,238", "2  on disk: green", (506, 188)),
        _arrow("356,277 72,277 72,160", "MỜI QUA ✔", (214, 268)),
        _arrow("626,158 626,238", "3", (614, 218)),
        _arrow("704,262 876,262", "4  sealed entry", (790, 252), _WIRE),
        _text(790, 283, "MQTT over TLS", 11, _SOFT),
        _arrow("975,238 975,160", "5", (988, 202)),
        _arrow("878,296 706,296", "6  signed receipt", (790, 314), _WIRE, dashed=True),
        _arrow("672,240 672,160", "7 forgets", (702, 204), dashed=True),
        _text(440, 398, "holds public keys only: a stolen scanner gives away nobody", 13, _SOFT),
        _text(975, 398, "the day's keys, kept apart", 13, _SOFT),
        "</svg>\n",
    ]
    return "\n".join(parts)
