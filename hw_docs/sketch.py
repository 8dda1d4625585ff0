"""Drawing tools on schemdraw: boxes, wires with corners, measures, and a sheet that comes out the same each time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import schemdraw
import schemdraw.elements as elm
from schemdraw.segments import SegmentPoly, SegmentText

INK, SOFT = "#1d2733", "#5b6b7b"
PAPER, DEVICE, BOARD, OUTSIDE = "#ffffff", "#e8f1ea", "#e9eef7", "#f6efe4"
FONT = "Noto Sans, DejaVu Sans, sans-serif"
# Colours of insulation, dark enough for paper.
WIRES = {
    "green": "#2c8a3c", "red": "#c62f2f", "orange": "#dd7a00", "violet": "#7b3fb0", "brown": "#7a4a1e", "yellow": "#b89400",
    "pink": "#d4679b", "grey": "#7d868f", "white": "#9aa7b5", "blue": "#1f6fc0", "black": "#1d2733",
}  # fmt: skip
Point = tuple[float, float]
Align = Literal["left", "center", "right"]


@dataclass(frozen=True, slots=True)
class Box:
    """A box on the sheet, by its corners."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> Point:
        """Its centre."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


class Sheet:
    """A drawing. Positions in schemdraw units, y upwards; text sizes in points."""

    def __init__(self) -> None:
        schemdraw.use("svg")
        self._bold: set[str] = set()
        self._drawing = schemdraw.Drawing(show=False)
        self._drawing.config(unit=2, inches_per_unit=0.55, fontsize=10, font=FONT, color=INK, lw=1.4, bgcolor=PAPER, margin=0.3)

    def add(self, element: Any) -> Any:
        """Adds any schemdraw element."""
        return self._drawing.add(element)

    def text(self, at: Point, text: str, *, size: float = 10, colour: str = INK, align: Align = "left", bold: bool = False) -> None:
        """Text whose middle line begins, ends or is centred at a point."""
        escaped = escape(text)  # schemdraw reads text as XML
        label = elm.Element().at((at[0], at[1] - size / 120)).theta(0)  # the middle of small letters is lower
        label.segments.append(SegmentText((0, 0), escaped, align=(align, "center"), fontsize=size, font=FONT, color=colour))
        self.add(label)
        if bold:
            self._bold.add(escaped)

    def box(self, left: float, top: float, right: float, bottom: float, *lines: str, fill: str = PAPER, size: float = 10) -> Box:
        """A box with centred lines of text, the first in bold."""
        self.frame(left, top, right, bottom, fill)
        step = size / 28
        first = (top + bottom) / 2 + step * (len(lines) - 1) / 2
        for place, line in enumerate(lines):
            self.text(
                ((left + right) / 2, first - place * step),
                line,
                size=size if place == 0 else size - 1.5,
                colour=INK if place == 0 else SOFT,
                align="center",
                bold=place == 0,
            )
        return Box(left, top, right, bottom)

    def frame(self, left: float, top: float, right: float, bottom: float, fill: str) -> None:
        """A filled rectangle behind everything else."""
        self.add(elm.Rect(corner1=(left, top), corner2=(right, bottom), fill=fill, color=INK, lw=1.4, zorder=-5).at((0, 0)).theta(0))

    def wire(self, *points: Point, colour: str = INK, width: float = 1.6, dashed: bool = False) -> None:
        """A wire through points."""
        for start, end in pairwise(points):
            if start != end:
                self.add(elm.Line(color=colour, lw=width, ls="--" if dashed else "-").at(start).to(end))

    def area(self, points: list[Point], fill: str, edge: str | None = None) -> None:
        """A filled shape behind wires and text."""
        shape = elm.Element().at((0, 0)).theta(0)
        shape.segments.append(SegmentPoly(points, closed=True, fill=fill, color=edge or fill, lw=1, zorder=-4))
        self.add(shape)

    def span(self, start: Point, end: Point, text: str, at: Point, *, align: Align = "center") -> None:
        """A measure: a line with an arrowhead at each end, and its text at a point."""
        self.add(elm.Line(color=SOFT, lw=1.1, arrow="<->").at(start).to(end))
        self.text(at, text, size=10, align=align)

    def dots(self, points: Iterable[Point], colour: str = INK) -> None:
        """Joints of wires."""
        for point in points:
            self.add(elm.Dot(radius=0.07, color=colour, fill=colour).at(point))

    def ground(self, at: Point) -> None:
        """The sign of the common minus."""
        self.add(elm.GroundSignal(lw=1.4).at(at).theta(0))

    def svg(self, title: str) -> str:
        """The drawing as SVG text that is the same on every machine."""
        ET.register_namespace("", "http://www.w3.org/2000/svg")  # one table for the whole process, which WeasyPrint writes to
        text = self._drawing.get_imagedata("svg").decode("utf-8")
        text = re.sub(r"(<svg[^>]*>)", rf"\1\n<title>{title}</title>", text, count=1)
        for line in sorted(self._bold):
            text = re.sub(rf"<text ([^>]*)>(?=(<tspan[^>]*>)?{re.escape(line)}</t)", r'<text font-weight="bold" \1>', text)
        text = text.replace("stroke-dasharray:-;", "")
        text = re.sub(r"<[^>]*>", lambda tag: re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.2f}", tag[0]), text)
        return text.replace("><", ">\n<") + "\n"
