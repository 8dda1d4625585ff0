"""The fleet for other programs: how the scanners are, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from province.api import paging
from province.api.clients import Scope
from province.api.endpoints import Asked, Endpoint, Refusal
from province.api.paging import AFTER_DEVICE, LIMIT
from province.api.registry import ORG
from province.api.shapes import AlertShape, DeviceShape
from province.base.errors import ProvinceError
from province.registry import devices
from province.registry.devices import Device
from province.watch.fleet_rules import Seen
from province.watch.fleet_store import FleetAlert, FleetStore


class Devices(msgspec.Struct, frozen=True):
    """A page of scanners, by organisation and name.

    Attributes:
        next: what to give as `after` for the next page; null after the last.
    """

    devices: list[DeviceShape]
    next: str | None


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
    org, _, name = asked.given.get("after", "").partition("/")
    found = devices.page(asked.connection, asked.for_org(), (org, name), paging.wanted(asked))
    shown, more = paging.page(asked, found, lambda one: str(one.name))
    with _fleet(asked) as store:
        return Devices([_shape(one, store.device(one.name), store.alerts(None, of=one.name)) for one in shown], more)


def _shape(one: Device, here: Seen | None, wrong: Sequence[FleetAlert]) -> DeviceShape:
    told = None if here is None else here.telemetry
    return DeviceShape(
        one.name.org, one.name.device, one.site, one.gate, one.status,
        online=here is not None and here.status is not None and here.status.state == "online",
        heard_ms=None if here is None else max(here.status_ms, here.told_ms) or None,
        software=None if told is None else told.versions.software,
        backlog=None if told is None or told.outbox is None else told.outbox.waiting,
        troubles=sorted(str(alert.trouble) for alert in wrong),
    )  # fmt: skip


def _alerts(asked: Asked) -> Alerts:
    with _fleet(asked) as store:
        found = store.alerts(asked.for_org())
    return Alerts([
        AlertShape(one.number, one.name.org, one.name.device, str(one.trouble), one.raised_ms, one.acknowledged_ms) for one in found
    ])  # fmt: skip


ENDPOINTS = (
    Endpoint(
        "GET",
        "/devices",
        "Scanners, and how they are, a page at a time.",
        Scope.FLEET_READ,
        Devices,
        _devices,
        (ORG, AFTER_DEVICE, LIMIT),
    ),
    Endpoint("GET", "/alerts", "What is wrong with scanners now.", Scope.FLEET_READ, Alerts, _alerts, (ORG,)),
)
