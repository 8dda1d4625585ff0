"""Tables that come from outside: everything wrong is told with its row and column, all or nothing is taken, twice is once."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from old_province import Ran, here
from openpyxl import Workbook, load_workbook
from province_world import founded, scanner, settings

from province.base.errors import ProvinceError
from province.base.layout import Layout
from province.registry import importing, organisations, sheets, sites, units
from province.registry.columns import COLUMNS, Sheet
from province.registry.importing import Known
from province.registry.sheets import Line
from province.registry.site import Site
from province.store import database

SITES = "id;org;name;category;address;unit;gates\n"
GOOD = f"{SITES}cho-1;ban-quan-ly-cho;Chợ 1;market;1 Lê Lợi;02647;Cổng 1 | Cổng 2\nnha-2;ban-quan-ly-cho;Nhà 2;Chung cư;2 Lê Lợi;;Cửa\n"
WRONG = (
    f"{SITES}cho-1;ban-quan-ly-cho;Chợ 1;market;1 Lê Lợi;02647;Cổng 1\n"
    "Chợ;ban-quan-ly-cho;;chợ đen;2 Lê Lợi;080;Cổng 1|Cổng 1\n"
    "cho-1;ban-quan-ly-cho;Chợ 3;market;3 Lê Lợi;;Cổng\n"
    "cho-4;khong;CHO 1;market;1, Le Loi;9;Cổng\n"
    "cho-5;ban-quan-ly-cho;Chợ 1;market;5 Lê Lợi;;\n"
)


@pytest.fixture
def layout(tmp_path: Path, register_in: Callable[[Layout], Layout]) -> Layout:
    """A province as far as its registry needs one; founding it whole takes a second."""
    made = Layout(tmp_path / "province")
    made.root.mkdir()
    made.write_settings(settings())
    database.create(made.register)
    return register_in(made)


@pytest.fixture
def stood_up(layout: Layout, tmp_path: Path) -> Layout:
    """A province with what the template shows."""
    template = tmp_path / "template.xlsx"
    assert here("registry", "template", template).returncode == 0
    done = here("registry", "import", layout.root, template)
    assert (done.returncode, "8 rows, 0 of them wrong" in done.stdout) == (0, True), done.stderr
    return layout


@pytest.fixture
def take(stood_up: Layout, tmp_path: Path) -> Callable[..., Ran]:
    def take(text: str | bytes, *words: str, name: str = "table.csv") -> Ran:
        file = tmp_path / name
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return here("registry", "import", stood_up.root, file, *words)

    return take


def every(layout: Layout) -> list[Site]:
    with closing(database.connect(layout.register)) as connection:
        return sites.every(connection)


def test_the_template_is_a_province_already(stood_up: Layout) -> None:
    with closing(database.connect(stood_up.register)) as connection:
        assert [one.id for one in units.every(connection)] == ["10", "080", "02647"]
        managing = organisations.find(connection, "ban-quan-ly-cho")
        assert managing is not None
        assert managing.parent == "so-cong-thuong"
    market, bus = every(stood_up)
    assert (market.gates, market.monitored_by, bus.plate) == (("Cổng 1", "Cổng 2", "Cổng 3"), "so-cong-thuong", "24B-012.34")


@pytest.mark.parametrize(
    "change", [str, lambda text: text.replace(";", ","), lambda text: "\ufeff" + text, lambda text: text.replace("\n", "\r\n")]
)
def test_csv_is_taken_as_spreadsheets_write_it_and_taken_again_it_changes_nothing(
    stood_up: Layout, take: Callable[..., Ran], change: Callable[[str], str]
) -> None:
    done = take(change(GOOD))
    assert (done.returncode, "sites: 2 new, 0 changed" in done.stdout) == (0, True), done.stderr
    then = every(stood_up)
    found = {one.id: (str(one.category), one.unit, one.gates) for one in then}
    assert found["cho-1"] == ("market", "02647", ("Cổng 1", "Cổng 2"))
    assert found["nha-2"] == ("housing", None, ("Cửa",))
    again = take(change(GOOD))
    assert (again.returncode, "sites: 0 new, 0 changed, 2 as they were" in again.stdout) == (0, True), again.stderr
    assert every(stood_up) == then


def test_a_changed_row_changes_its_site_whose_code_stays(stood_up: Layout, take: Callable[..., Ran]) -> None:
    assert take(GOOD).returncode == 0
    [before] = [one for one in every(stood_up) if one.id == "nha-2"]
    done = take("id,org,name,category,address\nnha-2,ban-quan-ly-cho,Nhà Hai,housing,2 Lê Lợi\n")
    assert (done.returncode, "0 new, 1 changed" in done.stdout) == (0, True), done.stderr
    [after] = [one for one in every(stood_up) if one.id == "nha-2"]
    assert (after.name, after.code, after.registered_ms, after.gates) == ("Nhà Hai", before.code, before.registered_ms, before.gates)


def test_all_that_is_wrong_is_told_with_row_and_column_and_nothing_is_taken(stood_up: Layout, take: Callable[..., Ran]) -> None:
    before = every(stood_up)
    refused = take(WRONG)
    assert refused.returncode == 1
    told = [line.split("table.csv: ")[1] for line in refused.stderr.splitlines()]
    for said in (
        "sites, row 3, id 'Chợ': must be 1 to 40",
        "sites, row 3, name: is empty",
        "sites, row 3, category 'chợ đen': must be one of commune-office, agency",
        "sites, row 4, id 'cho-1': is in row 2 already",
        "sites, row 5, org 'khong': not an organisation",
        "sites, row 5, unit '9': not a unit",
        "sites, row 6, gates: at least one",
        "nothing was taken",
    ):
        assert any(line.startswith(said) or said in line for line in told), (said, told)
    assert "5 rows, 4 of them wrong" in refused.stdout
    assert every(stood_up) == before


def test_partly_takes_the_rows_that_are_right(stood_up: Layout, take: Callable[..., Ran]) -> None:
    ran = take(WRONG, "--partly")
    assert (ran.returncode, "sites: 1 new" in ran.stdout) == (1, True)
    assert [one.id for one in every(stood_up)] == ["cho-1", "cho-coc-leu", "xe-24b-01234"]
    dry = take(GOOD, "--dry-run")
    assert (dry.returncode, "Nothing was taken" in dry.stdout) == (0, True)
    assert len(every(stood_up)) == 3


def test_a_place_twice_is_noticed_within_a_file_and_against_the_registry(stood_up: Layout, take: Callable[..., Ran]) -> None:
    again = (
        f"{SITES}a;ban-quan-ly-cho;Chợ A;market;1 Lê Lợi;;C\nb;so-cong-thuong;CHO A;market;số 1, Lê Lợi;;C\n"
        "c;so-cong-thuong;Cho Coc Leu;market;Hong Ha;;C\n"
    )
    refused = take(again)
    assert "sites, row 3, name: this place is registered already: site a of ban-quan-ly-cho" in refused.stderr
    assert "sites, row 4, name: this place is registered already: site cho-coc-leu" in refused.stderr
    assert take(again, "--anyway").returncode == 0
    assert take(again).returncode == 0  # as they are in the registry by now
    assert len(every(stood_up)) == 5


def test_organisations_may_stand_in_any_order_but_in_no_circle(take: Callable[..., Ran]) -> None:
    done = take("id;name;parent;sector\ncon;Con;me;other\nme;Mẹ;;other\n")
    assert done.returncode == 0, done.stderr
    refused = take("id;name;parent;sector\nme;Mẹ;con;other\nmot;Một;hai;other\nhai;Hai;ba;other\nba;Ba;khong;other\n")
    said = [line.split("table.csv: ")[1].split(":")[0] for line in refused.stderr.splitlines()]
    assert said == [
        *(f"organisations, row {row}, parent '{parent}'" for row, parent in ((2, "con"), (3, "hai"), (4, "ba"), (5, "khong"))),
        said[-1],
    ]


def test_a_place_with_a_scanner_keeps_its_name_and_that_gate(tmp_path: Path) -> None:
    layout, file = founded(tmp_path / "province"), tmp_path / "table.csv"

    def take(gates: str, name: str = "Chợ") -> Ran:
        file.write_text(f"{SITES}cho;cho;{name};market;Huế;;{gates}\n", "utf-8")
        return here("registry", "import", layout.root, file)

    assert here("org", "add", layout.root, "--id", "cho", "--name", "Ban quản lý").returncode == 0
    assert take("Cổng|Cổng sau").returncode == 0
    scanner(layout, tmp_path, org="cho")  # at Chợ, Cổng
    refused = take("Cổng sau", "Chợ mới")
    assert "row 2, name 'Chợ mới': scanners stand there" in refused.stderr
    assert "row 2, gates: scanners stand at Cổng" in refused.stderr
    assert take("Cổng").returncode == 0


@pytest.mark.parametrize("name", ["out.xlsx", "out.csv"])
@pytest.mark.parametrize("language", ["vi", "en"])
def test_what_is_exported_is_what_is_there_and_no_formula(
    stood_up: Layout, take: Callable[..., Ran], tmp_path: Path, name: str, language: str
) -> None:
    assert take(f"{SITES}a;ban-quan-ly-cho;=1+1;wedding;+84;;-C\n".replace("wedding", "shop")).returncode == 0
    then, out = every(stood_up), tmp_path / name
    words = () if name == "out.xlsx" else ("--sheet", "sites")
    assert here("registry", "export", stood_up.root, out, *words, "--language", language).returncode == 0
    if name == "out.xlsx":
        kinds = {cell.data_type for page in load_workbook(out) for row in page for cell in row}
        assert kinds <= {"s", "n"}  # n: empty
    else:
        assert "'=1+1" in out.read_text("utf-8-sig")
    again = here("registry", "import", stood_up.root, out)
    assert (again.returncode, "sites: 0 new, 0 changed, 3 as they were" in again.stdout) == (0, True), again.stderr
    assert every(stood_up) == then


def packed(**parts: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return made.getvalue()


def workbook(change: Callable[[Workbook], object]) -> bytes:
    book, made = Workbook(), io.BytesIO()
    change(book)
    book.save(made)
    return made.getvalue()


def with_entities() -> bytes:
    """A workbook whose sheet defines a thousand million laughs."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<?xml version="1.0"?><!DOCTYPE worksheet [<!ENTITY l0 "ha">{laughs}]><worksheet>&l9;</worksheet>'
    made, whole = io.BytesIO(), zipfile.ZipFile(io.BytesIO(workbook(lambda book: book.active)))
    with whole, zipfile.ZipFile(made, "w") as file:
        for name in whole.namelist():
            file.writestr(name, bomb if name.startswith("xl/worksheets/") else whole.read(name))
    return made.getvalue()


def test_what_is_no_table_or_too_much_is_refused_in_words(take: Callable[..., Ran]) -> None:
    bomb = packed(**{"xl/worksheets/sheet1.xml": bytes(300 * 2**20)})
    assert len(bomb) < 2**20
    for data, name, said in (
        (bomb, "bomb.xlsx", "unpacks to 300 MB"),
        (with_entities(), "laughs.xlsx", "not an XLSX file that can be read"),
        (b"PK\x03\x04", "torn.xlsx", "not an XLSX file"),
        (packed(nothing=b""), "empty.xlsx", "not an XLSX file"),
        (workbook(lambda book: book.create_sheet("Khác", 0).append(["a", "b"])), "other.xlsx", "sheet 'Khác': none of units"),
        (b"\xff\xfe", "utf16.csv", "not UTF-8"),
        (b'id;name\n"a', "quote.csv", "not CSV"),
        ("id;org;name;loại;kiểu\n".encode(), "columns.csv", "none of units"),
        (b"x", "table.ods", "must be a .csv or .xlsx"),
    ):
        refused = take(data, name=name)
        assert refused.returncode in {1, 2}, (name, refused)
        assert said in refused.stderr
        assert "Traceback" not in refused.stderr
    columns = take("id;org;name;loại;kiểu;id\n", "--sheet", "sites")
    assert all(said in columns.stderr for said in ("'kiểu' is not known", "address is missing", "id is there twice"))
    long = take(f"{SITES}a;ban-quan-ly-cho;{'x' * 200_000};shop;1;;C\n")
    assert "row 2, name: must be 1000 characters at most" in long.stderr


def test_a_number_a_date_and_a_formula_in_a_workbook_are_what_they_show(stood_up: Layout, take: Callable[..., Ran]) -> None:
    from datetime import datetime  # noqa: PLC0415, DTZ - a spreadsheet's dates have no zone

    def fill(book: Workbook) -> None:
        page = book.active
        assert page is not None
        page.title = "Địa điểm"
        page.append([column.heading for column in COLUMNS[Sheet.SITES]])
        times = (datetime(2021, 10, 5, 8), datetime(2021, 10, 5, 22))  # noqa: DTZ001
        page.append([12, "ban-quan-ly-cho", 7.0, "Đám cưới", "1 Lê Lợi", None, "Cổng", None, None, *times])

    done = take(workbook(fill), name="table.xlsx")
    assert done.returncode == 0, done.stderr
    [one] = [one for one in every(stood_up) if one.id == "12"]
    assert (one.name, one.begins_ms, one.ends_ms) == ("7", 1_633_395_600_000, 1_633_446_000_000)


TEXTS = ("a", "b", "province", "commune", "shop", "vehicle", "", "×", "75B-012.34", "2021-10-05 08:00")
FIELDS = [column.field for sheet in Sheet for column in COLUMNS[sheet]]
CELLS = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(TEXTS) | st.text(max_size=5))


@given(st.lists(st.tuples(st.sampled_from(Sheet), CELLS), max_size=12))
@example([(Sheet.SITES, {"id": "a"}), (Sheet.GATES, {"site": "a", "name": "a"})])
def test_no_row_breaks_the_plan_and_each_is_taken_or_told(rows: list[tuple[Sheet, dict[str, str]]]) -> None:
    lines = []
    for number, (sheet, cells) in enumerate(rows, start=2):
        there = frozenset(column.field for column in COLUMNS[sheet])
        lines.append(Line(sheet, number, {field: cell.strip() for field, cell in cells.items() if field in there and cell.strip()}, there))
    made = importing.plan(lines, Known(), 1)
    wrong = {(each.sheet, each.row) for each in made.wrongs}
    taken = {Sheet.UNITS: len(made.units), Sheet.ORGANISATIONS: len(made.organisations), Sheet.SITES: len(made.sites)}
    for sheet, count in taken.items():
        assert count == sum(line.sheet is sheet and (sheet, line.row) not in wrong for line in lines)
    there_then = Known(*({one.id: one for one in things} for things in (made.units, made.organisations, made.sites)))  # type: ignore[arg-type]
    untaken = {line.cells.get("id") for line in lines if line.sheet is Sheet.SITES} - {one.id for one in made.sites}
    right = [line for line in lines if (line.sheet, line.row) not in wrong]
    right = [line for line in right if line.sheet is not Sheet.GATES or line.cells["site"] not in untaken]  # told with their site
    again = importing.plan(right, there_then, 2)
    assert (again.units, again.organisations, again.sites, again.wrongs) == ([], [], [], [])


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"id;name;parent;sector\n{text}".encode()))
def test_no_file_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    for name in ("any.csv", "any.xlsx"):
        file = tmp_path_factory.getbasetemp() / name
        file.write_bytes(data)
        try:
            found = list(sheets.lines(file))
        except ProvinceError as error:
            assert name in str(error)  # noqa: PT017 - both ways are right
        else:
            assert all(line.row > 1 and line.cells for line in found)
