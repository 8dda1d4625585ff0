"""Reads the registry's tables: which sheet has which of our columns, and its rows by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from province.base.tables import Bounds, Row, Unfit, Unreadable, tables
from province.registry.columns import COLUMNS, HELP_TITLE, Column, Sheet, column_named, sheet_named, sheet_with

BOUNDS = Bounds(bytes=64 * 2**20, unpacked=256 * 2**20, rows=200_000, columns=60)


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a sheet.

    Attributes:
        sheet: of which.
        row: its number as spreadsheets count.
        cells: what stands in it, by column; empty cells are not there.
        columns: which the sheet has.
        unfit: columns whose cell says nothing, and why; not in `cells`.
    """

    sheet: Sheet
    row: int
    cells: dict[str, str]
    columns: frozenset[str]
    unfit: Mapping[str, Unfit] = field(default_factory=dict)


def lines(path: Path, sheet: Sheet | None = None) -> Iterator[Line]:
    """All rows of all sheets, in the file's order, without empty ones.

    Args:
        path: a .csv or .xlsx file.
        sheet: which one a .csv has; None goes by its headings.

    Raises:
        NotAProvince: no such file, or of another kind.
        Unreadable: it cannot be read, is beyond the bounds, or has other columns.
    """
    is_book = path.suffix.lower() != ".csv"
    for title, rows in tables(path, BOUNDS):
        if is_book and title == HELP_TITLE:
            continue
        headings = list(next(rows, Row(1, ())).cells)
        while headings and not headings[-1]:
            headings.pop()
        if not headings:
            continue
        which = (sheet_named(title) if is_book else sheet) or sheet_with(headings)
        if which is None:
            names = ", ".join(map(str, Sheet))
            raise Unreadable(
                f"{path}: sheet {title!r}: none of {names}; give it that name, or such headings. See gate-province registry template."
            )
        yield from _lines(path, which, headings, rows)


def _lines(path: Path, sheet: Sheet, headings: list[str], rows: Iterator[Row]) -> Iterator[Line]:
    columns = _columns(path, sheet, headings)
    there = frozenset(column.field for column in columns)
    for row in rows:
        unfit = {columns[at].field: why for at, why in row.unfit.items() if at < len(columns)}
        cells = {column.field: cell for column, cell in zip(columns, row.cells, strict=False) if cell and column.field not in unfit}
        if cells or unfit:
            yield Line(sheet, row.number, cells, there, unfit)


def _columns(path: Path, sheet: Sheet, headings: list[str]) -> list[Column]:
    found = [column_named(sheet, heading) for heading in headings]
    allowed = ", ".join(f"{column.field} ({column.heading})" for column in COLUMNS[sheet])
    strange = [heading for heading, column in zip(headings, found, strict=True) if column is None]
    missing = [column.field for column in COLUMNS[sheet] if column.needed and column not in found]
    columns = [column for column in found if column is not None]
    twice = {column.field for column in columns if columns.count(column) > 1}
    wrong = [
        *(f"column {heading[:50]!r} is not known" for heading in strange),
        *(f"column {field} is missing" for field in missing),
        *(f"column {field} is there twice" for field in sorted(twice)),
    ]
    if wrong:
        raise Unreadable(f"{path}: sheet {sheet}: {'; '.join(wrong)}. Columns: {allowed}.")
    return columns
