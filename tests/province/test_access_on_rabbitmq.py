"""The same table of rights on RabbitMQ's MQTT plug-in, each topic in both spellings: MQTT's, and RabbitMQ's own with dots and asterisks.

Skipped where RabbitMQ is not installed; CI installs it.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from access_table import DEVICES, EVERY, MEMBERS, ROLES, STRANGERS, may_read, may_write
from rabbit_world import MISSING, Client, Rabbit, is_installed

pytestmark = pytest.mark.skipif(not is_installed(), reason=MISSING)
WIDE = (
    "#", "+/+/+/+/+", "gate/#", "gate/v1/+/+/#", "gate/v1/+/scanner-1/receipts", "gate/v1/bus-co/+/receipts", "gate/v1/bus-co/+/results",
    "gate/v1/market-co/+/telemetry",
    *(f"gate/v1/{device}/{wild}" for device in DEVICES for wild in ("#", "+", "+/+")),
    *(f"gate/v1/+/+/{leaf}" for leaf in ("entries", "receipts", "status", "commands", "certificate/request", "certificate/issued")),
)  # fmt: skip
MAY_ASK_WIDELY = {
    "province/collector": {"gate/v1/+/+/entries"},
    "province/registrar": {"gate/v1/+/+/certificate/request"},
    "province/fleet": {"gate/v1/+/+/status", "gate/v1/+/+/commands", "gate/v1/market-co/+/telemetry"},
    "province/commander": {"gate/v1/bus-co/+/results"},
    "province/operator/an": {"gate/v1/bus-co/+/results"},
    "province/operator/binh.2": {"gate/v1/market-co/+/telemetry"},
    "market-co": {"gate/v1/market-co/+/telemetry"},
}


def both(topics: Iterable[str]) -> list[str]:
    """Each topic as MQTT writes it and as RabbitMQ does: to it they are one. What ends in # a client can write in one way only."""
    return list(dict.fromkeys(way for one in topics for way in (one, one if "#" in one else one.replace("/", ".").replace("+", "*"))))


def tried(rabbit: Rabbit, role: str) -> tuple[set[str], set[str]]:
    """What a role can write and read."""
    with closing(Client(rabbit, role)) as client:
        written = {topic for topic in both(EVERY) if client.writes(topic)}
        return written, {topic for topic in both((*EVERY, *WIDE)) if client.reads(topic)}


@pytest.fixture(scope="module")
def results(rabbit: Rabbit) -> dict[str, tuple[set[str], set[str]]]:
    """Every member tries everything, all at once: a connection ended by RabbitMQ costs much waiting and little work."""
    with ThreadPoolExecutor(len(MEMBERS)) as pool:
        return dict(zip(MEMBERS, pool.map(lambda role: tried(rabbit, role), MEMBERS), strict=True))


@pytest.mark.parametrize("role", MEMBERS)
def test_a_role_writes_what_it_may_and_nothing_else(results: dict[str, tuple[set[str], set[str]]], role: str) -> None:
    assert results[role][0] == set(both(may_write(role)))


@pytest.mark.parametrize("role", MEMBERS)
def test_a_role_reads_what_it_may_and_nothing_else(results: dict[str, tuple[set[str], set[str]]], role: str) -> None:
    assert results[role][1] == set(both(may_read(role) | MAY_ASK_WIDELY.get(role, set())))


@pytest.mark.parametrize("role", ROLES)
def test_strangers_with_a_certificate_are_not_even_let_in(rabbit: Rabbit, role: str) -> None:
    with closing(Client(rabbit, role)) as client:
        assert client.connects() == (role not in STRANGERS)
