"""The station page in a real browser: by itself, without JavaScript, by keyboard, in light and dark, in both languages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from gate_world import Enrolled
from station_world import COUNTERS, LANES, Site, open_site

pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`")
pytest.importorskip("axe_playwright_python", reason="needs the extra `browser`")
if shutil.which("chromium") is None:
    pytest.skip("needs Chromium: apt install chromium", allow_module_level=True)

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from station_screens import WIDTH, browser_page, let_people_pass, opened_browser

from edge_agent.station import pin
from edge_agent.station.words import LANGUAGES, WORDS

PAGES = ("gate", "paper", "health", "reader")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("browser")
    with open_site(Enrolled(folder / "state", folder / "run").settings(*LANES)) as site:
        yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened_browser() as browser:
        yield browser


def enter(page: Page, site: Site) -> None:
    page.fill("#pin", site.digits)
    page.click("main button")
    page.wait_for_url("**/vi/gate")


def declare(page: Page, site: Site) -> None:
    site.firmware.says(COUNTERS)
    page.click("nav >> text=Khai giấy")
    page.fill("#name", "Nguyễn Văn Thử")
    page.fill("#id_number", "001099012345")
    page.fill("#birth_date", "15/03/1999")
    page.click("text=Ghi nhận")
    page.wait_for_selector(".state.well")


def test_the_gate_follows_by_itself_and_the_browser_finds_nothing_to_object_to(browser: Browser, site: Site) -> None:
    with browser_page(browser, site) as page:
        objections: list[str] = []
        page.on("console", lambda message: objections.append(message.text))
        page.on("pageerror", lambda error: objections.append(str(error)))
        enter(page, site)
        let_people_pass(site)
        page.wait_for_selector(".passages li:nth-child(5)")
        site.firmware.says({**COUNTERS, "gate": "closed", "presence": {"inside": 7}})
        page.wait_for_selector("text=Cổng đóng theo lệnh")
        page.wait_for_selector(".counts .main dd:text-is('7')")
        declare(page, site)
        assert objections == []


def test_without_javascript_people_are_declared_all_the_same(browser: Browser, site: Site) -> None:
    with browser_page(browser, site, java_script_enabled=False) as page:
        enter(page, site)
        site.firmware.asked.clear()
        declare(page, site)
        assert [request["person"]["birth_date"] for request in site.firmware.asked] == ["1999-03-15"]


def test_a_phone_that_is_put_out_is_asked_for_the_pin_by_itself(browser: Browser, tmp_path: Path) -> None:
    settings = Enrolled(tmp_path / "state", tmp_path / "run").settings(*LANES)
    with open_site(settings) as site, browser_page(browser, site) as page:
        enter(page, site)
        pin.make(site.state)  # a new one
        site.firmware.says(COUNTERS)
        page.wait_for_url("**/vi/pin")


def test_every_page_is_accessible_in_both_colours_and_as_wide_as_the_phone(browser: Browser, site: Site) -> None:
    axe, found, passed = Axe(), [], 0
    with browser_page(browser, site, bypass_csp=True) as page:  # the checker is a script of its own
        enter(page, site)
        let_people_pass(site)
        for language, name in product(LANGUAGES, PAGES):
            page.goto(f"https://127.0.0.1:{site.station.port}/{language}/{name}")
            assert page.get_attribute("html", "lang") == language
            assert page.inner_text("nav [aria-current]") == WORDS[language].say(f"page.{name}")
            assert page.evaluate("document.documentElement.scrollWidth") == WIDTH
            for colours in ("light", "dark"):
                page.emulate_media(color_scheme=colours)
                response = axe.run(page).response
                passed += len(response["passes"])
                found += [f"{language}/{name}, {colours}: {each['id']}: {each['help']}" for each in response["violations"]]
    assert found == []
    assert passed > 16 * 15  # it has looked


def test_the_keyboard_alone_is_enough(browser: Browser, site: Site) -> None:
    with browser_page(browser, site) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.type(site.digits)
        page.keyboard.press("Enter")
        page.wait_for_url("**/vi/gate")
