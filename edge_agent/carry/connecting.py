"""The device's link to the broker, what it says of itself there, and what reaches the uplink as work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from drivers import system_clock
from edge_agent.carry.intake import Intake
from edge_agent.device.identity import Identity
from edge_agent.device.settings import AgentSettings
from edge_agent.health.own_health import software
from edge_agent.link import broker_link
from edge_agent.link.broker_link import BrokerLink, Message
from edge_agent.wire import telemetry, topics
from edge_agent.wire.telemetry import Status
from edge_agent.wire.topics import Leaf


@dataclass(frozen=True, slots=True)
class Recorded:
    """Firmware has appended an entry."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End the uplink."""


Work: TypeAlias = broker_link.Event | Recorded | Stop


def birth(identity: Identity) -> Message:
    """What we say of ourselves when a connection begins; retained."""
    return _status(identity, Status(v=telemetry.VERSION, state="online", since_ms=max(0, system_clock.wall_ms()), software=software()))


def farewell(identity: Identity, reason: Literal["stopped", "lost"], *, returning: bool = False) -> Message:
    """What we say when we stop or connect anew, or as our last will the broker for us when it misses us; retained."""
    return _status(identity, Status(v=telemetry.VERSION, state="offline", reason=reason, returning=returning))


def _status(identity: Identity, status: Status) -> Message:
    return Message(identity.name.topic(Leaf.STATUS), telemetry.encode(status), retain=True)


def connect(identity: Identity, settings: AgentSettings, work: Intake[Work], known_ms: Callable[[], int] = lambda: 0) -> BrokerLink:
    """The device's link to the broker, its events going to `work`; not started yet. `known_ms`: see `Endpoint`.

    Raises:
        OSError: the TLS files cannot be read.
    """
    link = BrokerLink(
        replace(identity.endpoint, known_ms=known_ms),
        str(identity.name),
        [topics.KEYRING, *(identity.name.topic(leaf) for leaf in topics.DEVICE_READS)],
        work.put,
        will=farewell(identity, "lost"),
        keepalive_s=settings.keepalive_s,
    )
    link.leave = farewell(identity, "lost", returning=True)
    return link
