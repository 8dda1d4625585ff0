"""A picture as a few shapes, drawn as SVG for a page or on a PDF's page: the same for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; `kind` says what it stands for, and so its colours."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Dot:
    """A disc."""

    x: float
    y: float
    radius: float
    kind: str
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """Lines from point to point."""

    points: tuple[tuple[float, float], ...]
    kind: str


@dataclass(frozen=True, slots=True)
class Label:
    """A text, its base line at `y`; `anchor` is start, middle or end."""

    x: float
    y: float
    text: str
    size: float = 11
    anchor: str = "start"
    kind: str = "text"


Shape: TypeAlias = Box | Dot | Way | Label

# fill and stroke of each kind; None: none. Contrast to white: text 4.5 to 1, shapes 3 to 1.
_COLOURS: dict[str, tuple[str | None, str | None]] = {
    "seen": ("#0b5a7a", None), "assumed": ("#cfe2ec", "#0b5a7a"), "grid": (None, "#c3ccd3"), "frame": ("#f5f8fa", "#8a97a1"),
    "way": (None, "#8a3d00"), "place": ("#0b5a7a", "#ffffff"), "text": ("#16212b", None), "soft": ("#4d5b67", None),
    "on": ("#ffffff", None), "halo": ("#f5f8fa", None), "paper": ("#ffffff", None),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Picture:
    """Shapes on a white page of some size, y downwards.

    Attributes:
        title: what it shows, for who cannot see it.
    """

    width: float
    height: float
    title: str
    shapes: Sequence[Shape]

    def svg(self) -> str:
        """As an element of a page: no style, no script."""
        size = f'viewBox="0 0 {self.width:g} {self.height:g}" width="{self.width:g}" height="{self.height:g}"'
        title = escape(self.title)
        parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{title}" class="drawn">']
        parts.append(_svg(Box(0, 0, self.width, self.height, "paper")))
        return "\n".join([*parts, *map(_svg, self.shapes), "</svg>"])

    def draw(self, canvas: Any, left: float, bottom: float, width: float, font: str) -> None:
        """On a reportlab canvas, `width` points wide."""
        scale = width / self.width
        canvas.saveState()
        canvas.translate(left, bottom)
        canvas.scale(scale, scale)
        for shape in self.shapes:
            _draw(canvas, shape, self.height, font)
        canvas.restoreState()


def _paint(kind: str) -> str:
    fill, stroke = _COLOURS[kind]
    return f'fill="{fill or "none"}"' + (f' stroke="{stroke}"' if stroke else "")


def _svg(shape: Shape) -> str:
    tip = f"<title>{escape(shape.tip)}</title>" if isinstance(shape, Box | Dot) and shape.tip else ""
    match shape:
        case Box(x, y, width, height, kind):
            return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" {_paint(kind)}>{tip}</rect>'
        case Dot(x, y, radius, kind):
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" {_paint(kind)}>{tip}</circle>'
        case Way(points, kind):
            return f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}" {_paint(kind)}/>'
        case Label(x, y, text, size, anchor, kind):
            fill = _COLOURS[kind][0]
            return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}" fill="{fill}">{escape(text)}</text>'


def _draw(canvas: Any, shape: Shape, height: float, font: str) -> None:
    fill, stroke = _COLOURS[shape.kind]
    if fill:
        canvas.setFillColor(fill)
    if stroke:
        canvas.setStrokeColor(stroke)
    match shape:
        case Box():
            canvas.rect(shape.x, height - shape.y - shape.height, shape.width, shape.height, stroke=bool(stroke), fill=bool(fill))
        case Dot():
            canvas.circle(shape.x, height - shape.y, shape.radius, stroke=bool(stroke), fill=bool(fill))
        case Way():
            path = canvas.beginPath()
            path.moveTo(shape.points[0][0], height - shape.points[0][1])
            for x, y in shape.points[1:]:
                path.lineTo(x, height - y)
            canvas.drawPath(path)
        case Label():
            canvas.setFont(font, shape.size)
            put = {"start": canvas.drawString, "middle": canvas.drawCentredString, "end": canvas.drawRightString}[shape.anchor]
            put(shape.x, height - shape.y, shape.text)
