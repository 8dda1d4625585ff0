"""A broker behind good TLS that means harm, or is no broker: it gets neither our memory nor our belief that it refused us."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_broker import Authority, Events
from sealed_examples import NAME, WAIT_S

from edge_agent.carry import intake
from edge_agent.carry.intake import Intake
from edge_agent.link.broker_link import Arrived, BrokerLink, Connected, Disconnected
from edge_agent.link.endpoint import Endpoint
from edge_agent.wire.packet_lengths import MAX_PACKET_BYTES, PacketLengths, PacketTooLarge
from edge_agent.wire.topics import Leaf

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # paho leaves sockets to the garbage collector
RECEIPTS = NAME.topic(Leaf.RECEIPTS)
_ACCEPTED = b"\x20\x02\x00\x00"  # CONNACK


def length_of(body: int) -> bytes:
    """MQTT's variable byte integer."""
    low, rest = body % 128, body // 128
    return bytes([low | 128]) + length_of(rest) if rest else bytes([low])


def published(size: int) -> bytes:
    """A whole PUBLISH with QoS 0 whose rest is so long."""
    body = len(RECEIPTS).to_bytes(2, "big") + RECEIPTS.encode()
    return b"\x30" + length_of(size) + body + bytes(size - len(body))


@contextmanager
def listening(folder: Path, behave: Callable[[ssl.SSLSocket], None]) -> Iterator[Endpoint]:
    """A TLS server of the province's that does as it likes with each connection, until the end of the block."""
    authority = Authority()
    key, certificate = authority.issue("broker", "127.0.0.1")
    (folder / "server.pem").write_text(key + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")

    def serve(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                plain, _address = server.accept()
                with suppress(OSError), context.wrap_socket(plain, server_side=True) as stream:
                    behave(stream)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        try:
            yield authority.endpoint(folder, server.getsockname()[1], str(NAME))
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(WAIT_S)


@contextmanager
def linked(endpoint: Endpoint, keepalive_s: int = 30) -> Iterator[Events]:
    events = Events()
    link = BrokerLink(endpoint, str(NAME), [RECEIPTS], events.put, keepalive_s=keepalive_s)
    link.start()
    try:
        yield events
    finally:
        link.stop()


def read_until_it_hangs_up(stream: ssl.SSLSocket) -> None:
    while stream.recv(4096):
        pass


def test_a_packet_too_large_ends_the_connection_at_its_header_and_that_is_said(tmp_path: Path) -> None:
    sent: list[int] = []

    def announce(stream: ssl.SSLSocket) -> None:
        stream.recv(4096)
        stream.sendall(_ACCEPTED + b"\x30" + length_of(200_000_000))
        read_until_it_hangs_up(stream)
        sent.append(0)  # nothing of the body was ever needed

    with listening(tmp_path, announce) as endpoint, linked(endpoint) as events:
        events.next(Connected)
        told = events.next(Disconnected)
        assert "it began a packet of" in told.why
        assert "check that this is the province's broker" in told.why
        assert not told.refused
        events.next(Connected)
    assert sent


def test_the_largest_packet_that_is_taken_arrives_whole(tmp_path: Path) -> None:
    def publish(stream: ssl.SSLSocket) -> None:
        stream.recv(4096)
        stream.sendall(_ACCEPTED + published(MAX_PACKET_BYTES) + published(100))
        read_until_it_hangs_up(stream)

    with listening(tmp_path, publish) as endpoint, linked(endpoint) as events:
        assert len(events.next(Arrived).payload) == MAX_PACKET_BYTES - len(RECEIPTS) - 2
        assert len(events.next(Arrived).payload) == 100 - len(RECEIPTS) - 2


def test_a_broker_that_takes_tls_and_says_nothing_has_not_refused_us(tmp_path: Path) -> None:
    with listening(tmp_path, read_until_it_hangs_up) as endpoint, linked(endpoint, keepalive_s=1) as events:
        told = events.next(Disconnected)
    assert not told.refused
    assert "no answer to our sign-in within 1 s" in told.why
    assert "certificate" not in told.why


@given(st.lists(st.integers(0, 300), max_size=8), st.integers(0, 400), st.data())
def test_lengths_are_followed_however_the_stream_is_cut(sizes: list[int], last: int, data: st.DataObject) -> None:
    stream = b"".join(b"\x30" + length_of(size) + b"\xff" * size for size in [*sizes, last])
    lengths, at, allowed = PacketLengths(300), 0, True
    while at < len(stream) and allowed:
        end = data.draw(st.integers(at + 1, len(stream)))
        try:
            lengths.take(stream[at:end])
        except PacketTooLarge:
            allowed = False
        at = end
    assert allowed == (last <= 300)


def test_a_length_without_end_is_none() -> None:
    with pytest.raises(PacketTooLarge):
        PacketLengths(300).take(b"\x30\x80\x80\x80\x80\x01")


def test_a_flood_takes_only_so_much_memory_and_keeps_nothing_else_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(intake, "MAX_MESSAGES", 10)
    work: Intake[object] = Intake()
    message = Arrived(RECEIPTS, b"x", retained=False, handle=(1, 0))
    work.put(Connected())
    for _ in range(30):
        work.put(message)
    work.put(Disconnected("gone"))
    assert (work.qsize(), work.dropped) == (12, 20)
    assert [record.args for record in caplog.records] == [(1,), (2,), (4,), (8,), (16,)]
    assert isinstance(work.get(), Connected)
    assert work.get() is message
    work.put(message)
    assert work.dropped == 20, "what was taken makes room"
    rest = [work.get() for _ in range(11)]
    assert isinstance(rest[-2], Disconnected)


def test_the_bytes_of_messages_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MAX_BYTES", 100)
    work: Intake[object] = Intake()
    for size in (60, 60, 40, 1):
        work.put(Arrived(RECEIPTS, bytes(size), retained=False, handle=(1, 0)))
    assert [len(item.payload) for item in (work.get(), work.get()) if isinstance(item, Arrived)] == [60, 40]
    assert (work.empty(), work.dropped) == (True, 2)
