"""The living province for tests: populated once for a module, its pages served for real, and browsers of each role."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from page_world import Browser
from province_world import founded, free_port
from web_world import PASSWORD_ONLY

from edge_agent.wire.entry import Clock, Direction, Kind, Known, Method, Passage, RecordedPerson
from edge_agent.wire.keyring import day_of
from province.base.clock import now_ms
from province.base.layout import Layout
from province.collecting.register import Register
from province.demo.living import Chain, Living, populate
from province.demo.living_accounts import Login, add_accounts
from province.demo.living_case import open_case
from province.demo.living_places import SPOTS
from province.keys.day_keys import DayKeys
from province.keys.keystore import Keystore
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

    def passes(self, site: str, gate: str, who: RecordedPerson, direction: Direction = Direction.IN) -> None:
        """Somebody passes a gate now, and the passage is registered."""
        keys = Keystore(self.layout.keystore).load(day_of(now_ms()).isoformat())
        assert isinstance(keys, DayKeys)
        place = next(spot.name for spot in SPOTS if spot.id == site), gate
        chain = Chain(self.living.devices[site, gate], place, secrets.token_bytes(16))
        body = Passage(who, direction, Known.LANE, Method.CAMERA, health="valid")
        taken = chain.take(body, Kind.PASSAGE, now_ms(), bytes(16), Clock.SYNCHRONISED, keys)
        with Register(self.layout.register) as register:
            register.store([taken], now_ms)

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
    open_case(layout, living, logins["tracer"], now_ms())
    place = Place("127.0.0.1", 0, ("127.0.0.1", "localhost"))
    served = Served("web", layout, place, layout.web, lambda: opened(layout, place, PASSWORD_ONLY))
    served.start()
    try:
        yield Shown(layout, living, logins, served.port)
    finally:
        served.stop()
        served.wait()
