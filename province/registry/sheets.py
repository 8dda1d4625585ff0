"""Reads tables that come from outside, CSV or XLSX, row by row and within bounds, whatever is in them.

XLSX is a zip of XML: how much it unpacks to is asked of its directory and bounded before anything is unpacked (zipfile gives no more
than the directory says), entities are refused by defusedxml, formulas are not computed: what a cell showed when it was saved counts.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from province.base.errors import NotAProvince, ProvinceError
from province.registry.columns import COLUMNS, HELP_TITLE, Column, Sheet, column_named, sheet_named, sheet_with, strange

MOST_BYTES = 64 * 2**20
_MOST_UNPACKED, _MOST_PARTS = 256 * 2**20, 2000
MOST_ROWS = 200_000
_LAST_ROW = 2**20  # of a spreadsheet
_MOST_COLUMNS = 60
CELL_CHARACTERS = 1000
_EXTENSIONS = {".csv", ".xlsx"}
_GUARDED = ("'=", "'+", "'-", "'@")  # as exports write what a spreadsheet would take for a formula


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a sheet.

    Attributes:
        sheet: of which.
        row: its number as spreadsheets count, the heading is 1.
        cells: what stands in it, by column; empty cells are not there.
        columns: which the sheet has.
        too_long: columns whose text is longer than any may be; not in `cells`.
    """

    sheet: Sheet
    row: int
    cells: dict[str, str]
    columns: frozenset[str]
    too_long: frozenset[str] = frozenset()


class Unreadable(ProvinceError):
    """The file is not a table that can be read; the message says what it should be."""


def lines(path: Path, sheet: Sheet | None = None) -> Iterator[Line]:
    """All rows of all sheets, in the file's order, without empty ones.

    Args:
        path: a .csv or .xlsx file.
        sheet: which one a .csv has; None goes by its headings.

    Raises:
        NotAProvince: no such file, or of another kind.
        Unreadable: it cannot be read, or is beyond the bounds.
    """
    if path.suffix.lower() not in _EXTENSIONS:
        raise NotAProvince(f"{path}: must be a .csv or .xlsx file; a template: gate-province registry template registry.xlsx.")
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise Unreadable(f"{path}: has {size >> 20} MB; {MOST_BYTES >> 20} MB at most. Divide it.")
        yield from _of_csv(path, sheet) if path.suffix.lower() == ".csv" else _of_workbook(path)
    except FileNotFoundError:
        raise NotAProvince(f"{path}: is not there.") from None
    except OSError as error:
        raise Unreadable(f"{path}: cannot be read ({error.strerror or type(error).__name__}).") from None


def _of_csv(path: Path, sheet: Sheet | None) -> Iterator[Line]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"{path}: byte {error.start + 1} is not UTF-8. Save it as “CSV UTF-8”, or as .xlsx.") from None
    first = text.split("\n", 1)[0]
    separator = max(";,\t", key=first.count)
    # a cell may be longer than csv allows by itself: it is told with its row
    csv.field_size_limit(MOST_BYTES)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        yield from _lines(path, path.name, sheet, next(rows, []), enumerate(rows, start=2))
    except csv.Error as error:
        raise Unreadable(f"{path}: line {rows.line_num}: not CSV ({error}).") from None


def _of_workbook(path: Path) -> Iterator[Line]:
    try:
        import defusedxml  # noqa: F401, PLC0415 - only who imports tables needs it; openpyxl goes by it where it is there
        from openpyxl import load_workbook  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ProvinceError(f"reading .xlsx needs {error.name}: install gate-scanner[province], or save as CSV UTF-8.") from None
    _check_unpacked(path)
    try:
        with closing(load_workbook(path, read_only=True, data_only=True, keep_links=False)) as book:
            for worksheet in book.worksheets:
                if worksheet.title == HELP_TITLE:
                    continue
                # a sheet may lie about its size, or not say it
                worksheet.reset_dimensions()
                rows = worksheet.iter_rows(max_col=_MOST_COLUMNS, values_only=True)
                headings = [_text(cell) for cell in next(rows, ())]
                numbered = ((number, [_text(cell) for cell in row]) for number, row in enumerate(rows, start=2))
                yield from _lines(path, worksheet.title, sheet_named(worksheet.title), headings, numbered)
    except (Unreadable, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - openpyxl raises anything on a file that is none
        raise Unreadable(f"{path}: not an XLSX file that can be read ({type(error).__name__}). Open it and save it anew.") from None


def _check_unpacked(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as packed:
            parts = packed.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        raise Unreadable(f"{path}: not an XLSX file. Open it and save it anew.") from None
    unpacked = sum(part.file_size for part in parts)
    if len(parts) > _MOST_PARTS or unpacked > _MOST_UNPACKED:
        raise Unreadable(f"{path}: unpacks to {unpacked >> 20} MB in {len(parts)} parts; {_MOST_UNPACKED >> 20} MB at most. Divide it.")


def _text(cell: Any) -> str:
    """A cell as somebody would type it."""
    match cell:
        case None:
            return ""
        case datetime():
            return f"{cell:%Y-%m-%d %H:%M}"
        case date():
            return cell.isoformat()
        case float() if cell.is_integer():
            return str(int(cell))
    return str(cell)


def _lines(path: Path, title: str, sheet: Sheet | None, headings: list[str], rows: Iterator[tuple[int, list[str]]]) -> Iterator[Line]:
    while headings and not headings[-1].strip():
        headings.pop()
    if not headings:
        return
    sheet = sheet or sheet_with(headings)
    if sheet is None:
        names, unknown = ", ".join(map(str, Sheet)), "".join(f" Column {each[:50]!r} is in none of them." for each in strange(headings))
        raise Unreadable(
            f"{path}: sheet {title!r}: none of {names}; give it that name, or such headings.{unknown} See gate-province registry template."
        )
    columns = _columns(path, sheet, headings)
    there, count = frozenset(column.field for column in columns), 0
    for number, row in islice(rows, _LAST_ROW):
        cells = {column.field: _plain(cell) for column, cell in zip(columns, row, strict=False)}
        if not any(cells.values()):
            continue
        count += 1
        if count > MOST_ROWS:
            raise Unreadable(f"{path}: sheet {title!r}: more than {MOST_ROWS} rows. Divide it.")
        too_long = frozenset(field for field, cell in cells.items() if len(cell) > CELL_CHARACTERS)
        yield Line(sheet, number, {field: cell for field, cell in cells.items() if cell and field not in too_long}, there, too_long)


def _plain(cell: str) -> str:
    cell = cell.strip()
    return cell[1:] if cell.startswith(_GUARDED) else cell


def _columns(path: Path, sheet: Sheet, headings: list[str]) -> list[Column]:
    found = [column_named(sheet, heading) for heading in headings]
    allowed = ", ".join(f"{column.field} ({column.heading})" for column in COLUMNS[sheet])
    unknown = [heading for heading, column in zip(headings, found, strict=True) if column is None]
    missing = [column.field for column in COLUMNS[sheet] if column.needed and column not in found]
    columns = [column for column in found if column is not None]
    twice = {column.field for column in columns if columns.count(column) > 1}
    wrong = [
        *(f"column {heading[:50]!r} is not known" for heading in unknown),
        *(f"column {field} is missing" for field in missing),
        *(f"column {field} is there twice" for field in sorted(twice)),
    ]
    if wrong:
        raise Unreadable(f"{path}: sheet {sheet}: {'; '.join(wrong)}. Columns: {allowed}.")
    return columns
