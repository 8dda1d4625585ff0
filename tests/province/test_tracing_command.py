"""`gate-province trace` from opening to closing: what it shows, what it writes, what the audit log says; who may look at what."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
from contextlib import closing
from datetime import datetime, time, timedelta
from pathlib import Path
from unittest.mock import Mock

import pypdfium2
import pytest
from old_province import Ran, here
from openpyxl import load_workbook
from tracing_world import MINUTE_MS, hand, passed, someone

from edge_agent.wire.entry import Method
from edge_agent.wire.keyring import day_of
from province.base.clock import now_ms
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.records import audit, audit_check
from province.records.views import day_bounds_ms
from province.store import database

F0 = someone(1, phone="0912345671", birth_date="1965-02-18")
CONTACT, STRANGER = someone(2, phone="0912345672", birth_date="1965-02-18"), someone(3)
OFFICER = "ba cây xoài"


def base_ms(days: int = 3) -> int:
    return day_bounds_ms(day_of(now_ms()) - timedelta(days=days))[0]


def local_time(minute: int) -> datetime:
    """A minute of the first day as clocks there show it."""
    return datetime.combine(day_of(base_ms()), time()) + timedelta(minutes=minute)


@pytest.fixture
def lived(old_layout: Layout) -> Layout:
    """A market in one district, a temple in another; two people at the market for half an hour, one later."""
    with hand(old_layout) as write:
        write.unit("46", "province", "Tỉnh Thừa Thiên Huế")
        write.unit("474", "district", "Thành phố Huế", "46")
        write.unit("476", "district", "Huyện Phong Điền", "46")
        write.unit("19789", "commune", "Phường Đông Ba", "474")
        write.unit("19819", "commune", "Thị trấn Phong Điền", "476")
        write.site("cho", "market", "Chợ Đông Ba", unit="19789")
        write.site("chua", "worship", "Chùa Thiên Mụ", unit="19819")
        start = base_ms()
        for minute, person, way, site in (
            (480, F0, "in", "Chợ Đông Ba"), (500, CONTACT, "in", "Chợ Đông Ba"), (530, F0, "out", "Chợ Đông Ba"),
            (540, CONTACT, "out", "Chợ Đông Ba"), (600, STRANGER, "in", "Chợ Đông Ba"), (900, F0, "in", "Chùa Thiên Mụ"),
        ):  # fmt: skip
            write.put(site, start + minute * MINUTE_MS, passed(person, way))
        write.put("Chùa Thiên Mụ", start + 930 * MINUTE_MS, passed(CONTACT, "in", method=Method.PAPER))
    return old_layout


def opened(layout: Layout, *more: str) -> Ran:
    return here("trace", "open", layout.root, "--reason", "ca 2021/117", *more, typed=F0.id_number)


def actions(layout: Layout) -> list[str]:
    with closing(database.connect(layout.register)) as connection:
        assert not audit_check.verify(connection, Keystore(layout.keystore)).problems
        return [line.action for line in audit.lines(connection)]


def test_a_case_from_opening_to_closing(lived: Layout) -> None:
    assert "Case 1 is open" in opened(lived).stdout
    listed = here("trace", "list", lived.root).stdout
    assert ("0010990 ***" in listed, F0.id_number in listed) == (True, False)
    told = json.loads(here("trace", "show", lived.root, 1, "--json").stdout)
    assert [(visit["site"], visit["district"], visit["assumed"]) for visit in told["visits"]] == [
        ("Chợ Đông Ba", "Thành phố Huế", False), ("Chùa Thiên Mụ", "Huyện Phong Điền", True),
    ]  # fmt: skip
    [contact] = told["contacts"]
    assert (contact["id_number"], contact["minutes"], len(contact["encounters"])) == (CONTACT.id_number, 30 + 60, 2)
    shown = here("trace", "show", lived.root, 1).stdout
    assert (CONTACT.name in shown, STRANGER.name in shown, "no exit seen" in shown, "on paper" in shown) == (True, False, True, True)
    assert here("trace", "close", lived.root, 1).returncode == 0
    assert here("trace", "show", lived.root, 1).returncode == 2
    assert actions(lived) == ["trace-open", "trace-show", "trace-show", "trace-close"]


def test_by_phone_of_one_person_and_not_of_two(lived: Layout) -> None:
    assert here("trace", "open", lived.root, "--reason", "ca 1", typed="+84 912 345 671").returncode == 0
    assert len(json.loads(here("trace", "show", lived.root, 1, "--json").stdout)["visits"]) == 2
    with hand(lived) as write:
        next(iter(write.numbers))
        write.numbers = iter(range(100, 200))
        write.put("Chợ Đông Ba", base_ms() + 700 * MINUTE_MS, passed(someone(4, phone="0912345671"), "in"), device="cong-2")
    refused = here("trace", "show", lived.root, 1)
    assert (refused.returncode, "2 people" in refused.stderr) == (2, True)


def test_a_case_waits_where_the_province_wants_two(lived: Layout) -> None:
    (lived.root / "tracing.toml").write_text("second_officer = true\n")
    assert "waits" in opened(lived, "--officer", "le.binh").stdout
    assert here("trace", "show", lived.root, 1).returncode == 2
    for officer in ("nguyen.an", "le.binh"):
        assert here("audit", "officer", lived.root, officer, typed=OFFICER).returncode == 0
    own = here("trace", "approve", lived.root, 1, "--officer", "x", "--second-officer", "le.binh", typed=OFFICER)
    assert (own.returncode, "another officer" in own.stderr) == (2, True)
    assert here("trace", "approve", lived.root, 1, "--second-officer", "nguyen.an", typed=OFFICER).returncode == 0
    assert here("trace", "show", lived.root, 1).returncode == 0


def test_exports_say_the_same(lived: Layout, tmp_path: Path) -> None:
    opened(lived)
    for name in ("case.xlsx", "case.pdf", "case.csv"):
        ran = here("trace", "export", lived.root, 1, "--out", tmp_path / name)
        assert ran.returncode == 0, ran.stderr
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert here("trace", "export", lived.root, 1, "--out", tmp_path / "case.pdf").returncode == 2
    book = load_workbook(tmp_path / "case.xlsx")
    assert book.sheetnames == ["Ca bệnh", "Địa điểm đã đến", "Người tiếp xúc", "Huyện Phong Điền", "Thành phố Huế"]
    contact = [cell.value for cell in book["Người tiếp xúc"][2]]
    assert (contact[1], contact[2], contact[4], contact[7]) == (CONTACT.name, CONTACT.id_number, datetime(1965, 2, 18), 90)  # noqa: DTZ001
    assert [cell.value for cell in book["Người tiếp xúc"][1]][10] == "Nơi cùng có mặt"
    assert [cell.value for cell in book["Thành phố Huế"][2]][4:7] == [local_time(500), local_time(530), 30]
    assert [cell.value for cell in book["Địa điểm đã đến"][2]][7:10] == [local_time(480), local_time(530), 50]
    formats = {cell.number_format for sheet in book for row in sheet for cell in row if isinstance(cell.value, datetime)}
    assert formats == {"dd/mm/yyyy hh:mm", "dd/mm/yyyy"}
    assert ("Ngày sinh", "18/02/1965") in [(row[0].value, row[1].value) for row in book["Ca bệnh"]]
    notices = list(csv.reader(io.StringIO((tmp_path / "case.csv").read_text("utf-8-sig"))))
    assert [(row[0], row[6], row[7]) for row in notices[1:]] == [
        ("Huyện Phong Điền", "60", CONTACT.name), ("Thành phố Huế", "30", CONTACT.name),
    ]  # fmt: skip
    assert notices[2][4] == f"{local_time(500):%d/%m/%Y %H:%M}"
    with closing(pypdfium2.PdfDocument(tmp_path / "case.pdf")) as document:
        text = "\n".join(page.get_textpage().get_text_range() for page in document)
    assert all(said in text for said in ("Chợ Đông Ba", "Sơ đồ di chuyển", CONTACT.id_number, "Huyện Phong Điền"))
    assert STRANGER.name not in text


def test_an_export_that_could_not_be_written_leaves_its_name_free(lived: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(lived)
    export = ("trace", "export", lived.root, 1, "--out", tmp_path / "case.csv")
    with monkeypatch.context() as full:
        full.setattr("province.base.files.os.fsync", Mock(side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
        full.setattr("province.tracing.desk.looking.enter", Mock())  # the audit log's disk is another
        ran = here(*export)
    assert (ran.returncode, "No space left on device" in ran.stderr) == (1, True), ran.stderr
    assert list(tmp_path.glob("*case.csv*")) == []
    assert here(*export).returncode == 0


@pytest.mark.parametrize("typed", ["abc", "012345", "0010 9900 ****", "b12", "1" * 101])
def test_what_has_the_form_of_no_number_opens_nothing(lived: Layout, typed: str) -> None:
    assert here("trace", "open", lived.root, "--reason", "ca 1", typed=typed).returncode == 2
    assert actions(lived) == []


def test_spaces_do_not_show_more_of_a_number(lived: Layout) -> None:
    assert here("trace", "open", lived.root, "--reason", "ca 1", typed=" 0010.9900-0001 ").returncode == 0
    assert "0010990 ***" in here("trace", "list", lived.root).stdout
    assert len(json.loads(here("trace", "show", lived.root, 1, "--json").stdout)["visits"]) == 2


def test_a_case_dies_with_its_days_keys(lived: Layout) -> None:
    opened(lived)
    (lived.keystore / f"{day_of(now_ms())}.json").unlink()
    gone = here("trace", "show", lived.root, 1)
    assert (gone.returncode, "are gone" in gone.stderr) == (2, True)
    assert F0.id_number.encode() not in lived.register.read_bytes()


def test_rules_are_read_whole(lived: Layout) -> None:
    (lived.root / "tracing.toml").write_text('window_days = 0\nfoo = 1\n[category.market]\nassumed_min = "x"\n[category.nowhere]\n')
    ran = here("trace", "list", lived.root)
    assert ran.returncode == 2
    for told in ("window_days = 0", "foo: no such key", "category.market.assumed_min = 'x'", "category.nowhere: no such category"):
        assert told in ran.stderr
    (lived.root / "tracing.toml").write_text("[category.worship]\nassumed_min = 20\nlongest_h = 2\n")
    opened(lived)
    told = json.loads(here("trace", "show", lived.root, 1, "--json").stdout)
    assert told["contacts"][0]["minutes"] == 30  # the contact came after the case was taken to be gone
