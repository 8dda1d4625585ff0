"""The connection between a device and the door of its province: frames, and the greeting by which the door proves itself.

Three messages on one TLS connection, each a frame (length in four bytes, then so many bytes): the door's **greeting**, the device's
**request**, the door's **answer** (`edge_agent.wire.joining`). The greeting proves the door: a tickets officer, certified by the root, has
signed the hash of the TLS key this very connection uses. No X.509 name or date is needed for that, so it works at 1970 and before
anything is installed. Source: decision 0060.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge_agent.wire import authority, cose
from edge_agent.wire.authority import Officer, Power
from edge_agent.wire.cbor import Malformed, decode, encode
from edge_agent.wire.fields import Fields
from edge_agent.wire.ticket import FINGERPRINT_BYTES

DOOR = cose.MessageType("application/vnd.gate-scanner.door+cbor", b"gate-scanner/v1/door", certified=True)
MAX_GREETING_BYTES = 4096
_VERSION = 1
_KEY_BYTES = 32


# ── frames ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Stream(Protocol):
    """The part of a TLS socket that frames need."""

    def sendall(self, data: bytes, /) -> None:
        """Sends all of it."""

    def recv(self, size: int, /) -> bytes:
        """Up to so many bytes; none when the other side has closed."""


def send_frame(stream: Stream, data: bytes) -> None:
    """Sends one message."""
    stream.sendall(len(data).to_bytes(4) + data)


def receive_frame(stream: Stream, max_bytes: int) -> bytes:
    """The next message.

    Raises:
        Malformed: longer than allowed.
        ConnectionError: the other side has gone before it was whole.
    """
    size = int.from_bytes(_exactly(stream, 4))
    if size > max_bytes:
        raise Malformed(f"a message of {size} bytes, at most {max_bytes} are allowed")
    return _exactly(stream, size)


def _exactly(stream: Stream, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = stream.recv(min(65536, size - len(parts)))
        if not part:
            raise ConnectionError("the other side closed the connection")
        parts += part
    return bytes(parts)


# ── greeting ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Door:
    """A door that has proved itself.

    Attributes:
        root: the province's root key.
        officer: the tickets officer's key, which signs tickets and answers.
    """

    root: Ed25519PublicKey
    officer: Ed25519PublicKey


def tls_key_hash(certificate: bytes) -> bytes:
    """SHA-256 of the public key (SubjectPublicKeyInfo) in a certificate, DER.

    Raises:
        Malformed: not a certificate.
    """
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
        return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Malformed("the door's TLS certificate cannot be read") from None


def greet(root: Ed25519PublicKey, certificate: bytes, officer: Officer) -> bytes:
    """A door's greeting, the same for every device.

    Args:
        root: the province's root.
        certificate: the door's own TLS certificate, DER.
        officer: with the power of tickets.
    """
    statement = officer.sign(encode({1: _VERSION, 2: tls_key_hash(certificate)}), DOOR)
    return encode({1: root.public_bytes_raw(), 2: statement})


def recognise(greeting: bytes, root_fingerprint: bytes, certificate: bytes) -> Door:
    """Checks that whoever greets is the door of the province we look for, on this very connection.

    Args:
        greeting: the first frame.
        root_fingerprint: SHA-256 of the root key, from the ticket or from what was pinned.
        certificate: what the other side's TLS showed, DER.

    Raises:
        Malformed: not a greeting.
        cose.Forged: another province, or somebody between us and the door.
    """
    fields = Fields(decode(greeting, "greeting", MAX_GREETING_BYTES), "greeting")
    raw = fields.octets(1, "root", _KEY_BYTES)
    if sha256(raw).digest() != root_fingerprint:
        raise cose.Forged("the door belongs to another province than the ticket names")
    root = Ed25519PublicKey.from_public_bytes(raw)
    message = fields.octets(2, "statement", 1, MAX_GREETING_BYTES)
    said = Fields(decode(authority.verify(message, DOOR, Power.TICKETS, root, MAX_GREETING_BYTES), "statement"), "statement")
    said.number(1, "version", _VERSION, _VERSION)
    if said.octets(2, "key", FINGERPRINT_BYTES) != tls_key_hash(certificate):
        raise cose.Forged("somebody stands between this device and the door: the connection's TLS key is not the door's")
    return Door(root, _officer_of(message, root))


def _officer_of(message: bytes, root: Ed25519PublicKey) -> Ed25519PublicKey:
    enclosed = cose.parse(message, DOOR, MAX_GREETING_BYTES).certificate
    return authority.read_certificate(enclosed or b"", root).public_key
