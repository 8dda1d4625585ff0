"""Takes the pictures of the station page for the docs, in both languages, at a phone's width: `make screens`. Invented people only.

The page is the real one over TLS; what firmware says is fixed, so that the pictures are the same each time. Needs Chromium and the extra
`browser`.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/firmware"), str(ROOT / "tests/edge_agent")]

from gate_world import Enrolled  # noqa: E402 - the test folders are found first
from PIL import Image  # noqa: E402
from station_world import COUNTERS, LANES, Site, open_site  # noqa: E402

from edge_agent.health.status_file import FILE_NAME as STATUS_FILE  # noqa: E402
from edge_agent.store.recorder import Recorder  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

OUT = ROOT / "hw_docs/pictures/station"
WIDTH, HEIGHT = 390, 844
_PEOPLE = (
    ("Nguyễn Văn ***", "0010990 ***", "in", "cong-1", "camera"),
    ("Trần Thị Ngọc ***", "0310881 ***", "out", "cong-2", "serial"),
    ("Lê Hoàng ***", "0792010 ***", "in", "cong-2", "paper"),
    ("Phạm Thị ***", "0010751 ***", "in", "cong-1", "camera"),
    ("Vàng A ***", "0102020 ***", "out", "cong-2", "camera"),
)


@contextmanager
def opened_browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "apt install chromium"
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - a large extra: whoever only collects tests has none

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def browser_page(browser: Browser, site: Site, **options: Any) -> Iterator[Page]:
    """A phone's browser that has met the device's certificate, at the page that asks for the PIN."""
    context = browser.new_context(
        ignore_https_errors=True,  # self-signed: a person compares its fingerprint
        viewport={"width": WIDTH, "height": HEIGHT},
        locale="vi-VN",
        timezone_id="Asia/Ho_Chi_Minh",
        **options,
    )
    try:
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.goto(f"https://127.0.0.1:{site.station.port}/")
        yield page
    finally:
        context.close()


def let_people_pass(site: Site) -> None:
    """Firmware tells of five people, a quarter of a minute apart."""
    site.until(lambda: len(site.firmware.server._listeners) > 0)
    site.firmware.says(COUNTERS)
    for number, (name, masked, way, lane, method) in enumerate(_PEOPLE):
        at_ms = 1_766_282_400_000 + 15_000 * number
        site.firmware.says(
            {
                "type": "passage", "lane": lane, "direction": way, "method": method, "masked": {"name": name, "number": masked},
                "at_ms": at_ms, "verdict": "accepted-ask" if number == 1 else "accepted", "presence": COUNTERS["presence"],
            }
        )  # fmt: skip


def _shoot(page: Page, name: str) -> None:
    page.evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    data = page.screenshot(full_page=True, animations="disabled")
    with Image.open(io.BytesIO(data)) as picture:  # few colours: a third of the size
        picture.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(OUT / f"{name}.png", optimize=True)


def _each_page(page: Page, site: Site, language: str, shoot: Callable[[Page, str], None]) -> None:
    at = f"https://127.0.0.1:{site.station.port}/{language}"
    page.goto(f"{at}/pin")
    shoot(page, f"pin.{language}")
    page.fill("#pin", site.digits)
    page.click("main button")
    page.wait_for_selector(".passages li:nth-child(5)")
    shoot(page, f"gate.{language}")
    page.goto(f"{at}/health")
    page.wait_for_selector(".state.well")
    shoot(page, f"health.{language}")
    trouble = {"sources": {"cong-1": "working", "cong-2": "fault"}, "why": {"cong-2": "/dev/ttyACM0: unplugged"}, "clock": "unknown"}
    site.firmware.says({**COUNTERS, **trouble})
    page.wait_for_selector(".items .note")
    shoot(page, f"health-look.{language}")
    site.firmware.says(COUNTERS)
    page.goto(f"{at}/paper")
    page.fill("#name", "Nguyễn Văn Thử")
    page.fill("#id_number", "001099012345")
    page.fill("#birth_date", "15/03/2999")
    shoot(page, f"paper.{language}")
    site.firmware.answers = {"verdict": "refused", "why": "fields", "fields": {"birth_date": "in-the-future"}}
    page.click("main button")
    page.wait_for_selector(".problem")
    page.wait_for_load_state("load")
    shoot(page, f"paper-mend.{language}")
    site.firmware.answers = {"verdict": "accepted"}
    page.fill("#birth_date", "15/03/1999")
    page.click("main button")
    page.wait_for_selector(".state.well")
    page.wait_for_load_state("load")
    shoot(page, f"paper-done.{language}")
    page.goto(f"{at}/reader")
    page.click("main button >> nth=0")
    site.until(lambda: site.firmware.asked[-1]["type"] == "reader-test")
    site.firmware.says({"type": "reader-tested", "lane": "cong-1", "kind": "person-code", "scheme": "cccd", "took_ms": 12.0})
    page.wait_for_selector(".codes li")
    site.firmware.says({"type": "reader-test", "lane": "cong-1", "state": "ended", "why": "time"})
    page.wait_for_selector(".state.well")
    shoot(page, f"reader.{language}")
    page.click("footer button")


def main() -> None:
    """Takes them all."""
    OUT.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp())
    try:
        enrolled = Enrolled(folder / "state", folder / "run")
        with closing(Recorder(enrolled.outbox, 1_000_000)):
            agent = {"pid": os.getpid(), "connected": True}
        (enrolled.runtime / STATUS_FILE).write_text(json.dumps(agent), encoding="utf-8")
        with open_site(enrolled.settings(*LANES)) as site, opened_browser() as browser, browser_page(browser, site) as page:
            let_people_pass(site)
            for language in ("vi", "en"):
                site.firmware.says(COUNTERS)
                _each_page(page, site, language, _shoot)
    finally:
        shutil.rmtree(folder)
    sys.stdout.write(f"{OUT.relative_to(ROOT)}: {sum(file.stat().st_size for file in OUT.glob('*.png')) // 1000} kB\n")


if __name__ == "__main__":
    main()
