"""Login, second step and one's own account in a real browser: on phone and desk, in both languages and colours, by keyboard alone."""

from __future__ import annotations

import re
import shutil
from base64 import b32decode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from province_world import founded
from web_world import PASSWORD, Clock, Site, enlist, served_pages

pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`")
pytest.importorskip("axe_playwright_python", reason="needs the extra `browser`")
if shutil.which("chromium") is None:
    pytest.skip("needs Chromium: apt install chromium", allow_module_level=True)

from axe_playwright_python.sync_playwright import Axe
from fleet_screens import DESKTOP, PHONE, opened_browser
from playwright.sync_api import Browser, Page

from province.accounts import second
from province.accounts.account import Role
from province.web.door import TWO_STEPS


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[Site]:
    layout = founded(tmp_path_factory.mktemp("browser") / "province")
    with served_pages(layout, policy=TWO_STEPS, now_s=clock.now_s, at_ms=clock.now_ms, roles=()) as site:
        yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened_browser() as browser:
        yield browser


@contextmanager
def page_of(browser: Browser, size: tuple[int, int], **options: Any) -> Iterator[tuple[Page, list[str]]]:
    """A page, and what its browser objects to."""
    context = browser.new_context(ignore_https_errors=True, viewport={"width": size[0], "height": size[1]}, **options)
    objections: list[str] = []
    try:
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on("console", lambda message: objections.append(message.text))
        page.on("pageerror", lambda error: objections.append(str(error)))
        yield page, objections
    finally:
        context.close()


def typed_code(page: Page, clock: Clock) -> str:
    """What an app shows that was given the key on the page."""
    secret = b32decode(re.sub(r"\s", "", page.inner_text("code")))
    return second.code_at(secret, clock.now_ms() // 30_000)


def test_by_keyboard_alone_somebody_comes_in_sets_up_the_second_step_and_leaves(browser: Browser, site: Site, clock: Clock) -> None:
    enlist(site.layout, Role.KEEPER, "0912345601")
    with page_of(browser, DESKTOP, java_script_enabled=False) as (page, objections):
        page.goto(f"https://127.0.0.1:{site.served.port}/")
        page.focus("#phone")
        page.keyboard.type("0912 345 601")
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/vi/account/second")
        page.focus("#code")
        page.keyboard.type(typed_code(page, clock))
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Mã dự phòng")
        assert page.locator("ol.codes li").count() == 10
        page.click("a.do")
        page.wait_for_url("**/vi/")
        page.goto(f"https://127.0.0.1:{site.served.port}/vi/account")
        page.click("text=English")
        page.wait_for_url("**/en/account")
        assert page.inner_text("h1") == "Nguyễn Thị Lan"
        page.focus("footer button")
        page.keyboard.press("Enter")
        page.wait_for_url("**/en/login")
    assert objections == []


@pytest.mark.parametrize("language,size", [("vi", PHONE), ("en", DESKTOP)], ids=["phone", "desktop"])
def test_every_page_is_accessible_in_both_colours_and_as_wide_as_the_screen(
    browser: Browser, site: Site, clock: Clock, language: str, size: tuple[int, int]
) -> None:
    number = f"09123457{size[0] % 100:02}"
    enlist(site.layout, Role.ADMIN, number)
    other = enlist(site.layout, Role.KEEPER, f"09123458{size[0] % 100:02}")
    axe, found, passed = Axe(), list[str](), 0

    def look() -> None:
        nonlocal passed
        assert page.get_attribute("html", "lang") == language
        assert page.evaluate("document.documentElement.scrollWidth") == size[0], page.url
        for colours in ("light", "dark"):
            page.emulate_media(color_scheme=colours)
            response = axe.run(page).response
            found.extend(f"{page.url}, {colours}: {each['id']}: {each['help']}" for each in response["violations"])
            passed += len(response["passes"])

    def enter() -> None:
        page.goto(f"https://127.0.0.1:{site.served.port}/{language}/login")
        page.fill("#phone", number)
        page.fill("#password", PASSWORD)
        page.click("main button")

    with page_of(browser, size, bypass_csp=True) as (page, _objections):  # the checker is a script of its own
        page.goto(f"https://127.0.0.1:{site.served.port}/{language}/login")
        look()
        enter()
        page.wait_for_url("**/account/second")
        look()
        page.fill("#code", typed_code(page, clock))
        page.click("main button")
        page.wait_for_selector("ol.codes")
        look()
        for path in ("account", "account/second", "people", "people/add", f"people/{other.id}", "nowhere"):
            page.goto(f"https://127.0.0.1:{site.served.port}/{language}/{path}")
            page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
            look()
        enter()
        page.wait_for_url("**/login/code")
        look()
    assert found == []
    assert passed > 20 * 12  # it has looked
