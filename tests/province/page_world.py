"""A fleet to look at: a store filled with devices in every state and a day of numbers, the real page over TLS, and operators' browsers."""

from __future__ import annotations

import http.client
import math
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from edge_agent.wire.telemetry import Cpu, Disk, Log, Memory, Network, Outbox, Power, Presence, Source, Status, Telemetry, Versions
from edge_agent.wire.topics import DeviceName
from province.base.clock import now_ms
from province.base.layout import Layout
from province.fleet.accounts import AccountsFile
from province.fleet.service import fleet_page
from province.watch.fleet_rules import Facts, Seen, troubles
from province.watch.fleet_sample import SLOT_MS
from province.watch.fleet_store import FleetStore
from province.web.serving import Place, Served

WAIT_S = 20.0
ONLINE, LOST = Status(v=1, state="online"), Status(v=1, state="offline", reason="lost")
_SITES = (
    ("Chợ Đông Ba", ("Cổng chính", "Cổng Trần Hưng Đạo", "Cổng bến thuyền")), ("Chợ Cốc Lếu", ("Cổng 1", "Cổng 2")),
    ("Bến xe phía Nam", ("Cửa A", "Cửa B")), ("Tuyến 08: Bến xe – Đại học", ("Cửa trước", "Cửa sau")),
)  # fmt: skip


def told(seed: int, at_ms: int, **changes: object) -> Telemetry:
    """What a device that is well may tell, different for each seed and repeatable."""
    chance = random.Random(seed)
    made: dict[str, object] = {
        "v": 1, "at_ms": at_ms, "clock": "synchronised", "boot_id": f"{seed:032x}", "uptime_s": 3600 * (seed % 200 + 1), "period_s": 30,
        "versions": Versions("0.1.0", "Debian 12", "Raspberry Pi Zero 2 W"), "gate": "open",
        "cpu": Cpu(round(chance.uniform(12, 35), 1), round(chance.uniform(44, 62), 1)), "memory": Memory(427, 180 + seed % 60, 41),
        "disk": Disk(29_000, 21_000 - seed % 900), "network": Network("mobile" if seed % 3 else "wifi", -60 - seed % 30),
        "outbox": Outbox(0, 0, 0, 1.0), "log": Log(f"{seed:032x}", 1000 + seed, entries_today=200 + seed % 300),
        "answers": {"accepted": 180 + seed % 90, "repeat": 7, "unreadable": 4}, "presence": Presence(inside=seed % 60),
        "sources": {"vào": Source("working", 14.8, 9.0, round(chance.uniform(24, 60), 1))}, "certificate_days": 300,
    }  # fmt: skip
    return Telemetry(**{**made, **changes})  # type: ignore[arg-type]  # fields by name


TROUBLED: Sequence[dict[str, object]] = (
    {}, {"power": Power(now=["too little voltage"])}, {"sources": {"vào": Source("fault"), "ra": Source("working", 15.0, 8.0, 30.0)}},
    {"outbox": Outbox(312, 500_000, 5400, 40.0)}, {"faults": 1}, {"gate": "closed"}, {"cpu": Cpu(88.0, 83.0)}, {"clock": "unknown"},
    {"certificate_days": 6}, {"gate": "out-of-hours"}, {}, {"disk": Disk(29_000, 900)},
)  # fmt: skip


def names(count: int) -> list[DeviceName]:
    """So many devices of two organisations."""
    return [DeviceName("cho-hue" if at % 4 else "xe-buyt", f"may-{at + 1:03}") for at in range(count)]


def fill(store: FleetStore, count: int, at_ms: int) -> list[DeviceName]:
    """Registers so many devices and has them tell: most are well, every troubled state is there, some were never heard."""
    made = names(count)
    devices = []
    for at, name in enumerate(made):
        site, gates = _SITES[3 if name.org == "xe-buyt" else at % 3]
        devices.append(Seen(name, site, gates[at % len(gates)], at_ms - 86_400_000 * 40))
    store.registered(devices)
    with store.together():
        for at, name in enumerate(made):
            if at % 23 == 22:
                continue  # never heard
            lost = at % 17 == 11
            heard_ms = at_ms - (4_000_000 if lost else at % 28 * 1000)
            changes = TROUBLED[at // 3 % len(TROUBLED)] if at % 3 == 0 else {}
            store.told(name, told(at, heard_ms, **changes), None, heard_ms)
            store.status(name, LOST if lost else ONLINE, heard_ms + 45_000 if lost else at_ms - 7_200_000)
    judge(store, at_ms, {made[5]: Facts(forks=1)} if count > 5 else {})
    return made


def judge(store: FleetStore, at_ms: int, facts: Mapping[DeviceName, Facts] | None = None, only: DeviceName | None = None) -> None:
    """As `gate-province watch` does at each sweep."""
    with store.together():
        for seen in store.devices(None):
            if only in {None, seen.name}:
                store.judged(seen.name, troubles(seen, (facts or {}).get(seen.name, Facts()), at_ms), at_ms)


def fill_day(store: FleetStore, name: DeviceName, at_ms: int) -> None:
    """A day of numbers with an evening without network, and too little voltage at its end."""
    chance = random.Random(7)
    entries = 0
    for slot in range(288):
        slot_ms = at_ms - (288 - slot) * SLOT_MS
        hour = (slot_ms / 3_600_000 + 7) % 24
        if 120 <= slot < 132:
            continue
        rush = math.exp(-((hour - 7.5) ** 2) / 3) + 0.8 * math.exp(-((hour - 17.5) ** 2) / 4)
        entries = (0 if hour < 1 / 12 else entries) + int(chance.uniform(0, 30) * rush)
        waiting = 140 - (slot - 132) * 9 if 132 <= slot < 147 else 0
        day = told(
            3, slot_ms, cpu=Cpu(20 + 25 * rush, 46 + 12 * math.sin((hour - 9) / 24 * 6.28)), outbox=Outbox(waiting, 0, waiting * 6, 2.0),
            log=Log("0" * 32, 1000, entries_today=entries), network=Network("mobile", int(-75 - 9 * chance.random())),
            sources={"vào": Source("working", 14.8, 9.0, round(24 + 14 * rush + 4 * chance.random(), 1))},
        )  # fmt: skip
        store.told(name, day, None, slot_ms)
    store.told(
        name,
        told(
            3, at_ms, power=Power(now=["too little voltage"]), cpu=Cpu(23.0, 46.5), log=Log("0" * 32, 1004, entries_today=entries + 4),
            network=Network("mobile", -79), sources={"vào": Source("working", 14.8, 9.0, 31.5)}, answers={"accepted": 473, "unreadable": 9},
        ),
        None,
        at_ms,
    )  # fmt: skip
    judge(store, at_ms, only=name)


@dataclass(frozen=True)
class Answered:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    text: str
    body: bytes = b""


class Browser:
    """An operator's browser: trusts the province's authority alone, keeps its cookie, sends forms as browsers do."""

    def __init__(self, port: int, authority: Path) -> None:
        self.port, self.cookie = port, ""
        self._context = ssl.create_default_context(cafile=str(authority))

    def ask(self, method: str, path: str, body: str | None = None, /, **headers: str) -> Answered:
        """One request on a connection of its own."""
        host = f"127.0.0.1:{self.port}"
        with closing(http.client.HTTPSConnection("127.0.0.1", self.port, timeout=WAIT_S, context=self._context)) as connection:
            own = {"Host": host, "Cookie": self.cookie}
            if body is not None:
                own |= {"Origin": f"https://{host}", "Content-Type": "application/x-www-form-urlencoded"}
            connection.putrequest(method, path, skip_host=True)
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            for name, value in {**own, "Content-Length": str(len(body or "")), **given}.items():
                connection.putheader(name, value)
            connection.endheaders(None if body is None else body.encode())
            response = connection.getresponse()
            content = response.read()
            headings = {name.lower(): value for name, value in response.getheaders()}
            answered = Answered(response.status, headings, content.decode(errors="replace"), content)
            set_cookies = response.headers.get_all("set-cookie", [])
        kept = dict(pair.split("=", 1) for pair in self.cookie.split("; ") if pair)
        for each in set_cookies:
            name, value = each.partition(";")[0].split("=", 1)
            kept[name] = value
            if "max-age=0" in each.lower():
                del kept[name]
        self.cookie = "; ".join(f"{name}={value}" for name, value in kept.items())
        return answered

    def get(self, path: str, /, **headers: str) -> Answered:
        return self.ask("GET", path, **headers)

    def post(self, path: str, form: Mapping[str, str], /, **headers: str) -> Answered:
        return self.ask("POST", path, urlencode(form), **headers)

    def login(self, name: str, password: str) -> Answered:
        return self.post("/vi/login", {"name": name, "password": password})

    def hidden(self, path: str) -> dict[str, str]:
        """The hidden fields of a page's last form but the footer's, and its token."""
        text = self.get(path).text
        return {name: text.partition(f'name="{name}" value="')[2].partition('"')[0] for name in ("token", "ref")}

    @contextmanager
    def stream(self, path: str) -> Iterator[Callable[[], tuple[str, str]]]:
        """An event stream; what is yielded returns the next event's name and data."""
        with closing(http.client.HTTPSConnection("127.0.0.1", self.port, timeout=WAIT_S, context=self._context)) as connection:
            connection.request("GET", path, headers={"Cookie": self.cookie})
            response = connection.getresponse()
            assert response.status == 200, response.status

            def following() -> tuple[str, str]:
                name, data = "", list[str]()
                while line := response.readline().decode():
                    if line == "\n":
                        if name:
                            return name, "\n".join(data)
                        continue
                    if line.startswith("event: "):
                        name = line[7:-1]
                    elif line.startswith("data: "):
                        data.append(line[6:-1])
                raise EOFError

            yield following


def until(met: Callable[[], bool]) -> None:
    """For what comes through other threads: looks again and again."""
    pause, over_s = threading.Event(), time.monotonic() + WAIT_S
    while not met():
        assert time.monotonic() < over_s, "never came true"
        pause.wait(0.02)


@dataclass
class Desk:
    """A page with its store and its operators."""

    layout: Layout
    page: Served
    store: FleetStore
    devices: Sequence[DeviceName]
    passwords: Mapping[str, str]

    def browser(self, name: str = "") -> Browser:
        """A browser; with a name it is in."""
        browser = Browser(self.page.port, self.layout.authority_certificate)
        if name:
            assert browser.login(name, self.passwords[name]).status == 303
        return browser


OPERATORS = (("lan", "cho-hue", True), ("minh", "cho-hue", False), ("hung", "xe-buyt", True), ("truc-ban", None, True))


@contextmanager
def open_desk(
    layout: Layout, count: int = 24, *, broker: tuple[str, int] | None = ("127.0.0.1", 1), at_ms: int | None = None
) -> Iterator[Desk]:
    """The page of a province with so many devices.

    Args:
        layout: a founded province.
        count: how many; 0 leaves the store as it is.
        broker: for commands.
        at_ms: when they told; now.
    """
    at_ms = now_ms() if at_ms is None else at_ms
    with ExitStack() as last_first:
        store = last_first.enter_context(FleetStore(layout.fleet_store))
        devices = fill(store, count, at_ms) if count else []
        if count > 1:
            fill_day(store, devices[1], at_ms)
        accounts = AccountsFile(layout)
        passwords = {name: accounts.add(name, org, commands=commands) for name, org, commands in OPERATORS}
        page = fleet_page(layout, Place("127.0.0.1", 0, ("127.0.0.1", "localhost")), broker)
        page.start()
        last_first.callback(page.wait)
        last_first.callback(page.stop)
        yield Desk(layout, page, store, devices, passwords)
