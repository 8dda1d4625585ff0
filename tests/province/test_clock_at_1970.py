"""A device whose clock stands in the past still connects, and still refuses whom it must: real TLS against a real Mosquitto."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from province_world import WAIT_S, Broker, Scanner, founded, free_port, scanner

from edge_agent.device.broker_probe import NotLetIn, probe
from edge_agent.link.broker_link import BrokerLink, Connected, Disconnected, Event
from province.base.clock import now_ms
from province.base.layout import Layout
from province.keys.tls_authority import TlsAuthority

DAY_MS = 86_400_000
# paho leaves the socket of a failed handshake to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


def certify_broker(layout: Layout, begin: timedelta, life: timedelta, host: str = "127.0.0.1", authority: Layout | None = None) -> None:
    """Gives the broker a certificate that begins so long from now (and a day early)."""
    its = authority or layout
    made = TlsAuthority.load(its.authority_key, its.authority_certificate).server((host,), datetime.now(UTC) + begin, life)
    (layout.broker / "server.crt").write_bytes(made.certificate_pem)
    (layout.broker / "server.key").write_bytes(made.key_pem)


@contextmanager
def broker(layout: Layout, folder: Path) -> Iterator[Scanner]:
    device = scanner(layout, folder)
    with Broker(layout):
        yield device


def first_event(device: Scanner, known_ms: int) -> Event:
    seen: queue.SimpleQueue[Event] = queue.SimpleQueue()
    link = BrokerLink(replace(device.endpoint, known_ms=lambda: known_ms), str(device.name), [], seen.put)
    link.start()
    try:
        return seen.get(timeout=WAIT_S)
    finally:
        link.stop()


def why(event: Event) -> str:
    assert isinstance(event, Disconnected)
    return event.why


def test_a_certificate_of_the_future_is_good_for_a_device_that_knows_its_clock_is_behind(layout: Layout, tmp_path: Path) -> None:
    certify_broker(layout, timedelta(days=30), timedelta(days=30))
    with broker(layout, tmp_path) as device:
        assert "not yet valid" in why(first_event(device, 0))  # as for any program that believes its clock
        assert isinstance(first_event(device, now_ms() + 31 * DAY_MS), Connected)
        with pytest.raises(NotLetIn, match="not yet valid"):
            probe(device.endpoint)
        assert probe(replace(device.endpoint, known_ms=lambda: now_ms() + 31 * DAY_MS)) == "TLSv1.3"  # the self-test says the same


def test_a_certificate_that_had_ended_by_the_last_known_time_is_refused(layout: Layout, tmp_path: Path) -> None:
    certify_broker(layout, timedelta(days=-40), timedelta(days=30))
    with broker(layout, tmp_path) as device:
        assert "expired" in why(first_event(device, 0))
        assert "had ended before" in why(first_event(device, now_ms() + DAY_MS))
        with pytest.raises(NotLetIn, match="had ended before"):
            probe(replace(device.endpoint, known_ms=lambda: now_ms() + DAY_MS))


@pytest.mark.parametrize("what", ["another province", "another host"])
def test_a_clock_that_is_behind_opens_no_other_door(layout: Layout, tmp_path: Path, what: str) -> None:
    other = founded(tmp_path / "other", free_port())
    certify_broker(
        layout, timedelta(), timedelta(days=30), "127.0.0.1" if what == "another province" else "elsewhere.example.vn",
        other if what == "another province" else layout,
    )  # fmt: skip
    with broker(layout, tmp_path) as device:
        assert "not one of this province for this host name" in why(first_event(device, now_ms() + DAY_MS))
