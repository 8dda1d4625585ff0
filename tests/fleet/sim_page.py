"""The operators' page of a simulated fleet in a real browser: how soon it is painted, and how soon it shows what a scanner has told."""

from __future__ import annotations

import importlib.util
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from province_world import cli, free_port
from sim_province import Service, until

from province.base.layout import Layout

if TYPE_CHECKING:
    from playwright.sync_api import Page

_READY_S = 60.0
_PAINTS = 8
_PHONE: Any = {"width": 390, "height": 844}
_DESK: Any = {"width": 1280, "height": 900}
_PAINTED = """() => new Promise(done => new PerformanceObserver(list => {
    const paint = list.getEntriesByName("first-contentful-paint")[0];
    if (paint) done(paint.startTime);
}).observe({type: "paint", buffered: true}))"""
_OBSERVE = """() => {
    window.changes = [];
    const note = () => document.querySelectorAll("table.fleet tbody tr").forEach(row => {
        const name = row.querySelector(".name a").textContent, org = row.querySelector(".name .org").textContent;
        const today = row.querySelector(".today").textContent.trim(), key = org + "/" + name;
        if (shown.get(key) !== today) { shown.set(key, today); changes.push([key, today, Date.now()]); }
    });
    const shown = new Map();
    note();
    changes.length = 0;
    new MutationObserver(note).observe(document.querySelector("[data-stream]"), {childList: true, subtree: true, characterData: true});
}"""


def is_there() -> bool:
    """Whether page, browser and its driver are installed."""
    return shutil.which("chromium") is not None and all(importlib.util.find_spec(name) for name in ("province.fleet", "playwright"))


@contextmanager
def served(layout: Layout, folder: Path) -> Iterator[tuple[Service, str, str]]:
    """`gate-province fleet-page`, its address, and the password of `desk`, of the province's staff."""
    port = free_port()
    added = cli("login", "add", layout.root, "desk", "--staff")
    assert added.returncode == 0, added.stderr
    password = next(line.split()[1] for line in added.stdout.splitlines() if line.startswith("password"))
    page = Service("page", folder, "-m", "province", "fleet-page", str(layout.root), "--listen", f"127.0.0.1:{port}", "--no-commands")
    try:
        until(lambda: "fleet page: " in page.log() or page.process.poll() is not None, _READY_S, "the page is served")
        assert page.process.poll() is None, page.log()
        yield page, f"https://127.0.0.1:{port}", password
    finally:
        page.end()


@contextmanager
def looked_at(address: str, password: str) -> Iterator[Page]:
    """A browser that is in."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - an extra

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        try:
            page = browser.new_context(ignore_https_errors=True, viewport=_DESK).new_page()
            page.set_default_timeout(_READY_S * 1000)
            page.goto(f"{address}/vi/")
            page.fill("#name", "desk")
            page.fill("#password", password)
            page.click("main button")
            page.wait_for_selector("table.fleet")
            yield page
        finally:
            browser.close()


def painted(page: Page, address: str) -> list[float]:
    """How long until something of the list is painted, seconds from the click on; on a phone and a desk."""
    found = []
    for number in range(_PAINTS):
        page.set_viewport_size(_PHONE if number % 2 else _DESK)
        page.goto(f"{address}/{'vi' if number % 4 < 2 else 'en'}/")
        found.append(float(page.evaluate(_PAINTED)) / 1000)
    return found


def followed(page: Page, lasts_s: float) -> list[tuple[str, str, int]]:
    """What changes on the page by itself: the scanner, its entries of today, and when, milliseconds since 1970 UTC."""
    page.set_viewport_size(_DESK)
    page.evaluate(_OBSERVE)
    end_s = time.monotonic() + lasts_s
    while time.monotonic() < end_s:
        page.wait_for_timeout(500)
    found: list[Any] = page.evaluate("changes")
    return [(str(name), str(today), int(at_ms)) for name, today, at_ms in found]
