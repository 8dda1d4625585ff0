"""The pages of reports in a real browser: without JavaScript, on phone and desk, in both languages, with nothing to object to."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from province_world import founded
from reports_world import DAY, MADE_MS, lao_cai, place

pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`")
pytest.importorskip("axe_playwright_python", reason="needs the extra `browser`")
if shutil.which("chromium") is None:
    pytest.skip("needs Chromium: apt install chromium", allow_module_level=True)

from contextlib import closing

from axe_playwright_python.sync_playwright import Axe
from fleet_screens import opened_browser
from playwright.sync_api import Browser, Page
from web_world import PASSWORD, served_pages
from web_world import Site as Served

from province.accounts.account import Role
from province.registry.categories import Category
from province.reports import making, plan, rollup, shelf
from province.reports.shelf import Kind, Which
from province.shell.web_command import sections
from province.store import database

DESKTOP, PHONE = (1280, 860), (390, 844)
PAGES = (f"/reports?day={DAY}", "/reports/files", "/reports/figures")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    layout = founded(tmp_path_factory.mktemp("report-browser") / "province")
    province = lao_cai()
    quiet = [("Quán cà phê Phố Núi", Category.RESTAURANT), ("Nhà nghỉ Hương Sen", Category.LODGING), ("Chùa Tân Bảo", Category.WORSHIP)]
    province.sites += [place(f"q{number}", "nha-hang", name, kind, "kim-tan") for number, (name, kind) in enumerate(quiet)]
    province.put(layout)
    with closing(database.connect(layout.register)) as connection, database.transaction(connection, layout.register):
        known = making.survey(connection, DAY, MADE_MS)
        for one in making.reporting(known):
            which = Which(Kind.UNIT, one.id, DAY)
            shelf.put(connection, which, making.of_organisation(known, one.id), MADE_MS, plan.due_ms_of(Kind.UNIT, DAY), ["so-tttt"])
        shelf.put(connection, Which(Kind.PROVINCE, "", DAY), rollup.daily(known), MADE_MS, MADE_MS - 1)
    with served_pages(layout, sections=sections, roles=(Role.REPORTER,)) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened_browser() as made:
        yield made


@contextmanager
def inside(browser: Browser, served: Served, size: tuple[int, int] = DESKTOP, **options: Any) -> Iterator[Page]:
    """A reporter's browser, who is in."""
    context = browser.new_context(ignore_https_errors=True, viewport={"width": size[0], "height": size[1]}, locale="vi-VN", **options)
    try:
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.goto(f"https://127.0.0.1:{served.served.port}/vi/login")
        page.fill("input[name=phone]", served.phones[Role.REPORTER])
        page.fill("input[name=password]", PASSWORD)
        page.click("main button")
        yield page
    finally:
        context.close()


def test_without_javascript_a_reporter_sees_who_is_silent_tells_a_figure_and_takes_a_form(
    browser: Browser, served: Served, tmp_path: Path
) -> None:
    with inside(browser, served, PHONE, java_script_enabled=False, accept_downloads=True) as page:
        page.click("nav >> text=Báo cáo")
        page.fill("#day", DAY.isoformat())
        page.click("text=Xem")
        assert page.inner_text("h2 >> nth=0") == "Đã đăng ký nhưng không có người quét"
        assert "Quán cà phê Phố Núi" in page.inner_text("table >> nth=0")
        page.click("main nav >> text=Số liệu nhập tay")
        page.select_option("#about", "unit:ta-phoi")
        page.select_option("#figure", "population")
        page.fill("#value", "6120")
        page.fill("#since", "2021-10-01")
        page.click("main button")
        assert "✓ Đã lưu." in page.inner_text("main")
        page.click("main nav >> text=Báo cáo đã lập")
        page.select_option("#whose", "ubnd-tp")
        page.fill("#day", DAY.isoformat())
        with page.expect_download() as waiting:
            page.click("main button")
        file = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(file)
        assert (file.name, file.read_bytes()[:2]) == (f"phu-luc-3-ubnd-tp-{DAY}.docx", b"PK")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_runs_over_the_edge(browser: Browser, served: Served, size: tuple[int, int], scheme: str) -> None:
    with inside(browser, served, size, color_scheme=scheme) as page:
        objections: list[str] = []
        page.on("console", lambda message: objections.append(message.text))
        for language in ("vi", "en"):
            for path in PAGES:
                page.goto(f"https://127.0.0.1:{served.served.port}/{language}{path}")
                found = Axe().run(page).response["violations"]
                assert [(one["id"], [node["target"] for node in one["nodes"]][:3]) for one in found] == []
                assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
        assert objections == []
