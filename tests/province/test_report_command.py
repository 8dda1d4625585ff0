"""`gate-province report`: files, silent places, figures read from tables, counts compared; every mistake is told."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from old_province import here
from province_world import founded
from reports_world import DAY, lao_cai

from province.base.errors import NotAProvince
from province.base.layout import Layout
from province.reports import figure_sheet
from province.reports.figures import About, Figure
from province.store import database
from province.store.report_tables import day_count

KNOWN = {
    About.UNIT: {"coc-leu": "Phường Cốc Lếu", "kim-tan": "Phường Kim Tân", "a": "Xã Trùng", "b": "Xã Trùng"},
    About.ORGANISATION: {"so-tttt": "Sở Thông tin và Truyền thông"},
    About.SITE: {},
}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = founded(tmp_path / "province")
    lao_cai().put(made)
    return made


def test_every_form_and_the_roll_up_are_written(layout: Layout, tmp_path: Path) -> None:
    ran = here("report", "daily", layout.root, "--day", DAY, "--out", tmp_path / "out", "--format", "xlsx")
    assert ran.returncode == 0, ran.stderr
    names = ["bao-cao-tong-hop", "phu-luc-1-so-tttt", "phu-luc-2-so-gddt", "phu-luc-3-ubnd-tp"]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [f"{name}-{DAY}.xlsx" for name in names]


@pytest.mark.parametrize(
    "words,said",
    [
        (("daily", "--org", "nha-hang"), "reports on no form"), (("daily", "--day", "2999-01-01"), "is not over yet"),
        (("daily", "--kept", "--org", "so-tttt"), "is kept"), (("weekly", "--kept"), "is kept"),
    ],
)  # fmt: skip
def test_what_cannot_be_reported_is_said(layout: Layout, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    action, *more = words
    ran = here("report", action, layout.root, *more, "--out", tmp_path / "out")
    assert (ran.returncode, said in ran.stderr) == (2, True), ran.stderr
    assert not (tmp_path / "out").exists()


def test_who_signs_is_asked_and_stands_in_the_file_alone(layout: Layout, tmp_path: Path) -> None:
    out = tmp_path / "out"
    whose = "--day", DAY, "--org", "so-tttt", "--preparer", "-", "--phone", "-"
    asked = here("report", "daily", layout.root, *whose, "--out", out, "--format", "xlsx", typed="Nguyễn Văn Mẫu\n0900000000\n")
    assert asked.returncode == 0, asked.stderr
    [file] = out.iterdir()
    cells = [str(cell) for sheet in openpyxl.load_workbook(file).worksheets for row in sheet.iter_rows(values_only=True) for cell in row]
    assert any("Nguyễn Văn Mẫu" in cell for cell in cells)
    assert file.stat().st_mode & 0o077 == 0


def test_silent_places_are_listed(layout: Layout) -> None:
    ran = here("report", "silent", layout.root, "--day", "2021-09-01", "--json")
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert {one["last"] for one in found} == {None}
    assert {"site": "s-nh", "org": "nha-hang", "unit": "coc-leu", "last": None} in found
    assert len(found) == 11  # the one that closed later was open then
    assert here("report", "silent", layout.root, "--day", DAY, "--json").stdout == ""


def test_wrong_counts_are_told_and_put_right(layout: Layout) -> None:
    assert here("report", "recount", layout.root, "--since", "2021-09-01").returncode == 0
    with closing(database.connect(layout.register)) as connection:
        connection.execute(day_count.update().where(day_count.c.site == "Chợ Cốc Lếu", day_count.c.day == DAY.isoformat()).values(outs=777))
    told = here("report", "recount", layout.root, "--since", "2021-09-01")
    assert (told.returncode, f"{DAY} cho-coc-leu Chợ Cốc Lếu: kept" in told.stdout) == (1, True)
    assert here("report", "recount", layout.root, "--since", "2021-09-01", "--repair").returncode == 0
    assert here("report", "recount", layout.root, "--since", "2021-09-01").returncode == 0


def test_figures_are_told_shown_and_taken_back(layout: Layout) -> None:
    told = here("report", "figures", layout.root, "--unit", "ta-phoi", "--figure", "population", "--value", "6120", "--since", DAY)
    assert told.returncode == 0, told.stderr
    assert (
        '{"about": "unit", "id": "ta-phoi", "figure": "population", "value": 6120}'
        in here("report", "figures", layout.root, "--json").stdout
    )
    assert here("report", "figures", layout.root, "--unit", "ta-phoi", "--figure", "population", "--since", DAY).returncode == 0
    assert "ta-phoi" not in here("report", "figures", layout.root).stdout
    for words in (("--unit", "nowhere"), ("--unit", "ta-phoi", "--site", "s-so"), ("--organisation", "so-tttt")):
        assert here("report", "figures", layout.root, *words, "--figure", "population", "--value", "1").returncode == 2
    assert here("report", "figures", layout.root, "--value", "1").returncode == 2


def test_more_people_with_the_app_than_people_are_refused(layout: Layout) -> None:
    told = here("report", "figures", layout.root, "--unit", "coc-leu", "--figure", "app-installs", "--value", "99999", "--since", DAY)
    assert (told.returncode, "unit coc-leu: more people with the app" in told.stderr) == (2, True)


def test_a_form_that_was_filled_in_is_read_by_its_own_headings(layout: Layout, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert here("report", "daily", layout.root, "--day", DAY, "--org", "ubnd-tp", "--out", out, "--format", "xlsx").returncode == 0
    [file] = out.iterdir()
    book = openpyxl.load_workbook(file)
    sheet = book.worksheets[0]
    for row in sheet.iter_rows():
        if row[1].value == "Xã Tả Phời":
            row[2].value, row[3].value = 6120, 2999
    book.save(file)
    ran = here("report", "figures", layout.root, "--import", file, "--since", DAY)
    assert (ran.returncode, "Kept 5 figures" in ran.stdout) == (0, True), ran.stderr
    assert here("report", "daily", layout.root, "--day", DAY, "--org", "ubnd-tp", "--out", out, "--format", "xlsx").returncode == 0
    rows = [[cell.value for cell in row] for row in openpyxl.load_workbook(file).worksheets[0].iter_rows()]
    assert [3, "Xã Tả Phời", 6120, 2999, 0] in rows
    assert [None, "Tổng", 40170, 9839] in [row[:4] for row in rows]


def test_every_wrong_cell_is_told_and_nothing_kept(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("unit;population;officials\ncoc-leu;14.250;3\nnơi nào;5;\nXã Trùng;5;\na;-1;\nkim-tan;năm;\n;7;\n", "utf-8-sig")
    with pytest.raises(NotAProvince) as raised:
        figure_sheet.read(file, KNOWN)
    told = str(raised.value).splitlines()[1:]
    assert [line.partition(":")[0] for line in told] == ["row 2", "row 3", "row 4", "row 5", "row 6"]
    assert "officials: is not told of a unit" in told[0]
    assert "more than one; give its id" in told[2]


def test_a_table_may_be_of_any_language_and_form(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("STT,Xã, phường, thị trấn\n" + 'STT,"Xã, phường, thị trấn",Dân số\n1,phường  CỐC LẾU,"14,250"\n,Tổng,14250\n', "utf-8")
    assert figure_sheet.read(file, KNOWN) == [(About.UNIT, "coc-leu", Figure.POPULATION, 14_250)]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)), st.sampled_from([".csv", ".xlsx"]))
def test_whatever_is_in_a_file_it_is_read_or_refused(tmp_path: Path, data: bytes, suffix: str) -> None:
    file = tmp_path / f"f{suffix}"
    file.write_bytes(b"unit,population\n" + data if suffix == ".csv" else data)
    try:
        found = figure_sheet.read(file, KNOWN)
    except NotAProvince:
        found = []
    assert all(one[1] in KNOWN[one[0]] for one in found)
