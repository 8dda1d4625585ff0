"""Writes a report as a spreadsheet: one page, printed on A4 as wide as it is."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import accumulate, pairwise, zip_longest
from typing import NamedTuple

from openpyxl import Workbook
from openpyxl.cell.cell import Cell as SheetCell
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from province.base.workbook import content
from province.reports.form import NOBODY, NUMBER, Cell, Document, Kind, Line, Paragraph, Preparer, Style, Table, filled

_FACE = "Times New Roman"
_WIDTH, _WIDER = 92, 48  # characters of the whole page, and so many more where the paper lies
_PERCENT = re.compile(r"([0-9]+),([0-9]) %")
_LINE_POINTS = 18.0
_CHARACTER, _BOLDER = 1.1, 1.25  # how wide a letter is, in the sheet's characters
_THIN = Side(style="thin")
_FRAME = Border(left=_THIN, right=_THIN, top=_THIN, bottom=_THIN)
_MIDDLE = {Style.APPENDIX, Style.SCOPE, Style.TITLE, Style.MOMENT, Style.ADDRESSEE}
_BOLD = {Style.APPENDIX, Style.TITLE, Style.HEADING}
_ITALIC = {Style.SCOPE, Style.MOMENT, Style.NOTES, Style.STATE}
MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def write(document: Document, made_ms: int, preparer: Preparer = NOBODY) -> bytes:
    """The file.

    Args:
        document: what it says.
        made_ms: milliseconds since 1970 UTC, for the file's own date.
        preparer: who signs.
    """
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)  # noqa: S101 - a new book has one
    sheet.title = document.sheet
    tables = [block for block in document.blocks if isinstance(block, Table)]
    shares = max((table.shares for table in tables), key=len, default=(100,))
    widths = [(_WIDTH + _WIDER * document.wide) * share / sum(shares) for share in shares]
    for number, width in enumerate(widths, 1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    row = 1
    for block in document.blocks:
        row = _table(sheet, row, block, widths) if isinstance(block, Table) else _text(sheet, row, filled(block, preparer), widths)
    sheet.page_setup.orientation = "landscape" if document.wide else "portrait"
    sheet.page_setup.paperSize, sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 9, 1, 0
    if sheet.sheet_properties.pageSetUpPr is not None:
        sheet.sheet_properties.pageSetUpPr.fitToPage = True
    book.properties.creator = "gate-scanner"
    book.properties.created = book.properties.modified = datetime.fromtimestamp(made_ms / 1000, UTC).replace(tzinfo=None)
    return content(book)


def spans(shares: Sequence[int], widths: Sequence[float]) -> list[tuple[int, int]]:
    """Which columns of the sheet each column of a table takes, first and last, so that it is about as wide as it wants.

    Args:
        shares: of the table's columns.
        widths: of the sheet's, at least as many.

    Example:
        >>> spans((75, 25), (6, 24, 9, 9, 9, 9, 9, 9, 8, 8)), spans((3, 1), (1, 1))
        ([(1, 7), (8, 10)], [(1, 1), (2, 2)])
    """
    ends, whole = list(accumulate(widths)), sum(widths) / sum(shares)
    last = [0]
    for number, wanted in enumerate(accumulate(shares), 1):
        free = range(last[-1] + 1, len(widths) - (len(shares) - number) + 1)  # the columns that follow want one each
        last.append(free[-1] if number == len(shares) else min(free, key=lambda end: abs(ends[end - 1] - wanted * whole)))
    return [(before + 1, end) for before, end in pairwise(last)]


def _put(cell: SheetCell, value: Cell, *, bold: bool = False, italic: bool = False) -> None:
    if isinstance(value, str) and (share := _PERCENT.fullmatch(value)) is not None:
        cell.value = int(share[1] + share[2]) / 1000
        cell.number_format = "0.0%"
    elif value is not None:
        cell.value = value
        cell.data_type = "n" if isinstance(value, int) else "s"  # a name that begins with "=" is no formula
    if isinstance(value, int):
        cell.number_format = "#,##0"
    cell.font = Font(name=_FACE, size=13, bold=bold, italic=italic)


def _text(sheet: Worksheet, row: int, paragraph: Paragraph, widths: Sequence[float]) -> int:
    sheet.merge_cells(start_row=row, start_column=1, end_row=row, end_column=len(widths))
    cell = sheet.cell(row, 1)
    assert isinstance(cell, SheetCell)  # noqa: S101 - the first of those merged
    _put(cell, paragraph.whole, bold=paragraph.style in _BOLD, italic=paragraph.style in _ITALIC)
    cell.alignment = Alignment(horizontal="center" if paragraph.style in _MIDDLE else "left", vertical="top", wrap_text=True)
    sheet.row_dimensions[row].height = _LINE_POINTS * _lines(paragraph.whole, sum(widths))
    return row + 1


def _table(sheet: Worksheet, row: int, table: Table, widths: Sequence[float]) -> int:
    places = [_Place(*span, sum(widths[span[0] - 1 : span[1]])) for span in spans(table.shares, widths)]
    _line(sheet, row, Line(Kind.SECTION, table.columns), places, heading=True)
    for line in table.lines:
        row += 1
        _line(sheet, row, line, places, numbered=table.columns[0] == NUMBER)
    return row + 2


class _Place(NamedTuple):
    """Where a column of a table stands: the first and the last of the sheet's columns, and the characters that fit."""

    first: int
    last: int
    width: float


def _line(sheet: Worksheet, row: int, line: Line, places: Sequence[_Place], *, heading: bool = False, numbered: bool = True) -> None:
    lines = 1
    for number, (place, value) in enumerate(zip_longest(places, line.cells), 1):
        cell = sheet.cell(row, place.first)
        assert isinstance(cell, SheetCell)  # noqa: S101 - the first of those merged
        _put(cell, value, bold=line.kind is not Kind.ROW)
        cell.border = _FRAME
        is_number = isinstance(value, int) or (value or "").endswith(" %")
        across = "center" if heading or (number == 1 and numbered) or value == "X" else "right" if is_number else "left"
        cell.alignment = Alignment(horizontal=across, vertical="center", wrap_text=True, indent=int(across != "center"))
        if place.last > place.first:
            sheet.merge_cells(start_row=row, start_column=place.first, end_row=row, end_column=place.last)
        lines = max(lines, _lines(str(value or ""), place.width, bold=line.kind is not Kind.ROW))
    sheet.row_dimensions[row].height = _LINE_POINTS * lines


def _lines(text: str, width: float, *, bold: bool = False) -> int:
    """How many lines a text takes in so many characters, about."""
    return max(1, len(textwrap.wrap(text, max(1, int(width / (_BOLDER if bold else _CHARACTER))))))
