"""The province's pages to ask: the real ones over TLS, accounts of every role, and their browsers."""

from __future__ import annotations

import asyncio
import http.client
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field

from page_world import WAIT_S, Answered, Browser

from province.accounts import account as accounts
from province.accounts.account import HAS_ORG, HAS_SITES, Account, Role
from province.accounts.passwords import hashed
from province.accounts.roll import Roll, new_id
from province.base.clock import now_ms
from province.base.layout import Layout
from province.keys import people_keys
from province.keys.keystore import Keystore
from province.records import audit
from province.shell import web_command
from province.store import database
from province.web.app import Pages
from province.web.door import Policy
from province.web.section import Section
from province.web.serving import App, Place, Served
from province.web.world import World

PASSWORD = "ba cây xoài sau nhà"
PASSWORD_ONLY = Policy(frozenset(Role))


def roll_of(layout: Layout) -> Roll:
    """The accounts of a province."""
    return Roll(layout.register, people_keys.ensure(Keystore(layout.keystore)))


def enlist(layout: Layout, role: Role, phone: str, *, name: str = "Nguyễn Thị Lan", **reach: object) -> Account:
    """Adds an account with the password `PASSWORD`; of what its role needs and is not given, something."""
    given = {"org": None, "unit": None, "sites": frozenset[str](), **reach}
    if role in HAS_SITES and not given["sites"]:
        given["sites"] = frozenset({"cho-dong-ba"})
    if role is Role.TRACER and given["unit"] is None:
        given["unit"] = "46"
    given.setdefault("whole", role in HAS_ORG and given["org"] is None and given["unit"] is None)
    one = accounts.account(new_id(), name, role, **given)  # type: ignore[arg-type]  # fields by name
    with closing(database.connect(layout.register)) as connection:
        roll_of(layout).add(connection, one, [phone], hashed(PASSWORD), now_ms())
    return one


def changes_noted(layout: Layout, id_: str) -> list[tuple[str, str]]:
    """The lines of the audit log about an account: what was done, and by whom, the oldest first."""
    with closing(database.connect(layout.register)) as connection:
        return [(line.action, line.officer) for line in audit.lines(connection) if line.reason.split(" ")[0] == id_]


class Visitor(Browser):
    """A browser that comes in by phone and password."""

    def login(self, name: str, password: str = PASSWORD) -> Answered:
        return self.post("/vi/login", {"phone": name, "password": password})

    def stream_status(self, path: str) -> int:
        """What a stream answers; it is hung up on at once."""
        with closing(http.client.HTTPSConnection("127.0.0.1", self.port, timeout=WAIT_S, context=self._context)) as connection:
            connection.request("GET", path, headers={"Cookie": self.cookie})
            return connection.getresponse().status

    def token(self, path: str = "/vi/account") -> str:
        """What a form of this browser must carry."""
        return self.get(path).text.partition('name="token" value="')[2].partition('"')[0]


@dataclass
class Clock:
    """A time that stands still until a test moves it."""

    at_s: float = 1_000_000.0
    from_ms: int = 1_633_395_600_000  # 8:00 on 5 October 2021 in Vietnam

    def now_s(self) -> float:
        return self.at_s

    def now_ms(self) -> int:
        return self.from_ms + int(self.at_s * 1000)

    def later(self, seconds: float) -> None:
        self.at_s += seconds


@dataclass
class Site:
    """Pages that are served, with an account of each role."""

    layout: Layout
    served: Served
    pages: Pages
    world: World
    phones: Mapping[Role, str] = field(default_factory=dict)

    def browser(self, role: Role | None = None) -> Visitor:
        """A browser; with a role it is in."""
        made = Visitor(self.served.port, self.layout.authority_certificate)
        if role is not None:
            answer = made.login(self.phones[role])
            assert answer.status == 303, answer.text
        return made


@contextmanager
def served_pages(
    layout: Layout,
    *,
    sections: Callable[[World], tuple[Section, ...]] = web_command.sections,
    now_s: Callable[[], float] = time.monotonic,
    at_ms: Callable[[], int] = now_ms,
    roles: tuple[Role, ...] = tuple(Role),
    policy: Policy = PASSWORD_ONLY,
) -> Iterator[Site]:
    """The pages of a province, over TLS on a free port.

    Args:
        layout: a founded province.
        sections: the rooms; all of them.
        now_s: monotonic seconds for sessions and waits.
        at_ms: the time.
        roles: an account is made of each.
        policy: how they come in; by password alone.
    """
    made: list[Pages] = []
    worlds: list[World] = []

    @asynccontextmanager
    async def opened() -> AsyncIterator[App]:
        world = World(layout, at_ms)
        worlds.append(world)
        made.append(Pages(world, sections(world), policy, now_s=now_s))
        try:
            yield made[0].app
        finally:
            await asyncio.to_thread(world.close)

    phones = {role: f"09120000{number:02}" for number, role in enumerate(roles)}
    for role, phone in phones.items():
        enlist(layout, role, phone)
    served = Served("web", layout, Place("127.0.0.1", 0, ("127.0.0.1", "localhost")), layout.web, opened)
    served.start()
    try:
        yield Site(layout, served, made[0], worlds[0], phones)
    finally:
        served.stop()
        served.wait()
