"""The generated broker configuration, on a real broker: each may do what its leaf says, and nothing else."""

from __future__ import annotations

import queue
import socket
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import World
from province_world import WAIT_S, Log, founded, scanner, session

from edge_agent.link.broker_link import BrokerLink, Connected, Disconnected, Event, Message
from edge_agent.wire import envelope, topics
from edge_agent.wire.topics import Leaf
from province.base.layout import COLLECTOR
from province.trust import broker_config


def test_the_rules_are_one_a_leaf() -> None:
    rules = [line for line in broker_config.rules().splitlines() if line and not line.startswith("#")]
    assert rules == [
        "pattern write gate/v1/%u/entries",
        "pattern write gate/v1/%u/status",
        "pattern write gate/v1/%u/telemetry",
        "pattern write gate/v1/%u/results",
        "pattern write gate/v1/%u/config/reported",
        "pattern write gate/v1/%u/certificate/request",
        "pattern read gate/v1/%u/receipts",
        "pattern read gate/v1/%u/commands",
        "pattern read gate/v1/%u/config/desired",
        "pattern read gate/v1/%u/certificate/issued",
        "pattern read gate/v1/province/keyring",
        "pattern read gate/v1/%u/+/status",
        "pattern read gate/v1/%u/+/telemetry",
        "pattern read gate/v1/%u/homeassistant/device/+/config",
        *(
            line
            for name in ("collector", "collector-2")
            for line in (
                f"user province/{name}",
                "topic read gate/v1/+/+/entries",
                "topic write gate/v1/+/+/receipts",
                "topic write gate/v1/province/keyring",
            )
        ),
        "user province/registrar",
        "topic read gate/v1/+/+/certificate/request",
        "topic write gate/v1/+/+/certificate/issued",
        "user province/commander",
        *(f"topic read gate/v1/+/+/{leaf}" for leaf in ("results", "config/reported")),
        *(f"topic write gate/v1/+/+/{leaf}" for leaf in ("commands", "config/desired")),
        "user province/fleet",
        "topic read gate/v1/+/+/status",
        "topic read gate/v1/+/+/telemetry",
        "topic read gate/v1/+/+/commands",
        "topic read gate/v1/+/+/config/desired",
        "topic write gate/v1/+/homeassistant/device/+/config",
    ]


@pytest.mark.parametrize("org", ["bus-co", "market-co"])
def test_a_device_cannot_write_another_devices_entries(world: World, org: str) -> None:
    device, victim = world.new_scanner(), world.new_scanner(org)
    made = Log.new(victim).append()
    with session(device) as connected, session(victim) as other:
        connected.send(made, topic=victim.name.topic(Leaf.ENTRIES))
        connected.silent_after(Log.new(device))
        mine = Log.new(victim).append()
        other.send(mine)
        assert [part.last_hash for part in other.next_receipt().ranges] == [envelope.envelope_hash(mine)]


def test_a_device_cannot_write_what_it_reads(world: World) -> None:
    device = world.new_scanner()
    with session(device, [device.name.topic(leaf) for leaf in topics.DEVICE_READS]) as connected:
        for leaf in topics.DEVICE_READS:
            connected.send(b"false", topic=device.name.topic(leaf))
        connected.silent_after(Log.new(device))


def test_a_device_reads_its_own_receipts_and_the_keyring_alone(world: World) -> None:
    device, other = world.new_scanner(), world.new_scanner()
    curious = ["#", "gate/v1/+/+/+", other.name.topic(Leaf.RECEIPTS), other.name.topic(Leaf.ENTRIES), "$SYS/#"]
    with session(device, [*curious, device.name.topic(Leaf.RECEIPTS)]) as spy, session(other) as honest:
        honest.deliver(Log.new(other).append())
        spy.send(Log.new(device).append())
        seen = set()
        while device.name.topic(Leaf.RECEIPTS) not in seen:
            seen.add(spy.arrived.get(timeout=WAIT_S).topic)
        honest.deliver(Log.new(other).append())
        while not spy.arrived.empty():
            seen.add(spy.arrived.get().topic)
    assert seen == {device.name.topic(Leaf.RECEIPTS), topics.KEYRING}


def test_a_device_cannot_replace_the_keyring(world: World) -> None:
    device = world.new_scanner()
    with session(device) as connected:
        assert connected.link.publish_and_wait(Message(topics.KEYRING, b"false", retain=True), WAIT_S)
    with session(device, [topics.KEYRING]) as connected:
        assert connected.arrived.get(timeout=WAIT_S).payload == world.layout.keyring.read_bytes()


def test_nobody_takes_the_collectors_session_by_its_name(world: World) -> None:
    device = world.new_scanner()
    seen: queue.Queue[Event] = queue.Queue()
    thief = BrokerLink(device.endpoint, COLLECTOR, [topics.ALL_ENTRIES], seen.put)
    thief.start()
    try:
        assert isinstance(seen.get(timeout=WAIT_S), Connected)
        honest = world.new_scanner()
        with session(honest) as connected:
            connected.deliver(Log.new(honest).append())
        assert seen.empty()
    finally:
        thief.stop()
    assert "not connected" not in world.collecting.log()


def _talk(world: World, context: ssl.SSLContext) -> bytes:
    hello = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02ab"
    with (
        socket.create_connection(("127.0.0.1", world.broker.port), WAIT_S) as raw,
        context.wrap_socket(raw, server_hostname="127.0.0.1") as tls,
    ):
        tls.sendall(hello)
        return tls.recv(16)


def test_without_a_certificate_nobody_is_let_in(world: World) -> None:
    context = ssl.create_default_context(cafile=str(world.layout.authority_certificate))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        _talk(world, context)


def test_a_certificate_of_another_province_is_refused(world: World, tmp_path: Path) -> None:
    stranger = scanner(founded(tmp_path / "other", world.broker.port), tmp_path)
    seen: queue.Queue[Event] = queue.Queue()
    endpoint = replace(stranger.endpoint, authority_file=world.layout.authority_certificate)
    link = BrokerLink(endpoint, str(stranger.name), [], seen.put)
    link.start()
    try:
        event = seen.get(timeout=WAIT_S)
        assert isinstance(event, Disconnected)
        assert "broker 127.0.0.1" in event.why
    finally:
        link.stop()


def test_without_tls_nobody_is_let_in(world: World) -> None:
    with socket.create_connection(("127.0.0.1", world.broker.port), WAIT_S) as raw:
        raw.sendall(b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02ab")
        try:
            answer = raw.recv(16)
        except ConnectionError:
            answer = b""
    assert not answer.startswith(b"\x20")  # no CONNACK
