"""What every printed page of ours has: A4, millimetres, a font with Vietnamese letters, codes drawn as vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from province.base.errors import ProvinceError
from province.paper.card_code import Code

PAGE_MM = (210.0, 297.0)
FONT = "CardSans"
_FONTS = (
    Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
    Path("/usr/share/fonts/TTF/DejaVuSans.ttf"),
    Path("/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf"),
)


class NoFont(ProvinceError):
    """There is no font with Vietnamese letters."""


def pt(millimetres: float) -> float:
    """Millimetres in PDF's points."""
    return millimetres * 72 / 25.4


def new_canvas(buffer: Any, font: Path | None) -> Any:
    """An A4 document to draw on, in our font.

    Args:
        buffer: takes the PDF's bytes.
        font: a TrueType font with Vietnamese letters; None looks for DejaVu Sans or Noto Sans.

    Raises:
        NoFont: as `register_font`.
        ProvinceError: what draws is not installed.
    """
    try:
        import segno  # noqa: F401, PLC0415 - only who prints needs them
        from reportlab.pdfgen.canvas import Canvas  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ProvinceError(f"printing needs {error.name}: install gate-scanner[province].") from None
    register_font(font)
    return Canvas(buffer, pagesize=tuple(map(pt, PAGE_MM)), invariant=1, initialFontName=FONT)


def register_font(font: Path | None) -> None:
    """Has PDFs that are made from now on use our font, as `FONT`.

    Args:
        font: a TrueType font with Vietnamese letters; None looks for DejaVu Sans or Noto Sans.

    Raises:
        NoFont: there is none, or it cannot be used.
    """
    from reportlab.pdfbase import pdfmetrics  # noqa: PLC0415 - as above
    from reportlab.pdfbase.ttfonts import TTFError, TTFont  # noqa: PLC0415

    path = font or next((path for path in _FONTS if path.exists()), None)
    if path is None:
        raise NoFont("no font with Vietnamese letters was found: install fonts-dejavu-core, or name one with --font FILE.ttf.")
    try:
        made = TTFont(FONT, str(path))
    except (TTFError, OSError):
        raise NoFont(f"{path}: not a TrueType font that can be embedded.") from None
    if missing := [char for char in "ẠỆỮỲỡắĐđ" if ord(char) not in made.face.charToGlyph]:
        raise NoFont(f"{path}: has no Vietnamese letters such as {missing[0]}.")
    pdfmetrics.registerFont(made)


def draw_code(canvas: Any, code: Code, corner_mm: tuple[float, float], side_mm: float) -> None:
    """Draws a code, without its quiet zone, from its lower left corner."""
    module = side_mm / len(code.rows)
    path = canvas.beginPath()
    for column, row, width, height in code.runs():
        bottom_mm = corner_mm[1] + side_mm - (row + height) * module
        path.rect(pt(corner_mm[0] + column * module), pt(bottom_mm), pt(width * module), pt(height * module))
    canvas.setFillGray(0)
    canvas.drawPath(path, stroke=0, fill=1, fillMode=1)  # non-zero winding: what is covered twice is dark too


def split(text: str, size_pt: float, width_mm: float) -> list[str]:
    """A text in lines that fit."""
    from reportlab.lib.utils import simpleSplit  # noqa: PLC0415 - as above

    return list(simpleSplit(text, FONT, size_pt, pt(width_mm)))


def fitted(canvas: Any, text: str, size_pt: float, width_mm: float, most: int) -> tuple[list[str], float]:
    """A text in at most so many lines, smaller where it would not fit; the lines and their size in points."""
    parts = split(text, size_pt, width_mm)
    while len(parts) > most or any(canvas.stringWidth(part, FONT, size_pt) > pt(width_mm) for part in parts):
        size_pt *= 0.9
        parts = split(text, size_pt, width_mm)
    return parts, size_pt
