"""The check-in page in a real browser: from the poster to the green answer without JavaScript, on phone and desk, in both languages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from checkin_world import BUS, MARKET, Page, made, served

pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`")
pytest.importorskip("axe_playwright_python", reason="needs the extra `browser`")
if shutil.which("chromium") is None:
    pytest.skip("needs Chromium: apt install chromium", allow_module_level=True)

from axe_playwright_python.sync_playwright import Axe
from fleet_screens import DESKTOP, PHONE, opened_browser
from playwright.sync_api import Browser
from playwright.sync_api import Page as Tab


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with served(*made(tmp_path_factory.mktemp("checkin"))) as page:
        yield page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened_browser() as browser:
        yield browser


@contextmanager
def tab(browser: Browser, page: Page, size: tuple[int, int] = PHONE, **options: Any) -> Iterator[Tab]:
    context = browser.new_context(
        ignore_https_errors=True,
        viewport={"width": size[0], "height": size[1]},
        base_url=f"https://127.0.0.1:{page.served.port}",
        **options,
    )
    try:
        context.set_default_timeout(15_000)
        yield context.new_page()
    finally:
        context.close()


def test_from_the_poster_to_the_answer_without_javascript_and_by_keyboard(browser: Browser, page: Page) -> None:
    with tab(browser, page, java_script_enabled=False, locale="vi-VN") as phone:
        phone.goto(f"/S/{BUS.code}")
        assert phone.inner_text("h1") == "Xe 75B-012.34"
        phone.fill("#name", "Trần Thị Bình")
        phone.click("button[value=out]")
        assert "8 đến 15 chữ số" in phone.inner_text("#wrong-phone")
        assert phone.input_value("#name") == "Trần Thị Bình"
        phone.fill("#phone", "0101234567")
        phone.press("#phone", "Tab")
        phone.press("#id_number", "Enter")  # the first button: in
        assert phone.inner_text("h1") == "Đã ghi nhận: vào"
        answered = phone.url
        phone.reload()
        assert phone.url == answered
        assert "Trần" not in phone.content()
        phone.click("text=English")
        assert phone.inner_text("h1") == "Recorded: in"


@pytest.mark.parametrize("language, size", [("vi", PHONE), ("en", DESKTOP), ("vi", (320, 640))])
def test_every_page_is_accessible_in_both_colours_and_as_wide_as_the_screen(
    browser: Browser, page: Page, language: str, size: tuple[int, int]
) -> None:
    axe, found, passed = Axe(), list[str](), 0
    with tab(browser, page, size, bypass_csp=True) as seen:  # the checker is a script of its own

        def look() -> None:
            nonlocal passed
            assert seen.get_attribute("html", "lang") == language
            assert seen.evaluate("document.documentElement.scrollWidth") == size[0], seen.url
            for colours in ("light", "dark"):
                seen.emulate_media(color_scheme=colours)
                response = axe.run(seen).response
                found.extend(f"{seen.url}, {colours}: {each['id']}: {each['help']}" for each in response["violations"])
                passed += len(response["passes"])

        seen.goto(f"/{language}/?code=ABC")
        look()
        seen.goto(f"/{language}/s/{MARKET.code}")
        look()
        seen.fill("#name", "1")
        seen.click("button[value=in]")
        look()
        seen.fill("#name", "Lê Văn Cường")
        seen.fill("#phone", "0101234567")
        seen.click("button[value=in]")
        look()
    assert found == []
    assert passed > 8 * 10  # it has looked
