"""Each role × each topic × reading and writing, on a real Mosquitto with our rules: what `access_table` allows, and nothing else."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from access_table import DEVICE_READS, DEVICE_WRITES, EVERY, KEYRING, OPERATORS, ROLES, may_read, may_write
from province_world import WAIT_S, Broker, founded, free_port

from edge_agent.link.broker_link import Arrived, BrokerLink, Connected, Event, Message
from edge_agent.link.endpoint import Endpoint
from edge_agent.wire import topics
from edge_agent.wire.topics import PREFIX, Leaf
from province.base.layout import Layout
from province.keys.tls_authority import TlsAuthority
from province.trust import broker_config


@dataclass
class Hall:
    """A broker and a way to be anybody whom the authority certifies."""

    layout: Layout
    folder: Path

    def endpoint(self, role: str) -> Endpoint:
        """The broker, as somebody whom the authority has certified under this name."""
        home = self.folder / role.replace("/", "_")
        home.mkdir(exist_ok=True)
        authority = TlsAuthority.load(self.layout.authority_key, self.layout.authority_certificate)
        identity = authority.client(role, datetime.now(UTC), timedelta(days=1))
        (home / "crt").write_bytes(identity.certificate_pem)
        (home / "key").write_bytes(identity.key_pem)
        return Endpoint("127.0.0.1", self.layout.read_settings().port, self.layout.authority_certificate, home / "crt", home / "key")

    def link(self, role: str, subscriptions: tuple[str, ...]) -> tuple[BrokerLink, queue.SimpleQueue[Event]]:
        """Connects as a role and waits until its subscriptions are in force: the keyring's, which everyone may read, is the last."""
        seen: queue.SimpleQueue[Event] = queue.SimpleQueue()
        link = BrokerLink(self.endpoint(role), role, [*subscriptions, KEYRING], seen.put, clean_session=True)
        link.start()
        until(seen, KEYRING, b"published before")
        return link, seen

    def publish_keyring(self) -> None:
        """Publishes the keyring for which `link` waits."""
        connected: queue.SimpleQueue[Event] = queue.SimpleQueue()
        link = BrokerLink(self.endpoint("auditor"), "auditor", [], connected.put, clean_session=True)
        link.start()
        assert isinstance(connected.get(timeout=WAIT_S), Connected)
        assert link.publish_and_wait(Message(KEYRING, b"published before", retain=True), WAIT_S)
        link.stop()


def until(seen: queue.SimpleQueue[Event], topic: str, payload: bytes) -> list[Arrived]:
    """What arrives before a message."""
    before: list[Arrived] = []
    while True:
        event = seen.get(timeout=WAIT_S)
        if isinstance(event, Arrived):
            if (event.topic, event.payload) == (topic, payload):
                return before
            before.append(event)


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    folder = tmp_path_factory.mktemp("hall")
    layout = founded(folder / "province", free_port())
    layout.broker_rules.write_text(broker_config.rules(OPERATORS))
    with layout.broker_rules.open("a") as rules:  # one more role, that sees and may do everything: the test's own
        rules.write("user auditor\ntopic readwrite #\n")
    made = Hall(layout, folder)
    with Broker(layout):
        made.publish_keyring()
        yield made


@pytest.mark.parametrize("role", ROLES)
def test_a_role_writes_what_it_may_and_nothing_else(hall: Hall, role: str) -> None:
    auditor, seen = hall.link("auditor", ("#",))
    link, _own = hall.link(role, ())
    try:
        for topic in EVERY:
            assert link.publish_and_wait(Message(topic, role.encode()), WAIT_S)  # a refused message is acknowledged all the same
        assert auditor.publish_and_wait(Message("elsewhere", b"end"), WAIT_S)
        written = {arrived.topic for arrived in until(seen, "elsewhere", b"end") if arrived.payload == role.encode()}
    finally:
        link.stop()
        auditor.stop()
    assert written == may_write(role)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("asked", [EVERY, ("#", "$SYS/#", "+/+/+/+/+"), ("gate/v1/+/+/#",)], ids=["each", "all", "some"])
def test_a_role_reads_what_it_may_and_nothing_else(hall: Hall, role: str, asked: tuple[str, ...]) -> None:
    auditor, _seen = hall.link("auditor", ())
    link, own = hall.link(role, asked)
    try:
        for topic in EVERY:
            assert auditor.publish_and_wait(Message(topic, b"news"), WAIT_S)
        assert auditor.publish_and_wait(Message(KEYRING, b"end"), WAIT_S)
        read = {arrived.topic for arrived in until(own, KEYRING, b"end")}
    finally:
        link.stop()
        auditor.stop()
    assert read == may_read(role)


def test_the_roles_are_those_of_the_code() -> None:
    assert set(DEVICE_WRITES) == set(topics.DEVICE_WRITES)
    assert set(DEVICE_READS) == set(topics.DEVICE_READS)
    assert set(DEVICE_WRITES) | set(DEVICE_READS) == set(Leaf)
    assert topics.KEYRING == KEYRING
    assert PREFIX == "gate/v1"
