"""The link against a real Mosquitto with mutual TLS: it comes back from everything, and says in plain words what is wrong."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from real_broker import Authority, Broker, Events, Listener, break_off, free_port
from sealed_examples import NAME, WAIT_S

from edge_agent.link import broker_link
from edge_agent.link.broker_link import Arrived, BrokerLink, Connected, Disconnected, Event, Message
from edge_agent.link.broker_tls import explain
from edge_agent.link.endpoint import Endpoint
from edge_agent.wire.topics import Leaf

# paho leaves the socket of a handshake that failed to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
ENTRIES, RECEIPTS, STATUS = (NAME.topic(leaf) for leaf in (Leaf.ENTRIES, Leaf.RECEIPTS, Leaf.STATUS))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def broker(tmp_path: Path, authority: Authority) -> Iterator[Broker]:
    broker = Broker(tmp_path / "broker", authority)
    yield broker
    broker.end()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_link, "_FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(broker_link, "_LONGEST_WAIT_S", 0.2)


class Device:
    """A link with its events, started."""

    def __init__(self, endpoint: Endpoint, will: Message | None = None, client_id: str = str(NAME)) -> None:
        self.events = Events()
        self.link = BrokerLink(endpoint, client_id, [RECEIPTS], self.events.put, will=will, keepalive_s=5)
        self.link.start()

    def close(self) -> None:
        self.link.stop()


def settle(device: Device, province: Listener) -> None:
    """Waits until the device's subscription is in force: the broker takes what a connection says in order."""
    device.events.next(Connected)
    device.link.publish(Message(ENTRIES, b"settle"))
    province.next(ENTRIES)


def trouble(endpoint: Endpoint) -> str:
    with closing(Device(endpoint)) as device:
        return device.events.next(Disconnected).why


def test_messages_go_both_ways(broker: Broker) -> None:
    broker.start()
    with closing(Listener(broker)) as province, closing(Device(broker.endpoint(str(NAME)))) as device:
        device.events.next(Connected)
        assert device.link.publish_and_wait(Message(ENTRIES, b"sealed"), WAIT_S)
        assert province.next(ENTRIES).payload == b"sealed"
        province.publish(RECEIPTS, b"receipt")
        arrived = device.events.next(Arrived)
        assert (arrived.topic, arrived.payload, arrived.retained) == (RECEIPTS, b"receipt", False)


def test_a_broker_that_is_absent_at_first_is_found_when_it_comes(broker: Broker) -> None:
    with closing(Device(broker.endpoint(str(NAME)))) as device:
        why = device.events.next(Disconnected).why
        assert why == f"broker 127.0.0.1:{broker.port}: nothing listens there: check that the broker runs and the port is right"
        broker.start()
        device.events.next(Connected)


def test_a_broker_that_is_killed_and_comes_back_is_found_again_with_what_waited(broker: Broker) -> None:
    broker.start()
    with closing(Device(broker.endpoint(str(NAME)))) as device:
        for _round in range(2):
            device.events.next(Connected)
            broker.end(signal.SIGKILL)
            assert "lost" in device.events.next(Disconnected).why
            broker.start()
        with closing(Listener(broker)) as province:
            settle(device, province)
            province.publish(RECEIPTS, b"after")
        assert device.events.next(Arrived).payload == b"after"


def test_what_came_while_we_were_away_is_delivered(broker: Broker) -> None:
    broker.start()
    endpoint = broker.endpoint(str(NAME))
    with closing(Device(endpoint)) as device, closing(Listener(broker)) as province:
        settle(device, province)
        device.link.stop()
        province.publish(RECEIPTS, b"while away")
    with closing(Device(endpoint)) as device:
        assert device.events.next(Arrived).payload == b"while away"


def test_a_link_that_comes_and_goes_does_not_pile_up_what_was_not_acknowledged(broker: Broker) -> None:
    broker.start()
    with closing(Device(broker.endpoint(str(NAME)))) as device:
        device.events.next(Connected)
        for _round in range(3):
            broker.end(signal.SIGKILL)
            for number in range(50):
                device.link.publish(Message(ENTRIES, b"%d" % number))
            device.events.next(Disconnected)
            broker.start()
            device.events.next(Connected)
        assert len(device.link._client._out_messages) <= 50, "only what was published since the last connection"


def test_another_authority_of_the_broker_is_named(broker: Broker) -> None:
    broker.start()
    endpoint = broker.endpoint(str(NAME))
    endpoint.authority_file.write_text(Authority("another").certificate)
    why = trouble(endpoint)
    assert "its certificate is not one of this province" in why
    assert "check host and bundle" in why


def test_another_host_name_is_named(tmp_path: Path, authority: Authority) -> None:
    broker = Broker(tmp_path / "broker", authority, host="mqtt.example.vn")
    broker.start()
    try:
        why = trouble(broker.endpoint(str(NAME)))
    finally:
        broker.end()
    assert "IP address mismatch" in why
    assert "check host and bundle" in why


@pytest.mark.parametrize("tls", ["TLSv1.2", "TLSv1.3"])  # in 1.2 a refusal comes within the handshake, in 1.3 after it
def test_a_certificate_of_another_authority_is_refused_by_the_broker_and_that_is_said(broker: Broker, tls: str) -> None:
    broker.start(tls)
    endpoint = broker.endpoint(str(NAME))
    key, certificate = Authority("another").issue(str(NAME))
    endpoint.key_file.write_text(key)
    endpoint.certificate_file.write_text(certificate)
    with closing(Device(endpoint)) as device:
        told = device.events.next(Disconnected)
    assert "does not accept our certificate" in told.why
    assert told.refused


def test_a_broker_that_is_not_there_or_not_ours_has_not_refused_us(broker: Broker) -> None:
    endpoint = broker.endpoint(str(NAME))
    with closing(Device(endpoint)) as device:
        assert not device.events.next(Disconnected).refused
    broker.start()
    endpoint.authority_file.write_text(Authority("another").certificate)
    with closing(Device(endpoint)) as device:
        assert not device.events.next(Disconnected).refused


def test_a_device_with_another_name_gets_and_gives_nothing(broker: Broker, authority: Authority) -> None:
    broker.start()
    foreign = authority.endpoint(broker.folder, broker.port, "bus-co/scanner-2")
    with (
        closing(Listener(broker)) as province,
        closing(Device(foreign, client_id="bus-co/scanner-2")) as other,
        closing(Device(broker.endpoint(str(NAME)))) as device,
    ):
        other.events.next(Connected)
        device.events.next(Connected)
        assert other.link.publish_and_wait(Message(ENTRIES, b"as another"), WAIT_S), "the broker does not say that it drops it"
        assert device.link.publish_and_wait(Message(RECEIPTS, b"own receipt"), WAIT_S)
        assert device.link.publish_and_wait(Message(ENTRIES, b"right"), WAIT_S)
        assert province.next(ENTRIES).payload == b"right"
        province.publish(RECEIPTS, b"genuine")
        assert device.events.next(Arrived).payload == b"genuine"
        assert other.events.queue.empty()


def test_a_port_that_speaks_no_tls_is_said(authority: Authority, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer() -> None:
            there, _address = server.accept()
            with there:
                there.recv(1000)
                there.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        answering = threading.Thread(target=answer, daemon=True)
        answering.start()
        why = trouble(authority.endpoint(tmp_path, port, str(NAME)))
        answering.join(WAIT_S)
    assert "TLS failed" in why
    assert "check that this is the province's TLS port" in why


@pytest.mark.parametrize("host", ["", "a..b", "x" * 300, "no-such-host.invalid"])
def test_a_host_that_cannot_be_is_said_and_the_link_lives_on(authority: Authority, tmp_path: Path, host: str) -> None:
    with closing(Device(replace(authority.endpoint(tmp_path, 1, str(NAME)), host=host))) as device:
        for _attempt in range(2):
            assert "check" in device.events.next(Disconnected).why


@pytest.mark.parametrize("which", ["authority_file", "certificate_file", "key_file"])
@pytest.mark.parametrize("content", [None, "", "not PEM"], ids=["absent", "empty", "not PEM"])
def test_tls_files_that_cannot_be_used_are_named(authority: Authority, tmp_path: Path, which: str, content: str | None) -> None:
    endpoint = authority.endpoint(tmp_path, 1, str(NAME))
    file: Path = getattr(endpoint, which)
    file.unlink() if content is None else file.write_text(content)
    with pytest.raises(OSError, match=file.name):
        BrokerLink(endpoint, str(NAME), [], lambda _event: None)


def test_the_last_will_is_spoken_for_who_vanishes_and_not_for_who_takes_leave(broker: Broker) -> None:
    broker.start()
    endpoint = broker.endpoint(str(NAME))
    will = Message(STATUS, b"gone", retain=True)
    with closing(Listener(broker)) as province:
        with closing(Device(endpoint, will)) as device:
            device.events.next(Connected)
        with closing(Device(endpoint, will)) as device:
            device.events.next(Connected)
            assert device.link.publish_and_wait(Message(STATUS, b"here"), WAIT_S)
            assert province.next(STATUS).payload == b"here", "taking leave the first time said nothing"
            break_off(device.link)
            assert province.next(STATUS).payload == b"gone"


def test_stopping_is_prompt_in_every_state(broker: Broker, authority: Authority, tmp_path: Path) -> None:
    def stops_in(link: BrokerLink) -> float:
        began_s = time.monotonic()
        link.stop()
        return time.monotonic() - began_s

    never_started = BrokerLink(broker.endpoint(str(NAME)), str(NAME), [], lambda _event: None)
    assert stops_in(never_started) < 1
    absent = Device(broker.endpoint(str(NAME)))
    absent.events.next(Disconnected)
    assert stops_in(absent.link) < 1
    broker.start()
    connected = Device(broker.endpoint(str(NAME)))
    connected.events.next(Connected)
    assert stops_in(connected.link) < 1
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts and says nothing: the handshake hangs
        hanging = Device(authority.endpoint(tmp_path / "hanging", silent.getsockname()[1], str(NAME)))
        there, _address = silent.accept()
        assert stops_in(hanging.link) < 3
        there.close()
    hanging.link._thread.join(WAIT_S)


def test_publishing_without_a_connection_is_not_believed(authority: Authority, tmp_path: Path) -> None:
    link = BrokerLink(authority.endpoint(tmp_path, free_port(), str(NAME)), str(NAME), [], lambda _event: None)
    assert not link.publish_and_wait(Message(ENTRIES, b"x"), 0.05)


@pytest.mark.parametrize(
    "error", [OSError(113, "No route to host"), TimeoutError("timed out"), OSError("odd"), ValueError("Invalid host.")]
)
def test_every_explanation_names_the_broker_and_what_to_check(error: OSError | ValueError, tmp_path: Path) -> None:
    why = explain(error, Endpoint("mqtt.example.vn", 8883, tmp_path, tmp_path, tmp_path))
    assert why.startswith("broker mqtt.example.vn:8883: ")
    assert "check" in why


def test_whatever_kills_pahos_thread_the_link_comes_back(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_link, "_LIVENESS_S", 0.05)
    monkeypatch.setattr(threading, "excepthook", lambda _args: None)  # the thread's death is what is wanted here
    broker.start()
    with closing(Listener(broker)) as province, closing(Device(broker.endpoint(str(NAME)))) as device:
        settle(device, province)
        monkeypatch.setattr(device.link, "_on_event", poisoned(device.link._on_event))
        province.link.publish(Message(RECEIPTS, b"anything"))
        assert "cannot be understood" in device.events.next(Disconnected).why
        device.events.next(Connected)


def poisoned(on_event: Callable[[Event], None]) -> Callable[[Event], None]:
    """Fails once with a message, as a topic that is no text would."""
    once = [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "not text")]

    def handle(event: Event) -> None:
        if isinstance(event, Arrived) and once:
            raise once.pop()
        on_event(event)

    return handle
