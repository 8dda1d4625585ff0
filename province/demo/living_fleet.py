"""What the living province's scanners tell of themselves: most are well, some are away or in trouble, one has never been heard."""

from __future__ import annotations

import random
import sqlite3
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from edge_agent.wire.keyring import day_of
from edge_agent.wire.telemetry import Cpu, Disk, Log, Memory, Network, Outbox, Power, Source, Status, Telemetry, Versions
from edge_agent.wire.topics import DeviceName
from province.base.layout import Layout
from province.demo.living_places import Spot
from province.records.views import day_bounds_ms
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
        made_ms: when each of its entries was made, in order, milliseconds since 1970 UTC.
    """

    name: DeviceName
    site: str
    gate: str
    at: int
    is_quiet: bool
    is_away: bool
    made_ms: Sequence[int] = ()

    def log_at(self, at_ms: int) -> Log:
        """How far its log reaches at a time, and how much of it is of that day."""
        count = bisect_right(self.made_ms, at_ms)
        before = bisect_left(self.made_ms, day_bounds_ms(day_of(at_ms))[0])
        return Log(f"{self.at:032x}", count, entries_today=max(0, count - before))

    @property
    def is_unheard(self) -> bool:
        """Whether it was registered, and never switched on."""
        return self.is_quiet and self.at % 2 == 1


def scanners(
    devices: Mapping[tuple[str, str], DeviceName], spots: Mapping[str, Spot], page: DeviceName, made_ms: Mapping[DeviceName, Sequence[int]]
) -> list[Scanner]:
    """All of a living province.

    Args:
        devices: by site and gate.
        spots: the sites.
        page: the check-in page, which tells how it is as they do.
        made_ms: when the entries of each were made, in order.
    """
    found = [
        Scanner(name, spots[site].name, gate, at, spots[site].is_silent, spots[site].is_silent or gate in _AWAY, made_ms.get(name, ()))
        for at, ((site, gate), name) in enumerate(devices.items())
    ]
    return [*found, Scanner(page, "check-in", "page", len(found), is_quiet=False, is_away=False, made_ms=made_ms.get(page, ()))]


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
            gate="down", cpu=cpu, outbox=Outbox(0, 0, 0, 1.0), log=one.log_at(at_ms), certificate_days=300,
        )  # fmt: skip
    power, sources, outbox = Power(), {"vào": Source("working", 14.8, 9.0, round(chance.uniform(24, 60), 1))}, Outbox(0, 0, 0, 1.0)
    match at % 13:
        case 3:
            power = Power(now=["too little voltage"])
        case 8:
            sources |= {"ra": Source("fault")}
        case 11:
            outbox = Outbox(312, 500_000, 5400, 40.0)
    log = one.log_at(at_ms)
    return Telemetry(
        v=1, at_ms=at_ms, clock="synchronised", boot_id=f"{at:032x}", uptime_s=9 * 3600, period_s=_PERIOD_S, versions=_VERSIONS,
        gate="open", power=power, sources=sources, outbox=outbox, cpu=cpu, memory=Memory(427, 180 + at, 41),
        disk=Disk(29_000, 21_000 - at), network=Network("mobile" if at % 3 else "wifi", -60 - at % 30),
        log=log, answers={} if one.is_quiet else {"accepted": log.entries_today or 0, "already": 7, "unreadable": 4}, certificate_days=300,
    )  # fmt: skip
