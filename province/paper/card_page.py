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
from province.paper.card_code import QUIET_MODULES, Code, encoded
from province.paper.card_text import Card
from province.paper.page import FONT, PAGE_MM, draw_code, fitted, new_canvas, pt

_CUT_MM = 4.0
_MARGIN_MM = 3.0


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
    "a4": Layout(PAGE_MM, (1, 1), 120.0, 15.0),
}


def draw(cards: Sequence[Card], layout: Layout, font: Path | None = None) -> bytes:
    """Returns the PDF.

    Args:
        cards: at least one.
        layout: one of `LAYOUTS`.
        font: a TrueType font with Vietnamese letters; None looks for DejaVu Sans or Noto Sans.

    Raises:
        NoFont: there is none, or it cannot be used.
    """
    buffer = io.BytesIO()
    canvas = new_canvas(buffer, font)
    canvas.setTitle("QR")  # no name: titles end up in printers' job lists
    canvas.setAuthor("")
    columns, rows = layout.grid
    for first in range(0, len(cards), columns * rows):
        for place, card in enumerate(cards[first : first + columns * rows]):
            canvas.saveState()
            canvas.translate(*map(pt, _corner_mm(layout, place)))
            _draw_card(canvas, card, layout)
            canvas.restoreState()
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _corner_mm(layout: Layout, place: int) -> tuple[float, float]:
    """Lower left corner of a card on its page."""
    columns, rows = layout.grid
    width, height = layout.size_mm
    column, row = place % columns, place // columns
    return (PAGE_MM[0] - columns * width) / 2 + column * width, (PAGE_MM[1] + rows * height) / 2 - (row + 1) * height


def _draw_card(canvas: Any, card: Card, layout: Layout) -> None:
    code = encoded(card.text)
    side_mm, (width, height) = _side_mm(code, layout), layout.size_mm
    quiet_mm = side_mm / len(code.rows) * QUIET_MODULES
    box_mm = side_mm + 2 * quiet_mm
    on_page = layout.size_mm == PAGE_MM
    left, bottom = ((width - box_mm) / 2, height - box_mm - 25) if on_page else (0.0, (height - box_mm) / 2)
    draw_code(canvas, code, (left + quiet_mm, bottom + quiet_mm), side_mm)
    if on_page:
        _draw_text(canvas, card, layout, (25.0, bottom - 5, width - 50))
        return
    _draw_text(canvas, card, layout, (box_mm, height - _MARGIN_MM, width - box_mm - _MARGIN_MM))
    _draw_cut_marks(canvas, width, height)


def _side_mm(code: Code, layout: Layout) -> float:
    """Side of a code on this card, without its quiet zone."""
    modules = len(code.rows)
    return layout.code_mm or min(layout.size_mm) * modules / (modules + 2 * QUIET_MODULES)


def _draw_cut_marks(canvas: Any, width: float, height: float) -> None:
    """Short grey lines at the corners, outside of the quiet zone's corner."""
    canvas.setStrokeGray(0.55)
    canvas.setLineWidth(0.25)
    for x in (0.0, width):
        for y in (0.0, height):
            inward = (1 if x == 0 else -1) * _CUT_MM / 2, (1 if y == 0 else -1) * _CUT_MM / 2
            canvas.line(pt(x - inward[0]), pt(y), pt(x + inward[0]), pt(y))
            canvas.line(pt(x), pt(y - inward[1]), pt(x), pt(y + inward[1]))


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
    left, top, width = place
    down_pt = pt(top)
    for text, factor in _lines(card):
        parts, size = fitted(canvas, text, layout.font_pt * factor, width, 3) if text else ([""], layout.font_pt * factor)
        for part in parts:
            down_pt -= size * (1.25 if text else 0.5)
            canvas.setFont(FONT, size)
            canvas.drawString(pt(left), down_pt, part)
