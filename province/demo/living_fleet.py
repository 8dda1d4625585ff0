"""What the living province's scanners tell of themselves: most are well, some are away or in trouble, one has never been heard."""

from __future__ import annotations

import random
from collections.abc import Mapping

from edge_agent.wire.telemetry import Cpu, Disk, Log, Memory, Network, Outbox, Power, Source, Status, Telemetry, Versions
from edge_agent.wire.topics import DeviceName
from province.base.layout import Layout
from province.demo.living_places import Spot
from province.watch.fleet_rules import Facts, Seen, troubles
from province.watch.fleet_store import FleetStore

_ONLINE, _LOST = Status(v=1, state="online"), Status(v=1, state="offline", reason="lost")
_HOUR_MS = 3_600_000
_AWAY_MS = 2 * _HOUR_MS
_AWAY = frozenset({"Cửa hầm xe", "Cửa B"})  # of a supermarket and a station
_DAY_MS = 24 * _HOUR_MS


def fill(layout: Layout, devices: Mapping[tuple[str, str], DeviceName], spots: Mapping[str, Spot], now_ms: int) -> None:
    """Has all scanners speak, and judges them as `gate-province watch` does.

    Args:
        layout: the province.
        devices: by site and gate.
        spots: the sites.
        now_ms: the time.
    """
    with FleetStore(layout.fleet_store) as store:
        places = {name: (spots[site], gate) for (site, gate), name in devices.items()}
        store.registered([Seen(name, spot.name, gate, now_ms - 40 * _DAY_MS) for name, (spot, gate) in places.items()])
        with store.together():
            for at, (name, (spot, gate)) in enumerate(places.items()):
                _tell(store, name, at, spot, gate, now_ms)
            for seen in store.devices(None):
                store.judged(seen.name, troubles(seen, Facts(), now_ms), now_ms)


def _tell(store: FleetStore, name: DeviceName, at: int, spot: Spot, gate: str, now_ms: int) -> None:
    if spot.is_silent and at % 2:
        return  # registered, and never switched on
    away = spot.is_silent or gate in _AWAY
    heard_ms = now_ms - _AWAY_MS if away else now_ms - at % 20 * 1000
    store.told(name, _telemetry(at, heard_ms, silent=spot.is_silent), None, heard_ms)
    store.status(name, _LOST if away else _ONLINE, heard_ms + 45_000 if away else now_ms - 9 * _HOUR_MS)


def _telemetry(at: int, at_ms: int, *, silent: bool) -> Telemetry:
    chance = random.Random(at)  # noqa: S311 - repeatable inventions
    power, sources, outbox = Power(), {"vào": Source("working", 14.8, 9.0, round(chance.uniform(24, 60), 1))}, Outbox(0, 0, 0, 1.0)
    match at % 13:
        case 3:
            power = Power(now=["too little voltage"])
        case 8:
            sources |= {"ra": Source("fault")}
        case 11:
            outbox = Outbox(312, 500_000, 5400, 40.0)
    return Telemetry(
        v=1, at_ms=at_ms, clock="synchronised", boot_id=f"{at:032x}", uptime_s=9 * 3600, period_s=30,
        versions=Versions("0.1.0", "Debian 12", "Raspberry Pi Zero 2 W"), gate="open", power=power, sources=sources, outbox=outbox,
        cpu=Cpu(round(chance.uniform(12, 35), 1), round(chance.uniform(44, 62), 1)), memory=Memory(427, 180 + at, 41),
        disk=Disk(29_000, 21_000 - at), network=Network("mobile" if at % 3 else "wifi", -60 - at % 30),
        log=Log(f"{at:032x}", 1 if silent else 1000 + at, entries_today=0 if silent else 200 + at),
        answers={} if silent else {"accepted": 180 + at, "repeat": 7, "unreadable": 4}, certificate_days=300,
    )  # fmt: skip
