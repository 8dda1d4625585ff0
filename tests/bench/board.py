"""How long after the green light a passage stands on its place's board: a real gate, agent, broker, collector and page, a browser's stream.

The reference of the same run is the collector's own word of when it had committed the entry.
"""

from __future__ import annotations

import queue
import re
import tempfile
import threading
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from chain_world import GATE_1, Chain, chain
from measures import Measure, at_most, none_of, told
from page_world import Browser
from web_world import PASSWORD_ONLY

from edge_agent.device.control import ControlClient
from province.accounts import passwords
from province.accounts.account import Role, account
from province.accounts.roll import Roll, new_id
from province.base.clock import now_ms
from province.demo.demo_tally import percentile
from province.demo.synthetic import synthetic_people
from province.keys import people_keys
from province.keys.keystore import Keystore
from province.registry import sites
from province.registry.categories import Category
from province.registry.site import new_site
from province.shell.web_command import opened
from province.store import database
from province.web.serving import Place, Served

_PEOPLE = 500
_BETWEEN_S = 0.1  # more people a second than any door lets in
_LAST_S = 10.0
_ROW = re.compile(r'<tr id="p(\d+)"')
_PHONE = "0100000001"
Entry = tuple[str, int]


class _Greens:
    """When the gate answered each entry with green, by its own word."""

    def __init__(self, client: ControlClient) -> None:
        self._client = client
        self.at_ms: dict[Entry, int] = {}
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        with suppress(OSError):
            for message in self._client.messages():
                if message["type"] == "passage":
                    self.at_ms[message["log"], message["seq"]] = message["green_ms"]

    def close(self) -> None:
        self._client.shut()
        self._thread.join(2.0)
        self._client.close()


class _Board:
    """When each row came to a keeper's browser; `over` is set when all have, or none comes any more."""

    def __init__(self, browser: Browser, most: int) -> None:
        self.at_ms: dict[int, int] = {}
        self.pictures = 0
        self._browser = browser
        self._most = most
        self.first, self.over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        with ExitStack() as last, suppress(OSError, EOFError, ValueError), self._browser.stream("/vi/stream/board/cho") as following:
            last.callback(self.over.set)
            while len(self.at_ms) < self._most:
                _name, data = following()
                came_ms = now_ms()
                self.pictures += 1
                for row in _ROW.findall(data):
                    self.at_ms.setdefault(int(row), came_ms)
                self.first.set()


def _keeper(world: Chain) -> str:
    """A site for the gate's entries, and somebody who keeps it; returns their password."""
    with closing(database.connect(world.layout.register)) as connection:
        site = new_site("cho", GATE_1.org, "Chợ", Category.MARKET, "Phố Chợ", ("Cổng",))
        sites.add(connection, world.layout.register, site)
        password = passwords.made()
        one = account(new_id(), "Lò Thị Mây", Role.KEEPER, org=None, unit=None, sites=frozenset({"cho"}))
        roll = Roll(world.layout.register, people_keys.ensure(Keystore(world.layout.keystore)))
        roll.add(connection, one, [_PHONE], passwords.hashed(password), now_ms())
    return password


def _rows(world: Chain) -> dict[Entry, int]:
    with closing(database.connect(world.layout.register)) as connection:
        found = connection.execute("SELECT id, log, seq FROM entry WHERE kind = 'passage'").fetchall()
    return {(bytes(row["log"]).hex(), row["seq"]): row["id"] for row in found}


def _committed(world: Chain) -> dict[Entry, int]:
    assert world.collecting is not None
    found: dict[Entry, int] = {}
    with suppress(queue.Empty):
        while True:
            event = world.collecting.events.get_nowait()
            if event.get("event") == "registered":
                found[event["log"], event["seq"]] = event["committed_ms"]
    return found


def measure() -> list[Measure]:
    """The figures."""
    with tempfile.TemporaryDirectory() as name, chain(Path(name)) as world, ExitStack() as stack:
        password = _keeper(world)
        place = Place("127.0.0.1", 0, ("127.0.0.1",))
        served = Served("web", world.layout, place, world.layout.web, lambda: opened(world.layout, place, PASSWORD_ONLY))
        served.start()
        stack.callback(served.wait)
        stack.callback(served.stop)
        world.broker.start()
        world.collect()
        world.gate.agent.start()
        world.gate.open()
        browser = Browser(served.port, world.layout.authority_certificate)
        assert browser.post("/vi/login", {"phone": _PHONE, "password": password}).status == 303
        greens = _Greens(ControlClient(world.gate.runtime))
        stack.callback(greens.close)
        board = _Board(browser, _PEOPLE)
        assert board.first.wait(_LAST_S)
        between = threading.Event()
        for person in synthetic_people(_PEOPLE, seed=5):
            world.gate.pass_by([person])
            between.wait(_BETWEEN_S)
        board.over.wait(_LAST_S)
        rows, committed = _rows(world), _committed(world)
    to_board = [board.at_ms[row] - greens.at_ms[entry] for entry, row in rows.items() if row in board.at_ms and entry in greens.at_ms]
    to_register = [max(1, committed[entry] - at_ms) for entry, at_ms in greens.at_ms.items() if entry in committed]
    p95 = percentile(to_board, 0.95) or 0
    return [
        none_of("green light to board: passages never shown", _PEOPLE - len(to_board), "passages"),
        at_most(f"green light to board, p95 of {len(to_board)}", p95 / 1000, "s", 1.0),
        told("green light to board, p95", p95 / (percentile(to_register, 0.95) or 1), "x green light to register, p95"),
        told("green light to board, p50", (percentile(to_board, 0.5) or 0) / 1000, "s"),
        told("green light to board, longest", max(to_board, default=0) / 1000, "s"),
        told("pictures of the board that the browser got", board.pictures, ""),
    ]
