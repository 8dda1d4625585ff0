"""The enrolment ticket: a short signed text, shown as a QR on the installer's phone, by which a new scanner finds its province.

Source: design.md "Enrolment". A ticket names the door of the province and the fingerprint of its root, so that the scanner needs to
know nothing before. It is worth something once, for ten minutes. An **invitation** is a ticket without a number: it gives nothing away
and lasts; a scanner that knocks with it waits until an operator has compared its key's fingerprint.

The text is `GATE1:T:` and base32 (RFC 4648, without padding): letters that a QR code packs tightly (its alphanumeric mode) and that
every barcode reader passes on unharmed.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from edge_agent.wire import cose
from edge_agent.wire.cbor import Malformed, decode, encode
from edge_agent.wire.fields import Fields

TICKET = cose.MessageType("application/vnd.gate-scanner.ticket+cbor", b"gate-scanner/v1/ticket")
PREFIX = "GATE1:T:"
NUMBER_BYTES = 16
FINGERPRINT_BYTES = 32
SHOWN_BYTES = 10  # of a fingerprint, to people
MAX_TICKET_BYTES = 600
MAX_TEXT_CHARACTERS = len(PREFIX) + MAX_TICKET_BYTES * 8 // 5 + 1
SERIAL_CHARACTERS = 64
HOST_CHARACTERS = 253
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket says.

    Attributes:
        root: SHA-256 of the province's raw root key.
        host: the province's door, as the scanner reaches it.
        port: its TCP port.
        expires_ms: worth nothing afterwards, milliseconds since 1970 UTC.
        number: 16 random bytes, the secret of it; None in an invitation.
        serial: only the device with this serial number may use it; None for any.
        key: only the device with this signing key may use it (the 10 bytes of its fingerprint that people see); None for any.
    """

    root: bytes
    host: str
    port: int
    expires_ms: int
    number: bytes | None = None
    serial: str | None = None
    key: bytes | None = None


def fingerprint(public_key: Ed25519PublicKey) -> bytes:
    """SHA-256 of a raw public key: 32 bytes."""
    return sha256(public_key.public_bytes_raw()).digest()


def shown(fingerprint_bytes: bytes) -> str:
    """A fingerprint for two people to compare: its first 10 bytes in groups of four letters (RFC 4648 base32).

    80 bits: to make another key that shows the same takes 2⁸⁰ tries.

    Example:
        >>> shown(bytes(range(32)))
        'AAAQ-EAYE-AUDA-OCAJ'
    """
    letters = base64.b32encode(fingerprint_bytes[:SHOWN_BYTES]).decode()
    return "-".join(letters[at : at + 4] for at in range(0, 16, 4))


def from_shown(text: str) -> bytes:
    """The 10 bytes of a fingerprint as people see it.

    Raises:
        ValueError: not such a text.

    Example:
        >>> from_shown("aaaq-eaye-auda-ocaj").hex()
        '00010203040506070809'
    """
    letters = text.strip().replace("-", "").upper()
    if len(letters) != SHOWN_BYTES * 8 // 5:
        raise ValueError("a fingerprint has sixteen letters and digits, such as 7K2Q-MB4X-ZQPA-T6UD")
    return base64.b32decode(letters)


def issue(ticket: Ticket, officer: Ed25519PrivateKey) -> str:
    """Signs a ticket with the tickets officer's key and writes it as text.

    Raises:
        Malformed: a part is too long.
    """
    fields: dict[int, object] = {1: _VERSION, 2: ticket.root, 3: ticket.host, 4: ticket.port, 5: ticket.expires_ms}
    fields |= {key: value for key, value in ((6, ticket.number), (7, ticket.serial), (8, ticket.key)) if value is not None}
    payload = encode(fields)
    _read(payload)
    message = cose.sign(payload, TICKET, officer)
    return PREFIX + base64.b32encode(message).decode().rstrip("=")


def _read(payload: bytes) -> Ticket:
    fields = Fields(decode(payload, "ticket", MAX_TICKET_BYTES), "ticket")
    fields.number(1, "version", _VERSION, _VERSION)
    return Ticket(
        root=fields.octets(2, "root", FINGERPRINT_BYTES),
        host=fields.text(3, "host", HOST_CHARACTERS),
        port=fields.number(4, "port", 1, 65535),
        expires_ms=fields.number(5, "expires_ms"),
        number=fields.octets(6, "number", NUMBER_BYTES) if 6 in fields else None,
        serial=fields.optional_text(7, "serial", SERIAL_CHARACTERS),
        key=fields.octets(8, "key", SHOWN_BYTES) if 8 in fields else None,
    )


def looks_like_one(text: str) -> bool:
    """Tells whether a scanned text means to be a ticket, whole or not.

    Example:
        >>> looks_like_one("GATE1:T:2KCFFI"), looks_like_one("001099012345|…")
        (True, False)
    """
    return text.strip().upper().startswith(PREFIX)


def to_bytes(text: str) -> bytes:
    """The signed message in a ticket's text; upper and lower case and white space around it do not matter.

    Raises:
        Malformed: not the text of a ticket.
    """
    text = text.strip().upper()
    if not text.startswith(PREFIX) or len(text) > MAX_TEXT_CHARACTERS:
        raise Malformed("ticket: not the text of one")
    letters = text.removeprefix(PREFIX)
    try:
        return base64.b32decode(letters + "=" * (-len(letters) % 8))
    except (binascii.Error, ValueError):
        raise Malformed("ticket: not base32; scan it again") from None


def peek(text: str) -> Ticket:
    """What a ticket says, believed by nobody yet: enough to find the door, which then proves itself and the ticket.

    Raises:
        Malformed: not a ticket.
    """
    return _read(cose.parse(to_bytes(text), TICKET, MAX_TICKET_BYTES).payload)


def verify(message: bytes, officer: Ed25519PublicKey) -> Ticket:
    """Checks a ticket's signature by the tickets officer's key; its time and number are for the province to judge.

    Raises:
        Malformed: not a ticket.
        cose.Forged: not signed by this officer.
    """
    return _read(cose.check(cose.parse(message, TICKET, MAX_TICKET_BYTES), TICKET, officer))
