"""Takes the pictures of the fleet's page and terminal for the docs: `make screens`. Invented scanners, a fixed day.

The page is the real one over TLS; only the time is fixed, so that the pictures are the same each time. Needs Chromium and the extra
`browser`.
"""

from __future__ import annotations

import asyncio
import io
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/province")]

from page_world import Desk, names, open_desk  # noqa: E402 - the test folders are found first
from PIL import Image  # noqa: E402
from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402
from province_world import founded  # noqa: E402

from province.fleet import sight, terminal_device, views  # noqa: E402
from province.fleet.accounts import Operator  # noqa: E402
from province.fleet.orders import Orders  # noqa: E402
from province.fleet.sight import Sight  # noqa: E402
from province.fleet.terminal import FleetTerminal  # noqa: E402
from province.fleet.terminal_device import DeviceScreen  # noqa: E402
from province.watch.fleet_store import FleetStore  # noqa: E402

OUT = ROOT / "hw_docs/operators/pictures"
AT_MS = 1_766_282_400_000  # 21 December 2025, 09:00 in Vietnam
PHONE, DESKTOP = (360, 780), (1280, 860)


@contextmanager
def opened_browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "apt install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def browser_page(browser: Browser, desk: Desk, name: str = "", size: tuple[int, int] = DESKTOP, **options: Any) -> Iterator[Page]:
    """An operator's browser; with a name it is in."""
    context = browser.new_context(
        ignore_https_errors=True,  # of the province's own authority, which this browser does not know
        viewport={"width": size[0], "height": size[1]},
        locale="vi-VN",
        timezone_id="Asia/Ho_Chi_Minh",
        **options,
    )
    try:
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.goto(address(desk))
        if name:
            page.fill("#name", name)
            page.fill("#password", desk.passwords[name])
            page.click("main button")
            page.wait_for_url("**/vi/")
        yield page
    finally:
        context.close()


def address(desk: Desk, path: str = "/") -> str:
    """A page's address."""
    return f"https://127.0.0.1:{desk.page.port}{path}"


def _shoot(page: Page, name: str, *, whole: bool = True) -> None:
    page.evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    _shoot_of(page.screenshot(full_page=whole, animations="disabled"), name)


def _shoot_of(data: bytes, name: str) -> None:
    with Image.open(io.BytesIO(data)) as picture:  # few colours: a third of the size
        picture.convert("RGB").quantize(128, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(OUT / f"{name}.png", optimize=True)


def _pages(browser: Browser, desk: Desk, size: tuple[int, int], width: str) -> None:
    device = f"/device/{names(2)[1].org}/{names(2)[1].device}"
    with browser_page(browser, desk, "lan", size) as page:
        for language in ("vi", "en"):
            page.goto(address(desk, f"/{language}/"))
            _shoot(page, f"fleet.{language}.{width}", whole=False)
            page.goto(address(desk, f"/{language}{device}"))
            _shoot(page, f"device.{language}.{width}")
            page.goto(address(desk, f"/{language}/alerts"))
            _shoot(page, f"alerts.{language}.{width}", whole=False)
        if size is PHONE:
            page.goto(address(desk, f"/vi{device}/order/restart-device"))
            _shoot(page, f"confirm.vi.{width}")


async def terminal_pictures(desk: Desk) -> dict[str, str]:
    """The terminal's screens as SVG, by name."""
    device, made = names(2)[1], {}
    look = Sight(desk.layout.fleet_store)
    look.start()
    orders = Orders(desk.layout, ("127.0.0.1", 1))  # not started: nothing is sent
    try:
        for language in ("vi", "en"):
            app = FleetTerminal(look, Operator("lan", "cho-hue", commands=True, hashed=""), orders, language)
            async with app.run_test(size=(140, 36)) as pilot:
                await pilot.pause()
                made[f"terminal.{language}"] = app.export_screenshot(title="gate-province fleet")
                await app.push_screen(DeviceScreen(app.desk, device))
                await pilot.pause()
                made[f"terminal-device.{language}"] = app.export_screenshot(title="gate-province fleet")
                if language == "vi":
                    await pilot.press("c", *("down",) * 7, "enter")
                    await pilot.pause()
                    made["terminal-confirm.vi"] = app.export_screenshot(title="gate-province fleet")
    finally:
        look.stop()
    return made


def _draw(browser: Browser, name: str, svg: str) -> None:
    """A terminal's SVG as a picture; its web font is left out, so that nothing is fetched."""
    plain = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code", "Noto Sans Mono")
    page = browser.new_page(viewport={"width": 1280, "height": 700})
    page.set_content(f'<body style="margin:0">{plain}</body>')
    _shoot_of(page.locator("svg").first.screenshot(), name)
    page.close()


def main() -> None:
    """Takes them all."""
    OUT.mkdir(parents=True, exist_ok=True)
    for module in (views, sight, terminal_device):
        module.now_ms = lambda: AT_MS  # type: ignore[attr-defined]  # the time they show
    folder = Path(tempfile.mkdtemp())
    try:
        with open_desk(founded(folder / "province"), 90, at_ms=AT_MS) as desk:
            with FleetStore(desk.layout.fleet_store) as store:
                store.acknowledge("cho-hue", store.alerts("cho-hue")[-1].number, "minh", AT_MS - 600_000, "đã gọi ban quản lý chợ")
            drawn = asyncio.run(terminal_pictures(desk))
            with opened_browser() as browser:
                for size, width in ((DESKTOP, "desktop"), (PHONE, "phone")):
                    _pages(browser, desk, size, width)
                for name, svg in drawn.items():
                    _draw(browser, name, svg)
    finally:
        shutil.rmtree(folder)
    sys.stdout.write(f"{OUT.relative_to(ROOT)}: {sum(file.stat().st_size for file in OUT.glob('*.png')) // 1000} kB\n")


if __name__ == "__main__":
    main()
