"""The pages of reports: who may see which, what they say, files to download, figures typed in; nobody is named."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import quote

import docx
import pytest
from page_world import WAIT_S, Answered
from province_world import founded
from reports_world import DAY, MADE_MS, lao_cai, place
from sqlalchemy import delete
from web_world import Site as Served
from web_world import Visitor, enlist, served_pages

from province.accounts.account import Role
from province.base.clock import now_ms
from province.base.layout import Layout
from province.registry.categories import Category
from province.reports import figures, making, plan, rollup, shelf
from province.reports.counting import Survey
from province.reports.figures import About, Figure, Told
from province.reports.shelf import Kind, Which
from province.shell.web_command import sections
from province.store import database
from province.store.opened import Connection
from province.store.report_tables import report_figure

SILENT = "Quán <b>vắng</b>"
PAGES = ("/reports", "/reports/files", "/reports/figures", f"/reports/files/unit/so-tttt/{DAY}/docx")


@dataclass
class Desk:
    served: Served
    layout: Layout

    def browser(self, role: Role = Role.REPORTER) -> Visitor:
        return self.served.browser(role)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    layout = founded(tmp_path_factory.mktemp("report-pages") / "province")
    province = lao_cai()
    province.sites.append(place("s-im", "nha-hang", SILENT, Category.RESTAURANT, "kim-tan"))
    province.put(layout)
    with closing(database.connect(layout.register)) as connection, database.transaction(connection, layout.register):
        known = making.survey(connection, DAY, MADE_MS)
        for organisation in ("so-tttt", "so-gddt", "ubnd-tp"):
            which = Which(Kind.UNIT, organisation, DAY)
            shelf.put(connection, which, making.of_organisation(known, organisation), MADE_MS, plan.due_ms_of(Kind.UNIT, DAY), ["tỉnh"])
        shelf.put(connection, Which(Kind.PROVINCE, "", DAY), rollup.daily(known), MADE_MS, MADE_MS - 1)
    with served_pages(layout, sections=sections) as served:
        for number, reach in enumerate(({"unit": "bat-xat"}, {"org": "so-gddt"}, {"unit": "tp"}), 50):
            enlist(layout, Role.REPORTER, f"09120000{number}", **reach)
        yield Desk(served, layout)


def seen(desk: Desk, phone: str) -> Visitor:
    made = desk.served.browser()
    assert made.login(phone).status == 303
    return made


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("role", list(Role))
def test_reporters_and_administrators_see_reports_and_nobody_else(desk: Desk, role: Role, path: str) -> None:
    answered = desk.browser(role).get(f"/vi{path}")
    assert answered.status == (200 if role in {Role.REPORTER, Role.ADMIN} else 403)
    assert desk.served.browser().get(f"/vi{path}").status == 303


@pytest.mark.parametrize("role", [Role.KEEPER, Role.OPERATOR, Role.TRACER])
@pytest.mark.parametrize("path", ["/reports/fresh", "/reports/figures/keep"])
def test_who_may_not_see_may_not_send_either(desk: Desk, role: Role, path: str) -> None:
    browser = desk.browser(role)
    assert browser.post(f"/vi{path}", {"token": browser.token()}).status == 403


def test_where_nobody_scans_stands_first_and_names_are_text(desk: Desk) -> None:
    page = desk.browser().get(f"/vi/reports?day={DAY}").text
    assert "Quán &lt;b&gt;vắng&lt;/b&gt;" in page
    assert "<b>vắng" not in page
    assert page.index("vắng") < page.index("Tiến độ so với chỉ tiêu")
    assert "chưa từng" in page
    assert "Số liệu đến 24h00 ngày 04/10/2021" in page
    english = desk.browser().get(f"/en/reports?day={DAY}").text
    assert "Registered, but nobody scans" in english
    assert re.search(r"\d\.\d %", english)
    assert not re.search(r"\d,\d %", english)
    assert english.count("<svg") == english.count('aria-hidden="true"') > 4


@pytest.mark.parametrize("asked", ["2999-01-01", "x", "2021-13-01"])
def test_a_day_that_is_none_is_said_and_yesterday_shown(desk: Desk, asked: str) -> None:
    answered = desk.browser().get(f"/vi/reports?day={quote(asked)}")
    assert (answered.status, "Chọn một ngày đã hết." in answered.text) == (200, True)


def test_what_was_made_can_be_downloaded_as_it_was_made(desk: Desk) -> None:
    browser = desk.browser()
    page = browser.get("/vi/reports/files").text
    assert page.count("chờ gửi 1") == 3
    assert page.count("! muộn") == 1
    answered = browser.get(f"/vi/reports/files/unit/ubnd-tp/{DAY}/docx")
    assert answered.headers["content-disposition"] == f'attachment; filename="phu-luc-3-ubnd-tp-{DAY}.docx"'
    assert docx.Document(io.BytesIO(answered.body)).paragraphs[0].text == "PHỤ LỤC 3"
    assert browser.get(f"/vi/reports/files/province/-/{DAY}/xlsx").body[:2] == b"PK"
    for gone in ("unit/nobody", "year/-", "unit/so-tttt/2021-10-03"):
        path = gone if gone.count("/") == 2 else f"{gone}/{DAY}"
        assert browser.get(f"/vi/reports/files/{path}/docx").status in {403, 404}


def test_somebody_of_a_part_sees_that_part_alone(desk: Desk) -> None:
    elsewhere, watching, town = (seen(desk, f"09120000{number}") for number in (50, 51, 52))
    page = elsewhere.get(f"/vi/reports?day={DAY}").text
    assert "vắng" not in page
    assert "Cốc Lếu" not in page
    assert elsewhere.get(f"/vi/reports/files/unit/ubnd-tp/{DAY}/docx").status == 403
    assert elsewhere.get(f"/vi/reports/files/province/-/{DAY}/docx").status == 403
    assert watching.get(f"/vi/reports/files/unit/so-gddt/{DAY}/docx").status == 200
    assert watching.get(f"/vi/reports/files/unit/so-tttt/{DAY}/docx").status == 403
    assert "vắng" not in watching.get(f"/vi/reports?day={DAY}").text
    assert "vắng" in town.get(f"/vi/reports?day={DAY}").text
    made = keep(town, "unit:bat-xat", "population", "70000")
    assert made.status == 403
    assert fresh(elsewhere, "province").status == fresh(elsewhere, "week").status == 403


def fresh(browser: Visitor, whose: str, **form: str) -> Answered:
    fields = {"token": browser.token(), "whose": whose, "day": DAY.isoformat(), "format": "docx", **form}
    return browser.post("/vi/reports/fresh", fields)


def test_one_made_now_has_who_signs_in_the_file_and_nowhere_else(desk: Desk) -> None:
    answered = fresh(desk.browser(), "so-tttt", preparer="Nguyễn Văn Ẩn", phone="0101234567")
    assert answered.status == 200
    words = [one.text for one in docx.Document(io.BytesIO(answered.body)).paragraphs]
    assert {"Người lập biểu: Nguyễn Văn Ẩn", "Số điện thoại: 0101234567"} <= set(words)
    for file in desk.layout.root.glob("register.sqlite*"):
        assert b"0101234567" not in file.read_bytes()
    assert fresh(desk.browser(), "so-tttt", format="exe").status == 400
    assert fresh(desk.browser(), "so-tttt", day="2999-01-01").status == 400
    assert fresh(desk.browser(), "nha-hang").status == 403
    assert fresh(desk.browser(), "week").status == 200


def keep(browser: Visitor, about: str, figure: str, value: str) -> Answered:
    fields = {"token": browser.token(), "about": about, "figure": figure, "value": value, "since": "2021-10-01"}
    return browser.post("/vi/reports/figures/keep", fields)


def test_a_figure_typed_in_counts_in_the_form(desk: Desk) -> None:
    browser = desk.browser()
    assert keep(browser, "unit:ta-phoi", "population", "6.120").status == 303
    assert "6.120" in browser.get("/vi/reports/figures?done=kept").text
    assert "6,120" in browser.get("/en/reports/figures").text
    tables = docx.Document(io.BytesIO(fresh(browser, "ubnd-tp").body)).tables
    assert [cell.text for cell in tables[1].rows[3].cells][1:3] == ["Xã Tả Phời", "6.120"]
    assert keep(browser, "unit:ta-phoi", "population", "").status == 303
    tables = docx.Document(io.BytesIO(fresh(browser, "ubnd-tp").body)).tables
    assert tables[1].rows[3].cells[2].text == ""


@pytest.mark.parametrize(
    "about,figure,value",
    [
        ("unit:coc-leu", "officials", "5"), ("unit:coc-leu", "population", "-5"), ("unit:coc-leu", "population", "năm"),
        ("site:s-so", "population", "5"), ("x", "population", "5"), ("unit:coc-leu", "population", "9" * 12),
    ],
)  # fmt: skip
def test_a_figure_that_cannot_be_is_not_kept_and_that_is_said(desk: Desk, about: str, figure: str, value: str) -> None:
    answered = keep(desk.browser(), about, figure, value)
    assert (answered.status, "Không lưu được" in answered.text) == (400, True)


def test_more_people_with_the_app_than_people_are_refused_with_a_word_that_says_so(desk: Desk) -> None:
    browser = desk.browser()
    answered = keep(browser, "unit:coc-leu", "app-installs", "99.999")
    assert (answered.status, "nhiều hơn số người" in answered.text, "99.999" in answered.text) == (400, True, False)


def test_a_figure_is_held_against_what_another_keeps_meanwhile(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    register, begun, real = desk.layout.register, threading.Event(), database.transaction
    browser, day = desk.browser(), date(2021, 10, 1)

    def told(figure: Figure, value: int) -> Told:
        return Told(About.UNIT, "ta-phoi", figure, day, value, now_ms(), "lan")

    @contextmanager
    def noticed(connection: Connection, path: Path) -> Iterator[None]:
        begun.set()
        with real(connection, path):
            yield

    with closing(database.connect(register)) as connection, ThreadPoolExecutor(1) as pool:
        with real(connection, register):
            figures.keep(connection, [told(Figure.POPULATION, 10)])
            monkeypatch.setattr(database, "transaction", noticed)
            other = pool.submit(keep, browser, "unit:ta-phoi", "app-installs", "11")
            assert begun.wait(WAIT_S)
        assert other.result(WAIT_S).status == 400
        with real(connection, register):
            figures.keep(connection, [told(Figure.APP_INSTALLS, 9)])
        later = Told(About.UNIT, "ta-phoi", Figure.POPULATION, date(2021, 10, 3), 9, now_ms(), "lan")
        with real(connection, register):
            figures.keep(connection, [later])
        with pytest.raises(figures.TooMany, match=r"ta-phoi.*2021-10-03"), real(connection, register):
            figures.keep(connection, [told(Figure.APP_INSTALLS, 10)])  # of all on its own day, of more than there are on the later
        assert figures.known_on(connection, day)[About.UNIT, "ta-phoi", Figure.APP_INSTALLS] == 9
        with real(connection, register):
            connection.execute(delete(report_figure).where(report_figure.c.subject == "ta-phoi"))


def test_without_the_forms_token_nothing_is_kept_or_made(desk: Desk) -> None:
    browser = desk.browser()
    for path in ("/reports/fresh", "/reports/figures/keep"):
        assert browser.post(f"/vi{path}", {"token": "x"}).status == 403


def test_the_home_page_says_how_many_places_are_silent_in_their_part_alone(desk: Desk) -> None:
    assert desk.browser().get("/vi/reports").status == 200  # which waits until yesterday is counted
    assert "12 điểm đã đăng ký hôm qua không có người quét" not in desk.browser().get("/vi/").text  # one of the twelve is closed
    assert "11 điểm đã đăng ký hôm qua không có người quét" in desk.browser().get("/vi/").text
    assert "hôm qua không có người quét" not in seen(desk, "0912000050").get("/vi/").text
    assert "hôm qua không có người quét" not in desk.browser(Role.KEEPER).get("/vi/").text


def test_who_makes_reports_without_end_waits_and_others_go_on(desk: Desk) -> None:
    eager = seen(desk, "0912000052")
    assert {429} < {fresh(eager, "ubnd-tp").status for _ in range(20)} <= {200, 429}
    assert fresh(desk.browser(), "ubnd-tp").status == 200


def test_while_the_province_is_counted_pages_answer_and_it_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = founded(tmp_path / "province")
    lao_cai().put(layout)
    counted, going_on = list[date](), threading.Event()
    survey = making.survey

    def slowly(connection: Connection, day: date, asked_ms: int) -> Survey:
        counted.append(day)
        assert going_on.wait(WAIT_S)
        return survey(connection, day, asked_ms)

    monkeypatch.setattr(making, "survey", slowly)
    with served_pages(layout, sections=sections) as served, ThreadPoolExecutor(50) as many:
        browser = served.browser(Role.REPORTER)
        waiting = [many.submit(browser.get, "/vi/reports") for _ in range(50)]  # more than there are threads for pages
        try:
            assert "đang được đếm" in browser.get("/vi/").text
            assert served.browser(Role.KEEPER).get("/vi/account").status == 200
            assert browser.get("/vi/reports/files").status == browser.get("/vi/reports/figures").status == 200
        finally:
            going_on.set()
        assert {each.result().status for each in waiting} == {200}
        assert "hôm qua không có người quét" in browser.get("/vi/").text
    assert len(counted) == 1


def test_the_home_page_says_which_reports_were_due_and_are_not_made(tmp_path: Path) -> None:
    layout, now_ms = founded(tmp_path / "province"), MADE_MS
    lao_cai().put(layout)
    hour_ms = 3_600_000
    with served_pages(layout, sections=sections, at_ms=lambda: now_ms) as served:
        whole, keeper = served.browser(Role.ADMIN), served.browser(Role.KEEPER)
        enlist(layout, Role.REPORTER, "0912000060", org="so-gddt")
        part = served.browser()
        assert part.login("0912000060").status == 303
        for at_ms, of_whole, of_part in (  # 09:15 at first, in Vietnam
            (MADE_MS + 100 * 60_000, 0, 0), (MADE_MS + 2 * hour_ms, 3, 1), (MADE_MS + 7 * hour_ms, 4, 1), (MADE_MS + 15 * hour_ms, 0, 0),
        ):  # fmt: skip
            now_ms = at_ms
            for browser, count in ((whole, of_whole), (part, of_part), (keeper, 0)):
                text = browser.get("/vi/").text
                assert ("chưa được lập" in text, f"{count} báo cáo đã đến hạn" in text) == (count > 0, count > 0)
        now_ms = MADE_MS + 7 * hour_ms
        with closing(database.connect(layout.register)) as connection, database.transaction(connection, layout.register):
            known = making.survey(connection, DAY, MADE_MS)
            which = Which(Kind.UNIT, "so-gddt", DAY)
            shelf.put(connection, which, making.of_organisation(known, "so-gddt"), MADE_MS, plan.due_ms_of(Kind.UNIT, DAY), [])
        assert "chưa được lập" not in part.get("/vi/").text
        assert "3 báo cáo đã đến hạn" in whole.get("/vi/").text


def test_who_reports_for_a_district_sees_its_communes_apart(desk: Desk) -> None:
    def localities(browser: Visitor) -> list[str]:
        page = browser.get(f"/vi/reports?day={DAY}").text.partition("Theo địa phương")[2].partition("</table>")[0]
        return re.findall(r'<th scope="row">([^<]*)', page)

    assert localities(seen(desk, "0912000052")) == ["Phường Cốc Lếu", "Phường Kim Tân", "Xã Tả Phời"]
    assert localities(seen(desk, "0912000050")) == ["Xã Bản Vược"]
    assert localities(desk.browser()) == ["Huyện Bát Xát", "Thành phố Lào Cai"]
