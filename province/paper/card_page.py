"""Draws personal codes on paper: a PDF of A4 pages, exact in millimetres, with cut marks, black modules on white and Vietnamese text.

Modules are drawn as vectors, so that no printer's scaling makes them uneven.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware.person_codes.masking import mask_number
from province.base.errors import ProvinceError
from province.paper.card_code import QUIET_MODULES, Code, encoded
from province.paper.card_text import Card

_PAGE_MM = (210.0, 297.0)
_CUT_MM = 4.0
_MARGIN_MM = 3.0
FONT = "CardSans"
_FONTS = (
    Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
    Path("/usr/share/fonts/TTF/DejaVuSans.ttf"),
    Path("/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf"),
)


@dataclass(frozen=True, slots=True)
class Layout:
    """How cards lie on a page.

    Attributes:
        size_mm: width and height of a card.
        grid: columns and rows on a page.
        code_mm: side of the code without its quiet zone; None makes it as large as the card's height allows with a whole quiet
            zone: 42 to 48 mm on a credit card, for 29 to 65 modules.
        font_pt: size of the small print.
    """

    size_mm: tuple[float, float]
    grid: tuple[int, int]
    code_mm: float | None
    font_pt: float


LAYOUTS = {
    "card": Layout((100.0, 70.0), (2, 4), 50.0, 6.5),
    "credit": Layout((85.6, 53.98), (2, 5), None, 5.0),
    "a4": Layout(_PAGE_MM, (1, 1), 120.0, 15.0),
}


class NoFont(ProvinceError):
    """There is no font with Vietnamese letters."""


def draw(cards: Sequence[Card], layout: Layout, font: Path | None = None) -> bytes:
    """Returns the PDF.

    Args:
        cards: at least one.
        layout: one of `LAYOUTS`.
        font: a TrueType font with Vietnamese letters; None looks for DejaVu Sans or Noto Sans.

    Raises:
        NoFont: there is none, or it cannot be used.
    """
    try:
        import segno  # noqa: F401, PLC0415 - only who prints cards needs them
        from reportlab.pdfgen.canvas import Canvas  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ProvinceError(f"printing needs {error.name}: install gate-scanner[province].") from None
    register_font(font)
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=tuple(map(_pt, _PAGE_MM)), invariant=1, initialFontName=FONT)
    canvas.setTitle("QR")  # no name: titles end up in printers' job lists
    canvas.setAuthor("")
    columns, rows = layout.grid
    for first in range(0, len(cards), columns * rows):
        for place, card in enumerate(cards[first : first + columns * rows]):
            canvas.saveState()
            canvas.translate(*map(_pt, _corner_mm(layout, place)))
            _draw_card(canvas, card, layout)
            canvas.restoreState()
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _pt(millimetres: float) -> float:
    return millimetres * 72 / 25.4


def _corner_mm(layout: Layout, place: int) -> tuple[float, float]:
    """Lower left corner of a card on its page."""
    columns, rows = layout.grid
    width, height = layout.size_mm
    column, row = place % columns, place // columns
    return (_PAGE_MM[0] - columns * width) / 2 + column * width, (_PAGE_MM[1] + rows * height) / 2 - (row + 1) * height


def register_font(font: Path | None = None) -> None:
    """Makes the letters of `FONT` known to reportlab.

    Raises:
        NoFont: there is no font with Vietnamese letters, or it cannot be used.
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


def _draw_card(canvas: Any, card: Card, layout: Layout) -> None:
    code = encoded(card.text)
    side_mm, (width, height) = _side_mm(code, layout), layout.size_mm
    quiet_mm = side_mm / len(code.rows) * QUIET_MODULES
    box_mm = side_mm + 2 * quiet_mm
    on_page = layout.size_mm == _PAGE_MM
    left, bottom = ((width - box_mm) / 2, height - box_mm - 25) if on_page else (0.0, (height - box_mm) / 2)
    _draw_code(canvas, code, (left + quiet_mm, bottom + quiet_mm), side_mm)
    if on_page:
        _draw_text(canvas, card, layout, (25.0, bottom - 5, width - 50))
        return
    _draw_text(canvas, card, layout, (box_mm, height - _MARGIN_MM, width - box_mm - _MARGIN_MM))
    _draw_cut_marks(canvas, width, height)


def _side_mm(code: Code, layout: Layout) -> float:
    """Side of a code on this card, without its quiet zone."""
    modules = len(code.rows)
    return layout.code_mm or min(layout.size_mm) * modules / (modules + 2 * QUIET_MODULES)


def _draw_code(canvas: Any, code: Code, corner_mm: tuple[float, float], side_mm: float) -> None:
    module = side_mm / len(code.rows)
    path = canvas.beginPath()
    for column, row, width, height in code.runs():
        bottom_mm = corner_mm[1] + side_mm - (row + height) * module
        path.rect(_pt(corner_mm[0] + column * module), _pt(bottom_mm), _pt(width * module), _pt(height * module))
    canvas.setFillGray(0)
    canvas.drawPath(path, stroke=0, fill=1, fillMode=1)  # non-zero winding: what is covered twice is dark too


def _draw_cut_marks(canvas: Any, width: float, height: float) -> None:
    """Short grey lines at the corners, outside of the quiet zone's corner."""
    canvas.setStrokeGray(0.55)
    canvas.setLineWidth(0.25)
    for x in (0.0, width):
        for y in (0.0, height):
            inward = (1 if x == 0 else -1) * _CUT_MM / 2, (1 if y == 0 else -1) * _CUT_MM / 2
            canvas.line(_pt(x - inward[0]), _pt(y), _pt(x + inward[0]), _pt(y))
            canvas.line(_pt(x), _pt(y - inward[1]), _pt(x), _pt(y + inward[1]))


def _lines(card: Card) -> Iterator[tuple[str, float]]:
    """What stands beside the code, each with its size relative to the small print; an empty line is a gap."""
    person = card.person
    born = person.birth_date[:4] if person.birth_date else ""
    yield "MÃ QR CÁ NHÂN", 1.3
    yield "Personal QR code", 1
    yield "", 1
    yield card.name, 1.5
    yield "", 0.6
    yield f"Số giấy tờ / ID: {mask_number(person.id_number)}", 1
    if born:
        yield f"Năm sinh / Born: {born}", 1
    yield "", 1
    yield "Cách máy đọc 10–20 cm.", 1
    yield "10–20 cm from the reader.", 1
    yield "Không gấp qua mã, giữ khô.", 1
    yield "Do not fold through the code, keep dry.", 1
    yield "", 1
    yield "Thông tin tự khai, không thay giấy tờ tùy thân.", 1
    yield "Declared by its holder; not an identity document.", 1


def _draw_text(canvas: Any, card: Card, layout: Layout, place: tuple[float, float, float]) -> None:
    """Writes the lines downwards from a place (left, top, width in mm), smaller where a line would not fit three times."""
    from reportlab.lib.utils import simpleSplit  # noqa: PLC0415 - as above

    left, top, width = place
    down_pt = _pt(top)
    for text, factor in _lines(card):
        size = layout.font_pt * factor
        parts = simpleSplit(text, FONT, size, _pt(width)) if text else [""]
        while len(parts) > 3 or any(canvas.stringWidth(part, FONT, size) > _pt(width) for part in parts):
            size *= 0.9
            parts = simpleSplit(text, FONT, size, _pt(width))
        for part in parts:
            down_pt -= size * (1.25 if text else 0.5)
            canvas.setFont(FONT, size)
            canvas.drawString(_pt(left), down_pt, part)
