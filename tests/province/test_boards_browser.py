"""Boards and home in a real browser: each role's way, live and without JavaScript, by keyboard, on phone and desk, in both languages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from board_world import person
from living_world import Shown, living_layout, shown

pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`")
pytest.importorskip("axe_playwright_python", reason="needs the extra `browser`")
if shutil.which("chromium") is None:
    pytest.skip("needs Chromium: apt install chromium", allow_module_level=True)

from axe_playwright_python.sync_playwright import Axe
from fleet_screens import DESKTOP, PHONE, opened_browser
from playwright.sync_api import Browser, Page

from edge_agent.wire.keyring import day_of
from province.base.clock import now_ms

PAGES = {
    "keeper": ("/", "/board/cho-coc-leu", "/board/cho-coc-leu?from=03:00&way=in"),
    "special": ("/", "/board/chot-cau-vong"),
    "operator": ("/",),
    "admin": ("/", "/board/sieu-thi"),
}


@pytest.fixture(scope="module")
def province(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    with shown(*living_layout(tmp_path_factory.mktemp("browser"), days=3, people=300)) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened_browser() as browser:
        yield browser


@contextmanager
def page_of(browser: Browser, province: Shown, who: str, size: tuple[int, int] = DESKTOP, **options: Any) -> Iterator[Page]:
    """Somebody's browser, in."""
    context = browser.new_context(
        ignore_https_errors=True,  # of the province's own authority, which this browser does not know
        viewport={"width": size[0], "height": size[1]}, locale="vi-VN", timezone_id="Asia/Ho_Chi_Minh", **options,
    )  # fmt: skip
    try:
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.goto(address(province, "/"))
        page.fill("#phone", province.logins[who].phone)
        page.fill("#password", province.logins[who].password)
        page.click("main button")
        page.wait_for_url("**/vi/")
        yield page
    finally:
        context.close()


def address(province: Shown, path: str) -> str:
    return f"https://127.0.0.1:{province.port}{path}"


def test_a_keepers_way_from_home_to_the_board_where_who_passes_shows_by_itself(browser: Browser, province: Shown) -> None:
    with page_of(browser, province, "keeper") as page:
        objections: list[str] = []
        page.on("console", lambda message: objections.append(message.text))
        page.on("pageerror", lambda error: objections.append(str(error)))
        assert page.is_visible("text=Cửa hầm xe mất liên lạc")
        page.click("main a:text-is('Chợ Cốc Lều')")
        page.click("summary")
        province.passes("cho-coc-leu", "Cổng 1", person(4711))
        page.wait_for_selector("tr:has-text('Trần Thị ***')")
        assert page.is_visible("table.hours")  # what was open stays open
        assert page.inner_text("tbody tr:first-child .who").split("\n")[0].startswith("Trần Thị ***")
        assert objections == []


def test_at_a_checkpoint_the_answer_stands_large_and_the_name_whole(browser: Browser, province: Shown) -> None:
    with page_of(browser, province, "special") as page:
        page.click("main a:text-is('Chốt kiểm soát Cầu Vồng')")
        province.passes("chot-cau-vong", "Làn ô tô", person(4712))
        page.wait_for_selector("#latest:has-text('Trần Thị Số4712')")
        assert "Thẻ hợp lệ" in page.inner_text("#latest .answer")
        assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('#latest .answer')).fontSize)") > 40


def test_by_keyboard_alone_and_without_javascript_a_search_by_time_finds(browser: Browser, province: Shown) -> None:
    province.passes("sieu-thi", "Cửa trước", person(4713))
    with page_of(browser, province, "keeper", PHONE, java_script_enabled=False) as page:
        page.goto(address(province, "/en/board/sieu-thi"))
        page.fill("#day", day_of(now_ms()).isoformat())
        page.select_option("#gate", "Cửa trước")
        page.focus("form.find button")
        page.keyboard.press("Enter")
        page.wait_for_url("**/board/sieu-thi?day=*gate=*")
        assert page.is_visible("tr:has-text('Trần Thị ***')")
        page.click("text=To the live board")
        page.wait_for_url("**/en/board/sieu-thi")


@pytest.mark.parametrize("language,size", [("vi", PHONE), ("en", DESKTOP)], ids=["phone", "desktop"])
def test_every_page_is_accessible_in_both_colours_and_as_wide_as_the_screen(
    browser: Browser, province: Shown, language: str, size: tuple[int, int]
) -> None:
    axe, found, passed = Axe(), list[str](), 0
    for who, paths in PAGES.items():
        with page_of(browser, province, who, size, bypass_csp=True) as page:  # the checker is a script of its own
            for path in paths:
                page.goto(address(province, f"/{language}{path}"))
                assert page.get_attribute("html", "lang") == language
                assert page.evaluate("document.documentElement.scrollWidth") == size[0], (who, path)
                for colours in ("light", "dark") if who == "special" else ("light",):
                    page.emulate_media(color_scheme=colours)
                    response = axe.run(page).response
                    found += [f"{who} {path}, {colours}: {each['id']}: {each['help']}" for each in response["violations"]]
                    passed += len(response["passes"])
    assert found == []
    assert passed > 8 * 15  # it has looked


@pytest.mark.parametrize("language", ["vi", "en"])
def test_an_administrators_menu_of_many_words_fits_a_phone(browser: Browser, province: Shown, language: str) -> None:
    with page_of(browser, province, "admin", PHONE) as page:
        for path in ("/", "/people", "/reports", "/tracing", "/account"):
            page.goto(address(province, f"/{language}{path}"))
            assert page.get_attribute("html", "lang") == language
            assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0], path
