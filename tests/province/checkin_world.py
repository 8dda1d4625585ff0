"""A check-in page that serves a province's sites, made as an operator makes it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from old_province import here
from page_world import Answered, Browser
from province_world import ROOT, founded

from province.base.layout import Layout
from province.checkin import booking
from province.checkin.app import Checkin, Paces
from province.registry import sites
from province.registry.categories import Category
from province.registry.site import Site, new_site
from province.store import database
from province.web.serving import App, Place, Served

MARKET = new_site("cho-dong-ba", "cho", "Chợ Đông Ba", Category.MARKET, "2 Trần Hưng Đạo, Huế", ("Cổng chính",))
BUS = new_site("xe-1", "xe-buyt", "Xe 75B-012.34", Category.VEHICLE, "Bến xe", ("Cửa",), plate="75B-012.34", route="Tuyến 8")
TYPED = {"name": "Nguyễn Văn Ẩn Danh", "phone": "010 123 4567", "direction": "in"}
FILE_OF_ENTRIES = "outbox.sqlite"


def made(folder: Path, port: int = 8883) -> tuple[Layout, Path]:
    """A province with two sites and a page that is a member; its folder and the page's configuration."""
    layout = founded(folder / "province", port)
    with closing(database.connect(layout.register)) as connection:
        for site in (MARKET, BUS):
            sites.add(connection, layout.register, site)
    home = folder / "checkin"
    done = here("checkin", "make", layout.root, home)
    assert done.returncode == 0, done.stderr
    config = home / "checkin.toml"
    # tests run in memory
    config.write_text(config.read_text("utf-8").replace("[outbox]", "memory = true\n\n[outbox]\nkeep_free_mb = 0"))
    enrol = [sys.executable, "-m", "edge_agent", "enrol", str(home / "page-1.bundle.json"), "--config", str(config)]
    subprocess.run(enrol, check=True, cwd=ROOT, capture_output=True)
    return layout, config


class Phone(Browser):
    """A visitor's."""

    def form(self, site: Site, language: str = "vi") -> dict[str, str]:
        """What the form of a site carries unseen."""
        answer = self.get(f"/{language}/s/{site.code}")
        assert answer.status == 200, answer.text
        return {"ref": answer.text.partition('name="ref" value="')[2].partition('"')[0]}

    def check_in(self, site: Site, language: str = "vi", **typed: str) -> Answered:
        """Fills in a form and sends it."""
        return self.post(f"/{language}/s/{site.code}", {**self.form(site, language), **TYPED, **typed})

    def follow(self, answer: Answered) -> Answered:
        """Where an answer sends the browser."""
        assert answer.status == 303, answer.text
        return self.get(urlsplit(answer.headers["location"]).path)


@dataclass
class Page:
    """A page that is served."""

    layout: Layout
    config: Path
    served: Served

    def phone(self) -> Phone:
        return Phone(self.served.port, self.layout.authority_certificate)

    @property
    def state(self) -> Path:
        return self.config.parent / "state"


@contextmanager
def served(layout: Layout, config: Path, paces: Paces | None = None, now_s: Callable[[], float] = time.monotonic) -> Iterator[Page]:
    """The page, over TLS on a free port."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[App]:
        own = await asyncio.to_thread(booking.from_config, config)
        try:
            yield Checkin(layout, own, paces=paces, now_s=now_s).app
        finally:
            await asyncio.to_thread(own.close)

    page = Served("check-in", layout, Place("127.0.0.1", 0, ("127.0.0.1", "localhost")), layout.checkin, opened)
    page.start()
    try:
        yield Page(layout, config, page)
    finally:
        page.stop()
        page.wait()
