"""Tables from outside: whatever reads them, a cell that says nothing is told with its row and column, and no file breaks the reader."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from province.base.errors import NotAProvince
from province.base.tables import Bounds, Row, Unreadable, tables
from province.registry import sheets
from province.registry.columns import Sheet
from province.registry.drafts import Cells
from province.reports import figure_sheet
from province.reports.figures import About

BOUNDS = Bounds(bytes=2**20, unpacked=2**20, rows=4, columns=3)
KNOWN = {About.UNIT: {"coc-leu": "Phường Cốc Lếu"}, About.ORGANISATION: {}, About.SITE: {}}


def read(path: Path, bounds: Bounds = BOUNDS) -> list[Row]:
    return [row for _title, rows in tables(path, bounds) for row in rows]


@pytest.fixture
def workbook(tmp_path: Path) -> Callable[[list[list[object]]], Path]:
    def workbook(rows: list[list[object]]) -> Path:
        book = Workbook()
        page = book.active
        assert page is not None
        for row in rows:
            page.append(row)
        book.save(tmp_path / "table.xlsx")
        return tmp_path / "table.xlsx"

    return workbook


def with_cell(workbook: Path, before: str, cell: str) -> Path:
    """The same with a cell as only a spreadsheet writes it."""
    with zipfile.ZipFile(workbook) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"].decode()
    assert before in sheet
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        for name, content in {**parts, "xl/worksheets/sheet1.xml": sheet.replace(before, cell).encode()}.items():
            packed.writestr(name, content)
    workbook.write_bytes(made.getvalue())
    return workbook


@pytest.mark.parametrize("cell,value,said", [
    ('<c r="C2" t="e"><f>B9+1</f><v>#REF!</v></c>', "#REF!", "error of the spreadsheet"),
    ('<c r="C2" t="e"><v>#XYZ!</v></c>', "#XYZ!", "error of the spreadsheet"),
    ('<c r="C2" t="str"><f>A1</f><v>#N/A</v></c>', "#N/A", "error of the spreadsheet"),
    ('<c r="C2" t="b"><v>1</v></c>', "TRUE", "type it as text"),
    ('<c r="C2" t="b"><v>0</v></c>', "FALSE", "type it as text"),
])  # fmt: skip
def test_an_error_or_a_truth_of_a_spreadsheet_is_refused_with_its_row_and_column(
    workbook: Callable[[list[list[object]]], Path], cell: str, value: str, said: str
) -> None:
    units = with_cell(workbook([["id", "level", "name"], ["10", "province", 4711]]), '<c r="C2" t="n"><v>4711</v></c>', cell)
    [line] = sheets.lines(units)
    [wrong] = Cells(line).wrongs
    assert (wrong.sheet, wrong.row, wrong.column, wrong.value, said in wrong.said) == (Sheet.UNITS, 2, "name", value, True)
    made = workbook([["unit", "note", "population"], ["coc-leu", None, 4711]])
    with pytest.raises(NotAProvince, match=rf"row 2: population '{value}': .*{said}"):
        figure_sheet.read(with_cell(made, '<c r="C2" t="n"><v>4711</v></c>', cell), KNOWN)


def test_an_error_where_nobody_reads_is_nobodys_business(workbook: Callable[[list[list[object]]], Path]) -> None:
    made = workbook([["unit", "population", "note"], ["coc-leu", 5, 4711]])
    found = figure_sheet.read(with_cell(made, '<c r="C2" t="n"><v>4711</v></c>', '<c r="C2" t="e"><v>#REF!</v></c>'), KNOWN)
    assert [value for *_, value in found] == [5]


def test_an_error_in_a_csv_is_one_too(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("unit;population\ncoc-leu;#ref!\n", "utf-8")
    with pytest.raises(NotAProvince, match="row 2: population '#ref!'"):
        figure_sheet.read(file, KNOWN)


def test_a_date_that_no_calendar_has_is_an_error(workbook: Callable[[list[list[object]]], Path]) -> None:
    from datetime import datetime  # noqa: PLC0415, DTZ - a spreadsheet's dates have no zone

    made = workbook([["a"], [datetime(2021, 10, 5)]])  # noqa: DTZ001
    [_, row] = read(with_cell(made, "<v>44474</v>", "<v>4447400000</v>"))
    assert row.unfit[0].value == "#VALUE!"


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_each_bound_is_of_both_kinds(workbook: Callable[[list[list[object]]], Path], tmp_path: Path, suffix: str) -> None:
    def table(rows: list[list[object]]) -> Path:
        if suffix == ".xlsx":
            return workbook(rows)
        (tmp_path / "t.csv").write_text("".join(";".join(map(str, row)) + "\n" for row in rows), "utf-8")
        return tmp_path / "t.csv"

    wide, long = read(table([["1", "2", "3", "4"], ["x" * 1000, "x" * 1001]]))
    assert (wide.cells, [*long.unfit], "1000 characters" in long.unfit[1].said) == (("1", "2", "3"), [1], True)
    assert [row.number for row in read(table([["a"], [""], ["b"], [""], ["c"], ["d"]]))] == [1, 3, 5, 6]
    with pytest.raises(Unreadable, match="more than 4 rows"):
        read(table([["a"]] * 5))
    with pytest.raises(Unreadable, match=r"more than 0 MB|unpacks to"):
        read(table([["a"]]), Bounds(bytes=1, unpacked=2**20, rows=1, columns=1))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["<row", "<c ", 't="n"', "<v>", "</sheetData>", 'r="A1"', "1"]), st.text("<>/=\"'&;#!x0", max_size=9))
def test_no_sheet_breaks_the_reader(workbook: Callable[[list[list[object]]], Path], part: str, instead: str) -> None:
    file = with_cell(workbook([[1, 2]]), part, instead)
    try:
        assert all(row.cells for row in read(file))
    except NotAProvince as error:
        assert "table.xlsx" in str(error)  # noqa: PT017 - both ways are right
