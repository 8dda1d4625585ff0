"""Reads tables that come from outside, CSV or XLSX, row by row and within bounds, whatever is in them.

XLSX is a zip of XML: how much it unpacks to is asked of its directory and bounded before anything is unpacked (zipfile gives no more
than the directory says), entities are refused by defusedxml, formulas are not computed: what a cell showed when it was saved counts.
"""

from __future__ import annotations

import csv
import io
import warnings
import zipfile
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from province.base.errors import NotAProvince, ProvinceError

CELL_CHARACTERS = 1000
_MOST_PARTS = 2000
_LAST_ROW = 2**20  # of a spreadsheet
_EXTENSIONS = {".csv", ".xlsx"}
_GUARDED = ("'=", "'+", "'-", "'@")  # as exports write what a spreadsheet would take for a formula
# ECMA-376 part 1, 18.18.11 (t="e"), and Excel's newer ones
_ERRORS = frozenset({
    "#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA", "#SPILL!", "#CALC!", "#FIELD!", "#BLOCKED!",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a table may be.

    Attributes:
        bytes, unpacked: of the file, and of what an XLSX unpacks to.
        rows: that are not empty, of each sheet, headings among them.
        columns: so many are looked at.
    """

    bytes: int
    unpacked: int
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Unfit:
    """A cell with which nothing can be done.

    Attributes:
        said: why, and what to do.
        value: what it shows, where it helps to see it.
    """

    said: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row that is not empty.

    Attributes:
        number: as spreadsheets count, from 1.
        cells: as somebody would type them, without space around.
        unfit: which of them say nothing, by their place in `cells`, from 0.
    """

    number: int
    cells: tuple[str, ...]
    unfit: Mapping[int, Unfit] = field(default_factory=dict)


class Unreadable(NotAProvince):
    """The file is not a table that can be read; the message says what it should be."""


def tables(path: Path, bounds: Bounds) -> Generator[tuple[str, Iterator[Row]], None, None]:
    """Each sheet's name and rows, in the file's order; a CSV is one sheet with the file's name. Rows are there until the next is asked for.

    Raises:
        NotAProvince: no such file, or of another kind.
        Unreadable: it cannot be read, or is beyond the bounds.
    """
    if path.suffix.lower() not in _EXTENSIONS:
        raise NotAProvince(f"{path}: must be a .csv or .xlsx file.")
    try:
        with path.open("rb") as file:
            data = file.read(bounds.bytes + 1)
    except FileNotFoundError:
        raise NotAProvince(f"{path}: is not there.") from None
    except OSError as error:
        raise Unreadable(f"{path}: cannot be read ({error.strerror or type(error).__name__}).") from None
    if len(data) > bounds.bytes:
        raise Unreadable(f"{path}: has more than {bounds.bytes >> 20} MB. Divide it.")
    if path.suffix.lower() == ".csv":
        yield path.name, _rows(path, path.name, _of_csv(path, data), bounds)
    else:
        yield from _of_workbook(path, data, bounds)


def _rows(path: Path, title: str, lines: Iterable[list[tuple[str, Unfit | None]]], bounds: Bounds) -> Iterator[Row]:
    count = 0
    for number, line in enumerate(islice(lines, _LAST_ROW), start=1):
        cells = tuple(_plain(text) for text, _ in line[: bounds.columns])
        if not any(cells):
            continue
        count += 1
        if count > bounds.rows:
            raise Unreadable(f"{path}: sheet {title!r}: more than {bounds.rows} rows. Divide it.")
        unfit = {at: found for at, (cell, (_, told)) in enumerate(zip(cells, line, strict=False)) if (found := told or _unfit(cell))}
        yield Row(number, cells, unfit)


def _unfit(cell: str) -> Unfit | None:
    if len(cell) > CELL_CHARACTERS:
        return Unfit(f"must be {CELL_CHARACTERS} characters at most")
    if cell.upper() in _ERRORS:
        return _fault(cell)
    return None


def _fault(cell: str) -> Unfit:
    return Unfit("is an error of the spreadsheet: correct the formula, or type the value", cell)


def _plain(cell: str) -> str:
    cell = cell.strip()
    return cell[1:] if cell.startswith(_GUARDED) else cell


def _of_csv(path: Path, data: bytes) -> Iterator[list[tuple[str, Unfit | None]]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"{path}: byte {error.start + 1} is not UTF-8. Save it as “CSV UTF-8”, or as .xlsx.") from None
    first = text.split("\n", 1)[0]
    separator = max(";,\t", key=first.count)
    # a cell may be longer than csv allows by itself: it is told with its row. The limit is the process's, and never made smaller
    csv.field_size_limit(max(len(text), csv.field_size_limit()))
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for row in rows:
            yield [(cell, None) for cell in row]
    except csv.Error as error:
        raise Unreadable(f"{path}: line {rows.line_num}: not CSV ({error}).") from None


def _of_workbook(path: Path, data: bytes, bounds: Bounds) -> Iterator[tuple[str, Iterator[Row]]]:
    try:
        import defusedxml  # noqa: F401, PLC0415 - only who imports tables needs it; openpyxl goes by it where it is there
        from openpyxl import load_workbook  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ProvinceError(f"reading .xlsx needs {error.name}: install gate-scanner[province], or save as CSV UTF-8.") from None
    _check_unpacked(path, data, bounds)
    try:
        with closing(load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)) as book:
            for sheet in book.worksheets:
                # a sheet may lie about its size, or not say it
                sheet.reset_dimensions()
                yield sheet.title, _rows(path, sheet.title, _of_sheet(path, sheet.iter_rows(max_col=bounds.columns)), bounds)
    except ProvinceError:
        raise
    except Exception as error:  # noqa: BLE001 - openpyxl raises anything on a file that is none
        raise _not_xlsx(path, error) from None


def _of_sheet(path: Path, rows: Iterator[Any]) -> Iterator[list[tuple[str, Unfit | None]]]:
    while True:
        try:
            with warnings.catch_warnings(action="ignore"):  # a date beyond the calendar: it comes as an error, and is told as one
                row = next(rows, None)
        except Exception as error:  # noqa: BLE001 - as above
            raise _not_xlsx(path, error) from None
        if row is None:
            return
        yield [_cell(cell.value, cell.data_type) for cell in row]


def _not_xlsx(path: Path, error: Exception) -> Unreadable:
    return Unreadable(f"{path}: not an XLSX file that can be read ({type(error).__name__}). Open it and save it anew.")


def _check_unpacked(path: Path, data: bytes, bounds: Bounds) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            parts = packed.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        raise Unreadable(f"{path}: not an XLSX file. Open it and save it anew.") from None
    unpacked = sum(part.file_size for part in parts)
    if len(parts) > _MOST_PARTS or unpacked > bounds.unpacked:
        raise Unreadable(f"{path}: unpacks to {unpacked >> 20} MB in {len(parts)} parts; {bounds.unpacked >> 20} MB at most. Divide it.")


def _cell(value: Any, kind: str) -> tuple[str, Unfit | None]:
    """A cell as somebody would type it, and why not."""
    if kind == "e":
        return str(value), _fault(str(value))
    if isinstance(value, bool):
        text = str(value).upper()
        return text, Unfit("is a yes or no of the spreadsheet: type it as text", text)
    return _text(value), None


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case date():
            return value.isoformat()
        case float() if value.is_integer():
            return str(int(value))
    return str(value)
