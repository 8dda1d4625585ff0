"""The door itself: whom a device trusts there, with real TLS, and a door that stays open whatever strangers do."""

from __future__ import annotations

import socket
import ssl
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import admission_world
import pytest
from admission_world import Province, new_keys
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from province_world import WAIT_S, founded, free_port
from soft_token import needs_softhsm, soft_token

from edge_agent.device.token_signer import TokenSigner, TokenTrouble
from edge_agent.enrolment import knock
from edge_agent.enrolment.knock import NotReached, Untrusted
from edge_agent.link import door_link
from edge_agent.wire import ticket
from edge_agent.wire.joining import Wish
from province.joining import door

province = admission_world.province


def test_another_provinces_door_is_not_trusted_with_a_ticket(province: Province, tmp_path: Path) -> None:
    with ExitStack() as stack:
        foreign = Province(founded(tmp_path / "foreign"), stack)
        lured = ticket.issue(replace(ticket.peek(province.ticket()), port=foreign.port), province.officer.key)
        with pytest.raises(Untrusted, match="another province"):
            knock.with_ticket(lured, new_keys())


@needs_softhsm
def test_a_token_that_is_away_is_not_taken_for_a_network_that_is(province: Province, tmp_path: Path) -> None:
    with soft_token(tmp_path / "token") as token:
        keys = replace(new_keys(), signing=TokenSigner(token.uri, make=True))
        token.unplug()
        with pytest.raises(TokenTrouble, match="token gate, key signing"):
            knock.with_ticket(province.ticket(), keys)
        token.plug()
        assert province.welcome(province.ticket(), keys).name == admission_world.GRANT.name


def test_who_stands_between_learns_nothing(province: Province) -> None:
    """He passes the real greeting on, under a TLS key of his own; the device hangs up before it says a word."""
    text = province.ticket()
    heard: list[bytes] = []
    between = province.authority.server(("127.0.0.1",), datetime.now(UTC), timedelta(days=1))
    files = province.layout.root.parent / "b.crt", province.layout.root.parent / "b.key"
    files[0].write_bytes(between.certificate_pem)
    files[1].write_bytes(between.key_pem)
    shown = x509.load_pem_x509_certificate((province.layout.door / "server.crt").read_bytes()).public_bytes(Encoding.DER)
    genuine = door_link.greet(province.root, shown, province.officer)

    def listen(message: bytes) -> bytes:
        heard.append(message)
        return b""

    port = free_port()
    trap = door.Door(("127.0.0.1", port), door.tls(str(files[0]), str(files[1])), genuine, listen)
    trap.start()
    try:
        lured = ticket.issue(replace(ticket.peek(text), port=port), province.officer.key)
        with pytest.raises(Untrusted, match="stands between"):
            knock.with_ticket(lured, new_keys())
    finally:
        trap.stop()
    assert heard == []


def test_a_request_passed_on_from_another_door_gets_no_answer(province: Province) -> None:
    request = new_keys().request(Wish.JOIN, bytes(32), ticket.to_bytes(province.ticket()))
    assert _talk_raw(province.port, request) == b""
    assert province.device() is None


def _talk_raw(port: int, *frames: bytes) -> bytes:
    """What the door says after its greeting to somebody who sends such bytes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), WAIT_S) as raw, context.wrap_socket(raw) as stream:
        door_link.receive_frame(stream, door_link.MAX_GREETING_BYTES)
        for frame in frames:
            door_link.send_frame(stream, frame)
        return stream.recv(100)


def test_whatever_a_stranger_sends_the_door_stays_open(province: Province) -> None:
    for rubbish in (b"", b"\0" * 100, b"\xff" * 4096, new_keys().request(Wish.JOIN)):
        assert _talk_raw(province.port, rubbish) == b""
    with socket.create_connection(("127.0.0.1", province.port), WAIT_S) as plain:
        plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with suppress(ConnectionError):
            assert b"200" not in plain.recv(100)
    province.welcome(province.ticket(), new_keys())


def test_many_who_only_hold_the_line_do_not_keep_others_out(province: Province) -> None:
    with ExitStack() as stack:
        for _each in range(3 * door._GUESTS_MOST):
            stack.enter_context(socket.create_connection(("127.0.0.1", province.port), WAIT_S))
        province.welcome(province.ticket(), new_keys())


def test_who_takes_too_long_is_shown_out(province: Province, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_VISIT_S", 0.1)
    with socket.create_connection(("127.0.0.1", province.port), WAIT_S) as idle:
        assert idle.recv(1) == b""


def test_a_door_that_is_closed_is_said(province: Province) -> None:
    text = ticket.issue(replace(ticket.peek(province.ticket()), port=free_port()), province.officer.key)
    with pytest.raises(NotReached, match="gate-province admit"):
        knock.with_ticket(text, new_keys())
