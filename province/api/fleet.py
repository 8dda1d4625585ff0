"""The fleet for other programs: how the scanners are, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from province.api.clients import Scope
from province.api.endpoints import Asked, Endpoint, Refusal
from province.api.registry import ORG
from province.api.shapes import AlertShape, DeviceShape
from province.base.errors import ProvinceError
from province.registry import devices
from province.watch.fleet_store import FleetStore


class Devices(msgspec.Struct, frozen=True):
    """Scanners, by organisation and name."""

    devices: list[DeviceShape]


class Alerts(msgspec.Struct, frozen=True):
    """Alerts that are not over, newest first."""

    alerts: list[AlertShape]


@contextmanager
def _fleet(asked: Asked) -> Iterator[FleetStore]:
    try:
        with FleetStore(asked.layout.fleet_store) as store:
            yield store
    except ProvinceError as error:
        raise Refusal(503, str(error)) from None


def _devices(asked: Asked) -> Devices:
    org = asked.for_org()
    with _fleet(asked) as store:
        seen = {one.name: one for one in store.devices(org)}
        wrong: dict[object, list[str]] = {}
        for alert in store.alerts(org):
            wrong.setdefault(alert.name, []).append(str(alert.trouble))
    found = []
    for one in devices.every(asked.connection):
        if org not in {None, one.name.org}:
            continue
        here = seen.get(one.name)
        told = None if here is None else here.telemetry
        found.append(
            DeviceShape(
                one.name.org, one.name.device, one.site, one.gate, one.status,
                online=here is not None and here.status is not None and here.status.state == "online",
                heard_ms=None if here is None else max(here.status_ms, here.told_ms) or None,
                software=None if told is None else told.versions.software,
                backlog=None if told is None or told.outbox is None else told.outbox.waiting,
                troubles=sorted(wrong.get(one.name, [])),
            )
        )  # fmt: skip
    return Devices(found)


def _alerts(asked: Asked) -> Alerts:
    with _fleet(asked) as store:
        found = store.alerts(asked.for_org())
    return Alerts([
        AlertShape(one.number, one.name.org, one.name.device, str(one.trouble), one.raised_ms, one.acknowledged_ms) for one in found
    ])  # fmt: skip


ENDPOINTS = (
    Endpoint("GET", "/devices", "Scanners, and how they are.", Scope.FLEET_READ, Devices, _devices, (ORG,)),
    Endpoint("GET", "/alerts", "What is wrong with scanners now.", Scope.FLEET_READ, Alerts, _alerts, (ORG,)),
)
