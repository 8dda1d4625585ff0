"""Writes a report as a spreadsheet: one page, printed on A4 as wide as it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import zip_longest

from openpyxl import Workbook
from openpyxl.cell.cell import Cell as SheetCell
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from province.base.workbook import content
from province.reports.form import NOBODY, NUMBER, Cell, Document, Kind, Line, Paragraph, Preparer, Style, Table, filled

_FACE = "Times New Roman"
_WIDTH = 92  # characters of the whole page
_LINE_POINTS = 16.5
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
    for number, share in enumerate(shares, 1):
        sheet.column_dimensions[get_column_letter(number)].width = _WIDTH * share / sum(shares)
    row = 1
    for block in document.blocks:
        row = _table(sheet, row, block) if isinstance(block, Table) else _text(sheet, row, filled(block, preparer), len(shares))
    sheet.page_setup.orientation = "landscape" if document.wide else "portrait"
    sheet.page_setup.paperSize, sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 9, 1, 0
    if sheet.sheet_properties.pageSetUpPr is not None:
        sheet.sheet_properties.pageSetUpPr.fitToPage = True
    book.properties.creator = "gate-scanner"
    book.properties.created = book.properties.modified = datetime.fromtimestamp(made_ms / 1000, UTC).replace(tzinfo=None)
    return content(book)


def _put(cell: SheetCell, value: Cell, *, bold: bool = False, italic: bool = False) -> None:
    if value is not None:
        cell.value = value
        cell.data_type = "n" if isinstance(value, int) else "s"  # a name that begins with "=" is no formula
    if isinstance(value, int):
        cell.number_format = "#,##0"
    cell.font = Font(name=_FACE, size=13, bold=bold, italic=italic)


def _text(sheet: Worksheet, row: int, paragraph: Paragraph, columns: int) -> int:
    sheet.merge_cells(start_row=row, start_column=1, end_row=row, end_column=columns)
    cell = sheet.cell(row, 1)
    assert isinstance(cell, SheetCell)  # noqa: S101 - the first of those merged
    _put(cell, paragraph.whole, bold=paragraph.style in _BOLD, italic=paragraph.style in _ITALIC)
    cell.alignment = Alignment(horizontal="center" if paragraph.style in _MIDDLE else "left", vertical="top", wrap_text=True)
    sheet.row_dimensions[row].height = _LINE_POINTS * _lines(paragraph.whole, _WIDTH)
    return row + 1


def _table(sheet: Worksheet, row: int, table: Table) -> int:
    _line(sheet, row, Line(Kind.SECTION, table.columns), table.shares, heading=True)
    for line in table.lines:
        row += 1
        _line(sheet, row, line, table.shares, numbered=table.columns[0] == NUMBER)
    return row + 2


def _line(sheet: Worksheet, row: int, line: Line, shares: Sequence[int], *, heading: bool = False, numbered: bool = True) -> None:
    lines = 1
    for number, (share, value) in enumerate(zip_longest(shares, line.cells), 1):
        cell = sheet.cell(row, number)
        assert isinstance(cell, SheetCell)  # noqa: S101 - nothing is merged here
        _put(cell, value, bold=line.kind is not Kind.ROW)
        cell.border = _FRAME
        across = "center" if heading or (number == 1 and numbered) or value == "X" else "right" if isinstance(value, int) else "left"
        cell.alignment = Alignment(horizontal=across, vertical="center", wrap_text=True)
        lines = max(lines, _lines(str(value or ""), _WIDTH * share / sum(shares)))
    sheet.row_dimensions[row].height = _LINE_POINTS * lines


def _lines(text: str, width: float) -> int:
    """How many lines a text takes in so many characters, about."""
    return max(1, -(-len(text) * 12 // int(width * 10)))
