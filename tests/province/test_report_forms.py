"""Phụ lục 1, 2 and 3: every heading as issued, every cell as counted one by one, in the document and in the spreadsheet."""

from __future__ import annotations

import io
import shutil
import subprocess
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import docx
import openpyxl
import pytest
from docx.table import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from province_world import founded
from reports_by_hand import ByHand, Row
from reports_world import DAY, MADE_MS, Province, lao_cai, midnight_ms, place, some_passages

from province.base.layout import Layout
from province.registry.categories import Category
from province.registry.organisations import Organisation, Sector
from province.registry.units import Level, Unit
from province.reports import as_docx, as_xlsx, coverage, form, making, rollup
from province.reports.figures import About, Figure, Told
from province.reports.form import Document, Preparer
from province.store import database

HEAD = "Báo cáo nhanh tiến độ triển khai khai báo y tế điện tử bằng QR code"
NOTES_1_AND_2 = [
    "- Tên cơ quan và các đơn vị trực thuộc: Ghi tên đơn vị theo vị trí trụ sở làm việc",
    "- Đã đăng ký: đánh dấu X đối với các đơn vị đã đăng ký, để trống nếu chưa đăng ký.",
    "- Số cán bộ cài đã cài đặt Bluezone: Số liệu thực tế tại từng đơn vị",
    "- Tổng số đã khai báo: dữ liệu lấy từ phần quản lý tại tokhaiyte.vn",
]
COLUMNS_1_AND_2 = [
    "STT", "Tên cơ quan và các đơn vị trực thuộc", "Đã đăng ký điểm kiểm dịch", "Số người đã cài đặt Bluezone", "Tổng số đã khai báo",
]  # fmt: skip
STATE = "Số liệu tính đến 24h00 ngày 04/10/2021, lấy lúc 09h15 ngày 05/10/2021. Lượt gửi về sau lúc đó được tính trong báo cáo lập sau."
AS_ISSUED = {
    "so-tttt": [
        "PHỤ LỤC 1", "(Áp dụng cho các sở, ban, ngành)", HEAD, "Thời điểm báo cáo 11h00 ngày 05/10/2021",
        "Kính gửi: Sở Thông tin và Truyền thông", COLUMNS_1_AND_2, "Người lập biểu:", "Số điện thoại:", "Ghi chú:", *NOTES_1_AND_2, STATE,
    ],
    "so-gddt": [
        "PHỤ LỤC 2",
        "(Áp dụng cho các sở, ban, ngành: Y tế; Giáo dục và Đào tạo; Giao thông, Vận tải, Xây dựng; Ban quản lý khu kinh tế)", HEAD,
        "Thời điểm báo cáo 11h00 ngày 05/10/2021", "Kính gửi: Sở Thông tin và Truyền thông", COLUMNS_1_AND_2, "Người lập biểu:",
        "Số điện thoại:", "Ghi chú:", *NOTES_1_AND_2, STATE,
    ],
    "ubnd-tp": [
        "PHỤ LỤC 3", "(Áp dụng cho UBND các huyện, thành phố, thị xã)", HEAD, "Thời điểm báo cáo 11h00 ngày 05/10/2021",
        "Kính gửi: Sở Thông tin và Truyền thông", "Biểu 1: Số liệu triển khai đăng ký điểm kiểm dịch",
        ["STT", "Tên cơ quan", "Đã đăng ký điểm kiểm dịch", "Số người đã cài đặt Bluezone", "Tổng số đã khai báo bằng QR code"],
        "Các cơ sở dịch vụ, địa điểm công cộng khác đã đăng ký: 1 điểm", "Ghi chú:",
        "- Tên cơ quan: Ghi tên cơ quan và các đơn vị trực thuộc",
        "- Đã đăng ký điểm kiểm dịch: Đã đăng ký đánh dấu X, chưa đăng ký để trống.",
        "- Số người cài đặt Bluezone: Số liệu tổng hợp thực tế", "- Tổng số đã khai báo bằng QR code: tổng hợp từ tokhaiyte.vn",
        (
            "- Các cơ sở dịch vụ, điểm công cộng khác: Tổng số các cơ sở đã đăng ký bao gồm các cơ sở dịch vụ ăn, uống tại chỗ, cơ sở"
            " lưu trú, các điểm dịch vụ vui chơi, giải trí...."
        ),
        "Biểu 2: Số liệu triển khai cài đặt Bluezone",
        ["STT", "Xã, phường, thị trấn", "Dân số", "Số người cài đặt Bluezone", "Tổng số đã khai báo y tế"],
        "Người lập biểu:", "Số điện thoại:", "Ghi chú:", "- Xã, phường, thị trấn: Ghi tên xã, phường, thị trấn",
        "- Dân số: dân số hiện có của xã, phường, thị trấn.", "- Số người cài đặt Bluezone: Số liệu tổng hợp thực tế",
        "- Tổng số đã khai báo: Số liệu tổng hợp thực tế", STATE,
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return founded(tmp_path_factory.mktemp("forms") / "province")


def forms(layout: Layout) -> dict[str, Document]:
    with closing(database.connect(layout.register)) as connection:
        known = making.survey(connection, DAY, MADE_MS)
    return {one.id: making.of_organisation(known, one.id) for one in making.reporting(known)}


def of_docx(data: bytes) -> list[Any]:
    """Its paragraphs and tables in order, empty ones left out."""
    found: list[Any] = []
    for block in docx.Document(io.BytesIO(data)).iter_inner_content():
        if isinstance(block, Table):
            found.append([[cell.text for cell in row.cells] for row in block.rows])
        elif block.text:
            found.append(block.text)
    return found


def of_xlsx(data: bytes) -> list[Any]:
    """The same of a spreadsheet: a line merged over all columns is a paragraph."""
    sheet = openpyxl.load_workbook(io.BytesIO(data)).active
    assert sheet is not None
    merged = {one.min_row for one in sheet.merged_cells.ranges}
    found: list[Any] = []
    last = 0
    for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
        if number in merged:
            found.append(row[0])
        elif any(cell is not None for cell in row):
            if not (found and isinstance(found[-1], list) and number == last + 1):
                found.append([])
            found[-1].append(list(row))
        last = number
    return found


def as_typed(table: list[list[str]]) -> list[Row]:
    """A table of a document without its head, numbers as numbers."""
    return [tuple(_typed(cell, column) for column, cell in enumerate(row)) for row in table[1:]]


def _typed(cell: str, column: int) -> object:
    digits = cell.replace(".", "")
    if column != 1 and digits.isdigit():
        return int(digits)
    return cell if column < 3 or cell else None


def as_wanted(rows: list[Row]) -> list[Row]:
    """Rows by hand as a document can show them: what is not known is empty."""
    return [tuple(cell if column >= 3 or cell is not None else "" for column, cell in enumerate(row)) for row in rows]


def as_cells(rows: list[Row]) -> list[list[object]]:
    return [[None if cell == "" else cell for cell in row] for row in rows]


def check(organisation: Organisation, document: Document, by_hand: ByHand) -> None:
    match organisation.sector:
        case Sector.DEPARTMENT:
            wanted = [by_hand.first(organisation)]
        case Sector.MONITORING:
            wanted = [by_hand.second(organisation)]
        case _:
            first, others, second = by_hand.third(organisation)
            wanted = [first, second]
            assert f"khác đã đăng ký: {others} điểm" in " ".join(
                one for one in of_docx(as_docx.write(document, MADE_MS)) if isinstance(one, str)
            )
    in_docx = [one for one in of_docx(as_docx.write(document, MADE_MS)) if isinstance(one, list)]
    assert [as_typed(table) for table in in_docx] == [as_wanted(rows) for rows in wanted]
    in_xlsx = [one[1:] for one in of_xlsx(as_xlsx.write(document, MADE_MS)) if isinstance(one, list)]
    assert in_xlsx == [as_cells(rows) for rows in wanted]


@pytest.mark.parametrize("organisation", sorted(AS_ISSUED))
def test_every_heading_and_note_is_as_issued(layout: Layout, organisation: str) -> None:
    lao_cai().put(layout)
    document = forms(layout)[organisation]
    for found in (of_docx(as_docx.write(document, MADE_MS)), of_xlsx(as_xlsx.write(document, MADE_MS))):
        assert [one if isinstance(one, str) else one[0] for one in found] == AS_ISSUED[organisation]


def test_every_cell_of_a_known_province_is_as_counted_by_hand(layout: Layout) -> None:
    province = lao_cai()
    province.put(layout)
    found = forms(layout)
    reporting = [one for one in province.organisations if one.sector is not Sector.OTHER]
    assert {one.id for one in reporting} == found.keys() == AS_ISSUED.keys()
    for one in reporting:
        check(one, found[one.id], ByHand(province))


@st.composite
def provinces(draw: st.DrawFn) -> Province:
    """Anything that a registry may hold: places of all kinds, closed, over, not yet registered, in no commune, watched by others."""
    chance = Random(draw(st.integers(0, 2**32)))
    made = Province([Unit("tinh", Level.PROVINCE, "Tỉnh")])
    for district in range(draw(st.integers(1, 2))):
        made.units.append(Unit(f"h{district}", Level.DISTRICT, f"Huyện {district}", "tinh"))
        made.units += [
            Unit(f"h{district}x{number}", Level.COMMUNE, chance.choice(("Xã ", "Phường ")) + f"{number}", f"h{district}")
            for number in range(draw(st.integers(0, 3)))
        ]
        made.organisations.append(Organisation(f"ubnd-{district}", f"UBND huyện {district}", f"h{district}", sector=Sector.DISTRICT))
    made.organisations += [Organisation("so", "Sở A", sector=Sector.DEPARTMENT), Organisation("gd", "Sở B", sector=Sector.MONITORING)]
    communes = [one.id for one in made.units if one.level is Level.COMMUNE]
    for number in range(draw(st.integers(0, 8))):
        parent = chance.choice([None, *(one.id for one in made.organisations)])
        name = chance.choice(("Phòng", "UBND", "Trung tâm", "Đội")) + f" {number}"
        made.organisations.append(Organisation(f"o{number}", name, chance.choice([None, *communes]), parent))
    kinds = (Category.COMMUNE_OFFICE, Category.AGENCY, Category.MARKET, Category.HOUSING, Category.SCHOOL, Category.RESTAURANT)
    around = (midnight_ms(DAY), midnight_ms(DAY) + 86_400_000 - 1, midnight_ms(DAY) + 86_400_000)
    for number in range(draw(st.integers(0, 12))):
        one = place(
            f"s{number}", chance.choice(made.organisations).id, f"=Điểm {number}", chance.choice(kinds), chance.choice([None, *communes]),
            monitored_by=chance.choice([None, None, "gd"]), closed_ms=chance.choice([None, None, None, *around]),
        )  # fmt: skip
        made.sites.append(replace(one, registered_ms=chance.choice((1, 1, 1, *around))))
    if made.sites:
        made.passed = some_passages(made.sites, draw(st.integers(0, 60)), chance)
    subjects = [(About.UNIT, one, Figure.POPULATION) for one in communes] + [(About.UNIT, one, Figure.APP_INSTALLS) for one in communes]
    subjects += [(About.ORGANISATION, one.id, Figure.APP_INSTALLS) for one in made.organisations]
    subjects += [(About.SITE, one.id, Figure.APP_INSTALLS) for one in made.sites]
    for about, subject, figure in chance.sample(subjects, len(subjects) // 2):
        day = DAY + timedelta(days=chance.choice((-9, 0, 1)))
        made.told.append(Told(about, subject, figure, day, chance.choice((0, 7, 1234, None)), len(made.told), "u"))
    return made


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(provinces())
def test_every_cell_of_any_province_is_as_counted_by_hand(layout: Layout, province: Province) -> None:
    province.put(layout)
    found, by_hand = forms(layout), ByHand(province)
    for one in province.organisations:
        if one.sector is not Sector.OTHER:
            check(one, found[one.id], by_hand)
            assert form.unpack(form.pack(found[one.id])) == found[one.id]


def test_who_signs_is_written_where_the_form_asks_and_kept_nowhere(layout: Layout) -> None:
    lao_cai().put(layout)
    document = forms(layout)["so-tttt"]
    signed = Preparer("Nguyễn Văn Ẩn", "0101234567")
    for found in (of_docx(as_docx.write(document, MADE_MS, signed)), of_xlsx(as_xlsx.write(document, MADE_MS, signed))):
        assert {"Người lập biểu: Nguyễn Văn Ẩn", "Số điện thoại: 0101234567"} <= {one for one in found if isinstance(one, str)}
    assert "Ẩn" not in repr(signed)
    assert all("0101234567" not in one.whole for one in document.blocks if not hasattr(one, "lines"))


def test_the_roll_up_says_first_where_nobody_passed(layout: Layout) -> None:
    province = lao_cai()
    silent = place("s-im", "nha-hang", "Quán vắng", Category.RESTAURANT, "kim-tan")
    province.sites.append(silent)
    province.put(layout)
    with closing(database.connect(layout.register)) as connection:
        known = making.survey(connection, DAY, MADE_MS)
        week = making.of_week(connection, DAY, MADE_MS)
    assert known.silent[0] == silent
    found = of_docx(as_docx.write(rollup.daily(known), MADE_MS))
    tables = [one for one in found if isinstance(one, list)]
    hand = ByHand(province)
    standing = [one for one in province.sites if hand.open(one)]
    today = {(one.org, one.site) for one in province.passed if one.day == DAY and one.status == "registered"}
    assert tables[0][1] == [
        "Điểm đã đăng ký nhưng không có người quét mã trong ngày",
        str(sum((s.org, s.name) not in today for s in standing)),
    ]
    assert tables[0][3] == ["Điểm đã đăng ký", str(len(standing))]
    assert tables[4][1][1:] == ["Quán vắng", "Nhà hàng, quán ăn, quán cà phê", "Phường Kim Tân", "chưa từng"]
    by_day = next(one for one in of_docx(as_docx.write(week, MADE_MS)) if isinstance(one, list))
    registered = {(one.org, one.name) for one in province.sites}
    for number, row in enumerate(by_day[1:8]):
        day = DAY - timedelta(days=6 - number)
        there = [one for one in province.passed if one.day == day and one.status == "registered" and (one.org, one.site) in registered]
        paper = sum(one.method == "paper" and one.direction == "in" for one in there)
        inside = sum(one.direction == "in" for one in there)
        shown = [f"{count}" for count in (inside - paper, paper, inside, len(there) - inside)]
        assert row == [str(number + 1), f"{day:%d/%m/%Y}", *shown]


def test_in_a_spreadsheet_the_roll_up_is_as_wide_as_its_words_and_its_numbers_are_numbers(layout: Layout) -> None:
    lao_cai().put(layout)
    with closing(database.connect(layout.register)) as connection:
        known = making.survey(connection, DAY, MADE_MS)
    document, part = rollup.daily(known), coverage.whole(known).scanning
    sheet = openpyxl.load_workbook(io.BytesIO(as_xlsx.write(document, MADE_MS))).worksheets[0]
    wide = {one.min_row: one for one in sheet.merged_cells.ranges if one.min_col == 1}
    cells = {row[0].value: row for row in sheet.iter_rows()}
    [share] = [row for words, row in cells.items() if words == "Tỷ lệ điểm có người quét"]
    over = wide[share[0].row]
    assert sum(sheet.column_dimensions[openpyxl.utils.get_column_letter(one)].width for one in range(1, over.max_col + 1)) > 60
    value = share[over.max_col]
    assert value.value == pytest.approx((part.percent or 0) / 100)
    assert (value.data_type, value.number_format, value.alignment.horizontal) == ("n", "0.0%", "right")
    counted = cells["Điểm đã đăng ký"][over.max_col]
    assert (type(counted.value), counted.alignment.horizontal) == (int, "right")


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed here (Debian: libreoffice-writer-nogui)")
def test_a_document_opens_in_an_office_and_keeps_its_words(layout: Layout, tmp_path: Path) -> None:
    lao_cai().put(layout)
    file = tmp_path / "form.docx"
    file.write_bytes(as_docx.write(forms(layout)["ubnd-tp"], MADE_MS))
    words = ["soffice", f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}", "--headless", "--convert-to", "txt:Text (encoded):UTF8"]
    subprocess.run([*words, "--outdir", str(tmp_path), str(file)], check=True, capture_output=True, timeout=120)
    text = (tmp_path / "form.txt").read_text("utf-8-sig")
    assert all(one in text for one in AS_ISSUED["ubnd-tp"] if isinstance(one, str))
