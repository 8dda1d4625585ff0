"""The fleet's page in a real browser: by itself, without JavaScript, by keyboard, on phone and desk, in both languages and colours."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_world import Desk, judge, open_desk, told
from province_world import founded

pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`")
pytest.importorskip("axe_playwright_python", reason="needs the extra `browser`")
if shutil.which("chromium") is None:
    pytest.skip("needs Chromium: apt install chromium", allow_module_level=True)

from axe_playwright_python.sync_playwright import Axe
from fleet_screens import DESKTOP, PHONE, address, browser_page, opened_browser
from playwright.sync_api import Browser, Page

from edge_agent.wire.telemetry import Outbox
from edge_agent.wire.topics import DeviceName
from province.base.clock import now_ms

DEVICE = "/device/cho-hue/may-002"
PAGES = ("/", "/alerts?history=1", DEVICE, f"{DEVICE}/order/close")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder: Path = tmp_path_factory.mktemp("browser")
    with open_desk(founded(folder / "province"), 40) as desk:
        yield desk


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened_browser() as browser:
        yield browser


def test_the_list_follows_by_itself_and_the_browser_finds_nothing_to_object_to(browser: Browser, desk: Desk) -> None:
    name = DeviceName("cho-hue", "may-003")
    with browser_page(browser, desk, "lan") as page:
        objections: list[str] = []
        page.on("console", lambda message: objections.append(message.text))
        page.on("pageerror", lambda error: objections.append(str(error)))
        page.goto(address(desk, "/vi/?order=name"))
        page.focus("a:text-is('may-003')")
        desk.store.told(name, told(2, now_ms(), outbox=Outbox(77, 1, 1, 1.0)), None, now_ms())
        page.wait_for_selector("[id='r.cho-hue.may-003'] .waiting:text-is('77')")
        assert page.evaluate("document.activeElement.textContent") == "may-003"  # who stands there still stands there
        page.click("a:text-is('may-003')")
        page.click("summary")
        desk.store.told(name, told(2, now_ms(), gate="down"), None, now_ms())
        judge(desk.store, now_ms(), only=name)
        page.wait_for_selector("text=chương trình cổng không trả lời")
        assert page.is_visible("table.hours")  # what was open stays open
        assert objections == []


def test_by_keyboard_alone_an_alert_is_taken_on(browser: Browser, desk: Desk) -> None:
    with browser_page(browser, desk) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.type("lan")
        page.keyboard.press("Tab")
        page.keyboard.type(desk.passwords["lan"])
        page.keyboard.press("Enter")
        page.wait_for_url("**/vi/")
        page.goto(address(desk, f"/vi{DEVICE}"))
        page.focus(".do")
        page.keyboard.press("Enter")
        page.wait_for_url("**/vi/alerts/*")
        page.focus("#note")
        page.keyboard.type("đang đến")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=đang đến")


def test_without_javascript_a_command_is_sent_all_the_same(browser: Browser, desk: Desk) -> None:
    with browser_page(browser, desk, "lan", PHONE, java_script_enabled=False) as page:
        page.goto(address(desk, f"/en{DEVICE}"))
        page.click("text=Blink its light")
        page.fill("#reason", "which is it")
        page.click("main button")
        page.wait_for_url("**/en/orders/*")
        assert "which is it" in page.inner_text("#order")


def _found(page: Page, axe: Axe, where: str) -> tuple[list[str], int]:
    response = axe.run(page).response
    return [f"{where}: {each['id']}: {each['help']}" for each in response["violations"]], len(response["passes"])


@pytest.mark.parametrize("language,size", [("vi", PHONE), ("en", DESKTOP)], ids=["phone", "desktop"])
def test_every_page_is_accessible_in_both_colours_and_as_wide_as_the_screen(
    browser: Browser, desk: Desk, language: str, size: tuple[int, int]
) -> None:
    axe, found, passed = Axe(), list[str](), 0
    with browser_page(browser, desk, size=size, bypass_csp=True) as page:
        found += _found(page, axe, "login")[0]
    with browser_page(browser, desk, "lan", size, bypass_csp=True) as page:  # the checker is a script of its own
        for path in PAGES:
            page.goto(address(desk, f"/{language}{path}"))
            assert page.get_attribute("html", "lang") == language
            assert page.evaluate("document.documentElement.scrollWidth") == size[0], path
            for colours in ("light", "dark") if path in {"/", DEVICE} else ("light",):
                page.emulate_media(color_scheme=colours)
                wrong, right = _found(page, axe, f"{language}{path}, {colours}")
                found, passed = found + wrong, passed + right
    assert found == []
    assert passed > 6 * 15  # it has looked
