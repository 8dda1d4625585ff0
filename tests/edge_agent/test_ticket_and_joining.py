"""Tickets, greetings, requests and answers: what is whole is read back, what was changed in any way is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from sealed_examples import ROOT_PUBLIC, STRANGER, brief, officer

from edge_agent.device.device_keys import DeviceKeys
from edge_agent.link import door_link
from edge_agent.wire import joining, ticket
from edge_agent.wire.authority import Power
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.cose import Forged
from edge_agent.wire.joining import Answer, Membership, Outcome, Wish
from edge_agent.wire.ticket import Ticket
from edge_agent.wire.topics import DeviceName

OFFICER = officer(Power.TICKETS)
ROOT_FINGERPRINT = ticket.fingerprint(ROOT_PUBLIC)
GOOD = Ticket(ROOT_FINGERPRINT, "mqtt.hue.example.vn", 8884, 2**40, bytes(range(16)))
TEXT = ticket.issue(GOOD, OFFICER.key)
KEYS = DeviceKeys(Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1()))
MEMBERSHIP = Membership(DeviceName("bus-co", "scanner-1"), "Chợ", "Cổng", "h", 1, "d", 2, b"certificate", b"authority", b"keyring")


def certificate(key: ec.EllipticCurvePrivateKey) -> bytes:
    builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(x509.Name([])).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(datetime(1999, 1, 1, tzinfo=UTC)).not_valid_after(datetime(1999, 1, 2, tzinfo=UTC))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


DOOR_CERTIFICATE = certificate(ec.generate_private_key(ec.SECP256R1()))  # it ended in 1999: nobody minds


@given(
    number=st.none() | st.binary(min_size=16, max_size=16),
    serial=st.none() | st.text("0123456789abcdef", min_size=1, max_size=16),
    key=st.none() | st.binary(min_size=10, max_size=10),
    host=st.from_regex(r"[a-z][a-z0-9.-]{0,100}", fullmatch=True),
    port=st.integers(1, 65535),
)
@brief
def test_a_ticket_says_what_was_written(number: bytes | None, serial: str | None, key: bytes | None, host: str, port: int) -> None:
    made = Ticket(ROOT_FINGERPRINT, host, port, 2**40, number, serial, key)
    text = ticket.issue(made, OFFICER.key)
    assert ticket.peek(text) == made
    assert ticket.verify(ticket.to_bytes(f" {text.lower()}\r\n"), OFFICER.key.public_key()) == made
    assert set(text) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")  # what a QR code packs tightest
    assert len(text) <= ticket.MAX_TEXT_CHARACTERS


@given(
    text=st.text(max_size=50)
    | st.text(max_size=50).map(lambda text: ticket.PREFIX + text)
    | st.integers(12, len(TEXT) - 1).map(lambda end: TEXT[:end])
)
@brief
def test_garbage_is_no_ticket_and_nothing_worse(text: str) -> None:
    with pytest.raises(Malformed):
        ticket.peek(text)


@given(at=st.integers(0, len(ticket.to_bytes(TEXT)) - 1), bit=st.integers(0, 7))
@brief
def test_a_ticket_changed_anywhere_is_refused(at: int, bit: int) -> None:
    changed = bytearray(ticket.to_bytes(TEXT))
    changed[at] ^= 1 << bit
    with pytest.raises((Malformed, Forged)):
        ticket.verify(bytes(changed), OFFICER.key.public_key())


def test_a_ticket_of_another_officer_is_forged() -> None:
    with pytest.raises(Forged):
        ticket.verify(ticket.to_bytes(ticket.issue(GOOD, STRANGER)), OFFICER.key.public_key())


def test_the_door_is_known_by_root_and_tls_key_alone() -> None:
    greeting = door_link.greet(ROOT_PUBLIC, DOOR_CERTIFICATE, OFFICER)
    door = door_link.recognise(greeting, ROOT_FINGERPRINT, DOOR_CERTIFICATE)
    assert (door.root, door.officer) == (ROOT_PUBLIC, OFFICER.key.public_key())


def test_who_stands_between_is_found_out() -> None:
    greeting = door_link.greet(ROOT_PUBLIC, DOOR_CERTIFICATE, OFFICER)
    between = certificate(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(Forged, match="between"):
        door_link.recognise(greeting, ROOT_FINGERPRINT, between)
    with pytest.raises(Forged, match="another province"):
        door_link.recognise(greeting, bytes(32), DOOR_CERTIFICATE)
    with pytest.raises(Forged, match="power"):
        door_link.recognise(door_link.greet(ROOT_PUBLIC, DOOR_CERTIFICATE, officer(Power.RECEIPTS)), ROOT_FINGERPRINT, DOOR_CERTIFICATE)


def test_a_request_proves_both_keys() -> None:
    request = joining.read_request(KEYS.request(Wish.JOIN, bytes(32), b"ticket"))
    assert (request.public_key, request.door, request.ticket) == (KEYS.signing.public_key(), bytes(32), b"ticket")
    assert joining.tls_key(request) == KEYS.tls.public_key()
    with pytest.raises(Forged, match="another key"):
        joining.read_request(joining.ask(request, STRANGER))
    stolen = bytearray(request.tls_request)
    stolen[-1] ^= 1
    with pytest.raises((Malformed, Forged)):
        joining.read_request(joining.ask(replace(request, tls_request=bytes(stolen)), KEYS.signing))


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP256K1()])
def test_only_the_one_curve_is_certified(curve: ec.EllipticCurve) -> None:
    other = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(ec.generate_private_key(curve), hashes.SHA256())
    good = joining.read_request(KEYS.request(Wish.JOIN))
    with pytest.raises(Malformed, match="P-256"):
        joining.read_request(joining.ask(replace(good, tls_request=other.public_bytes(Encoding.DER)), KEYS.signing))


def test_an_answer_is_believed_for_its_request_and_from_its_officer_only() -> None:
    request = KEYS.request(Wish.JOIN)
    asked = sha256(request).digest()
    welcome = Answer(asked, Outcome.WELCOME, membership=MEMBERSHIP)
    assert joining.read_answer(joining.reply(welcome, OFFICER), request, ROOT_PUBLIC) == welcome
    refused = Answer(asked, Outcome.REFUSED, "vì sao")
    assert joining.read_answer(joining.reply(refused, OFFICER), request, ROOT_PUBLIC) == refused
    with pytest.raises(Forged, match="another request"):
        joining.read_answer(joining.reply(welcome, OFFICER), KEYS.request(Wish.JOIN, bytes(32)), ROOT_PUBLIC)
    with pytest.raises(Forged, match="power"):
        joining.read_answer(joining.reply(welcome, officer(Power.RECEIPTS)), request, ROOT_PUBLIC)
    with pytest.raises(Malformed, match="welcome"):
        joining.read_answer(joining.reply(Answer(asked, Outcome.WELCOME), OFFICER), request, ROOT_PUBLIC)


@given(data=st.binary(max_size=300))
@brief
def test_garbage_is_no_message(data: bytes) -> None:
    for read in (
        lambda: joining.read_request(data),
        lambda: joining.read_answer(data, b"", ROOT_PUBLIC),
        lambda: door_link.recognise(data, ROOT_FINGERPRINT, DOOR_CERTIFICATE),
    ):
        with pytest.raises((Malformed, Forged)):
            read()


class Pipe:
    """A stream that gives out what was put in, a few bytes at a time."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = data

    def sendall(self, data: bytes, /) -> None:
        self.data += data

    def recv(self, size: int, /) -> bytes:
        part, self.data = self.data[: min(size, 3)], self.data[min(size, 3) :]
        return part


@given(data=st.binary(max_size=100))
@brief
def test_a_frame_comes_out_as_it_went_in(data: bytes) -> None:
    pipe = Pipe()
    door_link.send_frame(pipe, data)
    cut = pipe.data[:-1]
    assert door_link.receive_frame(pipe, 100) == data
    with pytest.raises(ConnectionError):
        door_link.receive_frame(Pipe(cut), 100)


def test_a_frame_too_long_is_refused_before_it_is_read() -> None:
    with pytest.raises(Malformed, match="at most"):
        door_link.receive_frame(Pipe(b"\xff\xff\xff\xff"), 4096)
