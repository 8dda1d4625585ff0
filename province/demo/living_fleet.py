"""What the living province's scanners tell of themselves: most are well, some are away or in trouble, one has never been heard."""

from __future__ import annotations

import math
import random
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from edge_agent.wire.telemetry import Cpu, Disk, Log, Memory, Network, Outbox, Power, Source, Status, Telemetry, Versions
from edge_agent.wire.topics import DeviceName
from province.base.layout import Layout
from province.demo.living_places import Spot
from province.registry.texts import CHECKIN
from province.watch.fleet_rules import Facts, Seen, troubles
from province.watch.fleet_sample import SLOT_MS
from province.watch.fleet_store import FleetStore

_ONLINE, _LOST = Status(v=1, state="online"), Status(v=1, state="offline", reason="lost")
_MINUTE_MS, _HOUR_MS = 60_000, 3_600_000
_VIETNAM_MS = 7 * _HOUR_MS  # ahead of UTC
_AWAY_MS = 2 * _HOUR_MS
_AWAY = frozenset({"Cửa hầm xe", "Cửa B"})  # of a supermarket and a station
_DAY_MS = 24 * _HOUR_MS
_TOLD_MS = 4 * _HOUR_MS  # so far back each has told something, for the curves on its page
_PERIOD_S = 30
_VERSIONS = Versions("0.1.0", "Debian 12", "Raspberry Pi Zero 2 W")


@dataclass(frozen=True, slots=True)
class Scanner:
    """One of them.

    Attributes:
        at: its number, which says what it is like.
        is_quiet: nobody scans there.
        is_away: it is not heard any more.
    """

    name: DeviceName
    site: str
    gate: str
    at: int
    is_quiet: bool
    is_away: bool

    @property
    def is_unheard(self) -> bool:
        """Whether it was registered, and never switched on."""
        return self.is_quiet and self.at % 2 == 1


def scanners(devices: Mapping[tuple[str, str], DeviceName], spots: Mapping[str, Spot], page: DeviceName) -> list[Scanner]:
    """All of a living province.

    Args:
        devices: by site and gate.
        spots: the sites.
        page: the check-in page, which tells how it is as they do.
    """
    found = [
        Scanner(name, spots[site].name, gate, at, spots[site].is_silent, spots[site].is_silent or gate in _AWAY)
        for at, ((site, gate), name) in enumerate(devices.items())
    ]
    return [*found, Scanner(page, "check-in", "page", len(found), is_quiet=False, is_away=False)]


def fill(layout: Layout, every: Iterable[Scanner], now_ms: int) -> None:
    """Has all scanners speak, and judges them as `gate-province watch` does.

    Args:
        layout: the province.
        every: the scanners.
        now_ms: the time.
    """
    every = list(every)
    with FleetStore(layout.fleet_store) as store:
        store.registered([Seen(one.name, one.site, one.gate, now_ms - 40 * _DAY_MS) for one in every])
        with store.together():
            for one in every:
                if not one.is_unheard:
                    _speak(store, one, now_ms)
            for seen in store.devices(None):
                store.judged(seen.name, troubles(seen, Facts(), now_ms), now_ms)


def _speak(store: FleetStore, one: Scanner, now_ms: int) -> None:
    last_ms = now_ms - _AWAY_MS if one.is_away else now_ms - one.at % 20 * 1000
    for at_ms in (*_slots(last_ms), last_ms):
        store.told(one.name, _telemetry(one, at_ms), None, at_ms)
    store.status(one.name, _LOST if one.is_away else _ONLINE, last_ms + 45_000 if one.is_away else now_ms - 9 * _HOUR_MS)


def _slots(last_ms: int) -> Iterator[int]:
    return iter(range(last_ms - _TOLD_MS, last_ms - SLOT_MS, SLOT_MS))


class Speaking:
    """Goes on telling what those tell that are not away, so that they stay so; `gate-province watch` judges them.

    Args:
        layout: the province.
        every: the scanners.
        now_ms: the time.
    """

    def __init__(self, layout: Layout, every: Iterable[Scanner], now_ms: Callable[[], int]) -> None:
        self._layout, self._now_ms = layout, now_ms
        self._every = [one for one in every if not one.is_away]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._speak, name="demo-fleet", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it."""
        self._stopping.set()
        self._thread.join()

    def _speak(self) -> None:
        with FleetStore(self._layout.fleet_store) as store:
            while not self._stopping.wait(_PERIOD_S):
                try:
                    self.tell(store)
                except sqlite3.OperationalError:  # whoever watches writes at this moment for long: told again with the next
                    continue

    def tell(self, store: FleetStore) -> None:
        """All of them, once."""
        at_ms = self._now_ms()
        with store.together():
            for one in self._every:
                store.told(one.name, _telemetry(one, at_ms), None, at_ms)


def _telemetry(one: Scanner, at_ms: int) -> Telemetry:
    at, minute = one.at, (at_ms + _VIETNAM_MS) // _MINUTE_MS
    chance = random.Random(f"{at} {minute}")  # noqa: S311 - repeatable inventions
    cpu = Cpu(round(12 + at % 20 + chance.uniform(0, 9), 1), round(44 + at % 14 + chance.uniform(0, 3), 1))
    if one.name.org == CHECKIN:  # it has no reader and no gate-firmware
        return Telemetry(
            v=1, at_ms=at_ms, clock="synchronised", boot_id=f"{at:032x}", uptime_s=9 * 3600, period_s=_PERIOD_S, versions=_VERSIONS,
            gate="down", cpu=cpu, outbox=Outbox(0, 0, 0, 1.0), log=Log(f"{at:032x}", 400, entries_today=40), certificate_days=300,
        )  # fmt: skip
    power, sources, outbox = Power(), {"vào": Source("working", 14.8, 9.0, round(chance.uniform(24, 60), 1))}, Outbox(0, 0, 0, 1.0)
    match at % 13:
        case 3:
            power = Power(now=["too little voltage"])
        case 8:
            sources |= {"ra": Source("fault")}
        case 11:
            outbox = Outbox(312, 500_000, 5400, 40.0)
    of_day = minute % (24 * 60)
    today = 0 if one.is_quiet else int(of_day * (0.3 + at % 5 * 0.1) + 14 * math.sin(of_day / 60)) + 1  # more at some hours, never fewer
    return Telemetry(
        v=1, at_ms=at_ms, clock="synchronised", boot_id=f"{at:032x}", uptime_s=9 * 3600, period_s=_PERIOD_S, versions=_VERSIONS,
        gate="open", power=power, sources=sources, outbox=outbox, cpu=cpu, memory=Memory(427, 180 + at, 41),
        disk=Disk(29_000, 21_000 - at), network=Network("mobile" if at % 3 else "wifi", -60 - at % 30),
        log=Log(f"{at:032x}", 1 if one.is_quiet else 1000 + today, entries_today=today),
        answers={} if one.is_quiet else {"accepted": 180 + today, "already": 7, "unreadable": 4}, certificate_days=300,
    )  # fmt: skip
