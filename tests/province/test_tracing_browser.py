"""Tracing in a real browser without JavaScript: a case opened by hand, on phone and desk, in both languages; nothing the checker minds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from old_province import founded_ago, kept_up
from tracing_world import CASE, a_busy_week, hand
from web_world import PASSWORD, Site, served_pages

from edge_agent.wire.keyring import day_of
from province.accounts.account import Role
from province.base.clock import now_ms
from province.records.views import day_bounds_ms

pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`")
pytest.importorskip("axe_playwright_python", reason="needs the extra `browser`")
if shutil.which("chromium") is None:
    pytest.skip("needs Chromium: apt install chromium", allow_module_level=True)

from axe_playwright_python.sync_playwright import Axe
from fleet_screens import opened_browser
from playwright.sync_api import Browser, Page

PHONE, DESKTOP = (390, 844), (1280, 860)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    layout = founded_ago(tmp_path_factory.mktemp("tracing") / "province", 9)
    kept_up(layout, 9)
    with hand(layout) as write:
        a_busy_week(write, day_bounds_ms(day_of(now_ms()) - timedelta(days=8))[0])
    with served_pages(layout, roles=(Role.TRACER,)) as site:
        yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened_browser() as browser:
        yield browser


def checked(page: Page, where: str) -> list[str]:
    """What the checker minds on a page; with a folder in TRACING_SCREENS, also a picture of it."""
    if folder := os.environ.get("TRACING_SCREENS"):
        page.screenshot(path=Path(folder) / f"{where}.png", full_page=True)
    found = Axe().run(page).response
    assert len(found["passes"]) > 10
    return [f"{where}: {each['id']}: {each['nodes'][0]['html'][:200]}" for each in found["violations"]]


@pytest.mark.parametrize("language,size", [("vi", PHONE), ("en", DESKTOP), ("vi", DESKTOP)], ids=["phone", "desktop-en", "desktop"])
def test_a_case_is_opened_by_hand_and_read(browser: Browser, site: Site, language: str, size: tuple[int, int]) -> None:
    home = f"https://127.0.0.1:{site.served.port}/{language}"
    context = browser.new_context(ignore_https_errors=True, viewport={"width": size[0], "height": size[1]}, bypass_csp=True)
    try:
        page = context.new_page()
        page.goto(f"{home}/login")
        page.fill("#phone", site.phones[Role.TRACER])
        page.fill("#password", PASSWORD)
        page.click("main button")
        page.goto(f"{home}/tracing")
        page.fill("#number", CASE.id_number)
        page.fill("#reason", "ca bệnh 117")
        found = checked(page, f"cases-{language}-{size[0]}")
        page.click("main form button")
        page.wait_for_selector("svg.drawn")
        assert page.locator("svg.drawn").count() == 2
        assert page.locator("text=Nguyễn Văn 100").count() == 1
        for colours in ("light", "dark"):
            page.emulate_media(color_scheme=colours)
            found += checked(page, f"case-{language}-{size[0]}-{colours}")
        assert page.evaluate("document.documentElement.scrollWidth") == size[0]
        page.goto(f"{home}/tracing")
        assert page.evaluate("document.documentElement.scrollWidth") == size[0]
        assert found == []
    finally:
        context.close()


def test_without_javascript_it_is_the_same(browser: Browser, site: Site) -> None:
    context = browser.new_context(ignore_https_errors=True, java_script_enabled=False)
    try:
        page = context.new_page()
        home = f"https://127.0.0.1:{site.served.port}/vi"
        page.goto(f"{home}/login")
        page.fill("#phone", site.phones[Role.TRACER])
        page.fill("#password", PASSWORD)
        page.click("main button")
        page.goto(f"{home}/tracing")
        page.fill("#number", CASE.phone or "")
        page.fill("#reason", "ca bệnh 118")
        page.click("main form button")
        page.wait_for_selector("text=Nguyễn Văn 100")
        with page.expect_download() as download:
            page.click("text=Báo cáo PDF")
        assert Path(download.value.path()).read_bytes()[:4] == b"%PDF"
    finally:
        context.close()
