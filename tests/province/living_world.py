"""The living province for tests: populated once for a module, its pages served for real, and browsers of each role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from page_world import Browser
from province_world import founded, free_port

from province.base.clock import now_ms
from province.base.layout import Layout
from province.demo.living import Living, populate
from province.demo.living_accounts import Login, add_accounts
from province.shell.web_command import opened
from province.web.serving import Place, Served


@dataclass(frozen=True)
class Shown:
    """A living province with its pages.

    Attributes:
        logins: by a short word, such as `keeper`.
    """

    layout: Layout
    living: Living
    logins: dict[str, Login]
    port: int

    def browser(self, who: str = "") -> Browser:
        """A browser; with a word of `logins` it is in."""
        browser = Browser(self.port, self.layout.authority_certificate)
        if who:
            login = self.logins[who]
            assert browser.post("/vi/login", {"phone": login.phone, "password": login.password}).status == 303
        return browser


def living_layout(folder: Path, *, days: int = 3, people: int = 120) -> tuple[Layout, Living]:
    """A founded province with an invented district in it."""
    layout = founded(folder / "province", free_port())
    return layout, populate(layout, now_ms(), days=days, people=people)


@contextmanager
def shown(layout: Layout, living: Living) -> Iterator[Shown]:
    """Serves the pages of a living province."""
    logins = add_accounts(layout, now_ms())
    place = Place("127.0.0.1", 0, ("127.0.0.1", "localhost"))
    served = Served("web", layout, place, layout.web, lambda: opened(layout, place))
    served.start()
    try:
        yield Shown(layout, living, logins, served.port)
    finally:
        served.stop()
        served.wait()
