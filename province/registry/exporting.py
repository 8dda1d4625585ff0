"""Writes the registry as tables that `importing` takes back, and empty ones to fill in: XLSX with every sheet, or CSV with one."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from edge_agent.wire.keyring import VIETNAM
from province.base.errors import ProvinceError
from province.registry import categories, organisations, sites, units
from province.registry.categories import Category
from province.registry.columns import COLUMNS, GATES_APART, HELP_TITLE, TITLES, Sheet
from province.registry.organisations import Sector
from province.registry.units import Level
from province.store.opened import Connection

_FORMULA = ("=", "+", "-", "@")
Row = Sequence[str | None]


def rows_of(connection: Connection, sheet: Sheet) -> Iterator[Row]:
    """What the registry has for a sheet, without what is closed, in the order of its columns."""
    found: Iterable[object] = ()  # each gate stands with its site
    if sheet is Sheet.UNITS:
        found = (one for one in units.every(connection) if one.closed_ms is None)
    elif sheet is Sheet.ORGANISATIONS:
        found = (one for one in organisations.every(connection) if one.closed_ms is None)
    elif sheet is Sheet.SITES:
        found = sites.every(connection, closed=False)
    for one in found:
        yield [_cell(one, column.field) for column in COLUMNS[sheet]]


def _cell(one: object, field: str) -> str | None:
    if field == "gates":
        return f" {GATES_APART} ".join(getattr(one, field))
    if field in {"begins", "ends"}:
        at_ms = getattr(one, f"{field}_ms")
        return None if at_ms is None else f"{datetime.fromtimestamp(at_ms / 1000, VIETNAM):%Y-%m-%d %H:%M}"
    value = getattr(one, field)
    return None if value is None else str(value)


def headings(sheet: Sheet, language: str) -> list[str]:
    """The headings in `vi` or `en`."""
    return [column.heading if language == "vi" else column.field for column in COLUMNS[sheet]]


def as_csv(sheet: Sheet, rows: Iterable[Row], language: str) -> bytes:
    """One sheet as CSV: UTF-8 with a mark, semicolons, as spreadsheets in Vietnam open and save it.

    A cell that a spreadsheet would take for a formula has an apostrophe before it, which the import takes away.
    """
    made = io.StringIO(newline="")
    writer = csv.writer(made, delimiter=";")
    writer.writerow(headings(sheet, language))
    for row in rows:
        writer.writerow(f"'{cell}" if cell and cell.startswith(_FORMULA) else cell or "" for cell in row)
    return made.getvalue().encode("utf-8-sig")


def as_workbook(tables: Iterable[tuple[Sheet, Iterable[Row]]], language: str) -> bytes:
    """Sheets as XLSX, every cell as text, so that no number loses its zeros; at the end one that says what is allowed.

    Raises:
        ProvinceError: the library is not installed.
    """
    try:
        from openpyxl import Workbook  # noqa: PLC0415 - only who exports tables needs it
        from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415
        from openpyxl.styles import Font  # noqa: PLC0415

        from province.base import workbook  # noqa: PLC0415
    except ModuleNotFoundError:
        raise ProvinceError("writing .xlsx needs openpyxl: install gate-scanner[province], or write .csv.") from None
    book = Workbook(write_only=True)
    for sheet, rows in tables:
        page = book.create_sheet(TITLES[sheet] if language == "vi" else str(sheet))
        page.freeze_panes = "A2"
        for letter in "ABCDEFGHIJKL"[: len(COLUMNS[sheet])]:
            page.column_dimensions[letter].width = 24
            page.column_dimensions[letter].number_format = "@"
        workbook.hold(page)
        first = [WriteOnlyCell(page, heading) for heading in headings(sheet, language)]
        for cell in first:
            cell.font = Font(bold=True)
        page.append(first)
        for row in rows:
            cells = [WriteOnlyCell(page, value) for value in row]
            for cell, value in zip(cells, row, strict=True):
                cell.number_format = "@"
                if value is not None:
                    cell.data_type = "s"  # also of one that begins like a formula
            page.append(cells)
    page = book.create_sheet(HELP_TITLE)
    page.column_dimensions["A"].width = page.column_dimensions["B"].width = 30
    workbook.hold(page)
    for line in _help(language):
        page.append(line)
    return workbook.content(book)


def _help(language: str) -> Iterator[tuple[str, str]]:
    vi = language == "vi"
    yield ("Cấp" if vi else "level", ", ".join(Level))
    yield ("Khối" if vi else "sector", ", ".join(Sector))
    yield ("Các cổng" if vi else "gates", "Cổng 1 | Cổng 2")
    yield ("Bắt đầu, Kết thúc" if vi else "begins, ends", "2021-10-05 08:00")
    for category in Category:
        yield (("Loại" if vi else "category") + f": {category}", categories.named(category, language))
