"""Takes the pictures of boards and home for the docs: `make screens`. The living province at a fixed time; needs Chromium."""

from __future__ import annotations

import asyncio
import io
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/province")]

from fleet_screens import opened_browser  # noqa: E402 - the test folders are found first
from PIL import Image  # noqa: E402
from playwright.sync_api import Browser, Page  # noqa: E402
from province_world import free_port, settings  # noqa: E402
from web_world import PASSWORD_ONLY  # noqa: E402

from province.base.layout import Layout  # noqa: E402
from province.demo.living import populate  # noqa: E402
from province.demo.living_accounts import Login, add_accounts  # noqa: E402
from province.shell.web_command import sections  # noqa: E402
from province.trust import founding  # noqa: E402
from province.web.app import Pages  # noqa: E402
from province.web.serving import App, Place, Served  # noqa: E402
from province.web.world import World  # noqa: E402

OUT = ROOT / "hw_docs/pictures/boards"
AT_MS = 1_766_303_100_000  # 21 December 2025, 14:45 in Vietnam
PHONE, DESKTOP = (390, 844), (1280, 900)
SHOTS = (("keeper", "/", "home"), ("keeper", "/board/cho-coc-leu", "market"), ("special", "/board/chot-cau-vong", "checkpoint"))


def _shoot(page: Page, name: str) -> None:
    with Image.open(io.BytesIO(page.screenshot(animations="disabled"))) as picture:  # few colours: a third of the size
        small = picture.convert("RGB").quantize(128, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        small.save(OUT / f"{name}.png", optimize=True)


def _pictures(browser: Browser, port: int, logins: dict[str, Login], size: tuple[int, int], width: str) -> None:
    for who, path, name in SHOTS:
        context = browser.new_context(
            ignore_https_errors=True, viewport={"width": size[0], "height": size[1]}, java_script_enabled=False, locale="vi-VN"
        )  # its own authority; and as it is, not as it becomes
        page = context.new_page()
        page.goto(f"https://127.0.0.1:{port}/")
        page.fill("#phone", logins[who].phone)
        page.fill("#password", logins[who].password)
        page.click("main button")
        for language in ("vi", "en"):
            page.goto(f"https://127.0.0.1:{port}/{language}{path}")
            _shoot(page, f"{name}.{language}.{width}")
        context.close()


def main() -> None:
    """Takes them all."""
    OUT.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp())
    layout: Layout = founding.found(folder / "province", settings(free_port()), AT_MS)
    populate(layout, AT_MS, days=2, people=900)
    logins = add_accounts(layout, AT_MS)

    @asynccontextmanager
    async def opened() -> AsyncIterator[App]:
        world = World(layout, lambda: AT_MS)
        try:
            yield Pages(world, sections(world), PASSWORD_ONLY).app
        finally:
            await asyncio.to_thread(world.close)

    served = Served("web", layout, Place("127.0.0.1", 0, ("127.0.0.1",)), layout.web, opened)
    served.start()
    try:
        with opened_browser() as browser:
            for size, width in ((DESKTOP, "desktop"), (PHONE, "phone")):
                _pictures(browser, served.port, logins, size, width)
    finally:
        served.stop()
        served.wait()
        shutil.rmtree(folder)
    sys.stdout.write(f"{OUT.relative_to(ROOT)}: {sum(file.stat().st_size for file in OUT.glob('*.png')) // 1000} kB\n")


if __name__ == "__main__":
    main()
