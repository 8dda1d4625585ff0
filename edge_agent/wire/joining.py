"""What a device asks of its province when it joins or needs a new certificate, and what the province answers.

The device's **request** is signed with its own key, the province's **answer** by a tickets officer, certified by the root. Both travel
through the door (`edge_agent.link.door_link`), in files (a stick) and, for renewal, over MQTT. Source: decision 0060.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.wire import authority, cose
from edge_agent.wire.authority import Officer, Power
from edge_agent.wire.cbor import Malformed, decode, encode
from edge_agent.wire.entry import NAME_CHARACTERS
from edge_agent.wire.fields import Fields
from edge_agent.wire.keyring import MAX_KEYRING_BYTES
from edge_agent.wire.ticket import FINGERPRINT_BYTES, HOST_CHARACTERS, MAX_TICKET_BYTES, SERIAL_CHARACTERS
from edge_agent.wire.topics import DeviceName

REQUEST = cose.MessageType("application/vnd.gate-scanner.joining+cbor", b"gate-scanner/v1/joining")
ANSWER = cose.MessageType("application/vnd.gate-scanner.membership+cbor", b"gate-scanner/v1/membership", certified=True)
MAX_REQUEST_BYTES = 4096
MAX_ANSWER_BYTES = MAX_KEYRING_BYTES + 16 * 1024
_MAX_DER_BYTES = 4096
_VERSION = 1
_KEY_BYTES = 32
_REASON_CHARACTERS = 300
_MEMBER_CHARACTERS = 81  # 40, a slash, 40


class Wish(StrEnum):
    """What a device asks for."""

    JOIN = "join"
    RENEW = "renew"


class Outcome(StrEnum):
    """What the province says to it."""

    WELCOME = "welcome"
    WAIT = "wait"  # an operator must compare the fingerprint and approve
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Request:
    """A device's request; it was signed with the key it names.

    Attributes:
        public_key: the device's signing key.
        tls_request: PKCS #10 request for the TLS certificate, DER; its own signature proves the TLS key.
        serial: the device's serial number as it claims, or `-`.
        door: hash of the door's TLS key, so that the request is worth nothing at another door; None in files and over MQTT.
        ticket: the ticket's signed bytes, None to join by approval or to renew.
        member: who the device is now, `org/device`; None when it is nobody's. It gets another name only after it was reset.
    """

    wish: Wish
    public_key: Ed25519PublicKey
    tls_request: bytes
    serial: str
    door: bytes | None = None
    ticket: bytes | None = field(default=None, repr=False)
    member: str | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    """All that a device needs to be a member.

    Attributes:
        host: the broker's, with `port`.
        door_host: the door's, with `door_port`, for a certificate that has run out.
        certificate: the device's TLS certificate, DER.
        authority: the broker's certificate authority, DER.
        keyring: as signed.
    """

    name: DeviceName
    site: str
    gate: str
    host: str
    port: int
    door_host: str
    door_port: int
    certificate: bytes
    authority: bytes
    keyring: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """The province's answer.

    Attributes:
        request: SHA-256 of the request it answers.
        reason: for people; empty with a welcome.
        membership: with a welcome only.
    """

    request: bytes
    outcome: Outcome
    reason: str = ""
    membership: Membership | None = None


# ── request ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def ask(request: Request, key: cose.Signer) -> bytes:
    """Signs a request with the device's key."""
    fields: dict[int, object] = {
        1: _VERSION, 2: str(request.wish), 3: request.public_key.public_bytes_raw(), 4: request.tls_request, 5: request.serial,
    }  # fmt: skip
    fields |= {number: value for number, value in ((6, request.door), (7, request.ticket), (8, request.member)) if value is not None}
    return cose.sign(encode(fields), REQUEST, key)


def read_request(message: bytes) -> Request:
    """A request whose sender holds both keys it names; who that is, is for the caller to find out.

    Raises:
        Malformed: not a request.
        cose.Forged: a signature in it does not hold.
    """
    parsed = cose.parse(message, REQUEST, MAX_REQUEST_BYTES)
    fields = Fields(decode(parsed.payload, "request", MAX_REQUEST_BYTES), "request")
    fields.number(1, "version", _VERSION, _VERSION)
    key = Ed25519PublicKey.from_public_bytes(fields.octets(3, "public_key", _KEY_BYTES))
    if cose.key_id(key) != parsed.kid:
        raise cose.Forged("request: signed by another key than it names")
    cose.check(parsed, REQUEST, key)
    request = Request(
        wish=fields.choice(2, "wish", Wish),
        public_key=key,
        tls_request=fields.octets(4, "tls_request", 1, _MAX_DER_BYTES),
        serial=fields.text(5, "serial", SERIAL_CHARACTERS),
        door=fields.octets(6, "door", FINGERPRINT_BYTES) if 6 in fields else None,
        ticket=fields.octets(7, "ticket", 1, MAX_TICKET_BYTES) if 7 in fields else None,
        member=fields.optional_text(8, "member", _MEMBER_CHARACTERS),
    )
    if not request.serial.isprintable() or not (request.member or "-").isprintable():
        raise Malformed("request: fields 'serial' and 'member' must be printable")
    tls_key(request)
    return request


def tls_key(request: Request) -> ec.EllipticCurvePublicKey:
    """The TLS key a request wants certified.

    Raises:
        Malformed: no PKCS #10 request for a P-256 key.
        cose.Forged: the sender does not hold that key.
    """
    try:
        parsed = x509.load_der_x509_csr(request.tls_request)
        key, holds = parsed.public_key(), parsed.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature):
        raise Malformed("request: the TLS certificate request cannot be read") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise Malformed("request: the TLS key must be of P-256")
    if not holds:
        raise cose.Forged("request: the TLS certificate request's own signature does not hold")
    return key


# ── answer ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _encode_membership(one: Membership) -> dict[int, object]:
    return {
        1: one.name.org, 2: one.name.device, 3: one.site, 4: one.gate, 5: one.host, 6: one.port, 7: one.door_host, 8: one.door_port,
        9: one.certificate, 10: one.authority, 11: one.keyring,
    }  # fmt: skip


def _read_membership(value: object) -> Membership:
    fields = Fields(value, "membership")
    try:
        name = DeviceName(fields.text(1, "org", 40), fields.text(2, "device", 40))
    except ValueError as error:
        raise Malformed(f"membership: {error}") from None
    return Membership(
        name=name,
        site=fields.text(3, "site", NAME_CHARACTERS),
        gate=fields.text(4, "gate", NAME_CHARACTERS),
        host=fields.text(5, "host", HOST_CHARACTERS),
        port=fields.number(6, "port", 1, 65535),
        door_host=fields.text(7, "door_host", HOST_CHARACTERS),
        door_port=fields.number(8, "door_port", 1, 65535),
        certificate=fields.octets(9, "certificate", 1, _MAX_DER_BYTES),
        authority=fields.octets(10, "authority", 1, _MAX_DER_BYTES),
        keyring=fields.octets(11, "keyring", 1, MAX_KEYRING_BYTES),
    )


def reply(answer: Answer, officer: Officer) -> bytes:
    """Signs an answer with the tickets officer's key."""
    fields: dict[int, object] = {1: _VERSION, 2: answer.request, 3: str(answer.outcome)}
    if answer.reason:
        fields[4] = answer.reason[:_REASON_CHARACTERS]
    if answer.membership is not None:
        fields[5] = _encode_membership(answer.membership)
    return officer.sign(encode(fields), ANSWER)


def read_answer(message: bytes, request: bytes, root: Ed25519PublicKey) -> Answer:
    """Checks an answer from the root down.

    Args:
        message: as received.
        request: the signed request it must answer.
        root: the province's root key.

    Raises:
        Malformed: not an answer.
        cose.Forged: not signed by a tickets officer of this root, or the answer to another request.
    """
    payload = authority.verify(message, ANSWER, Power.TICKETS, root, MAX_ANSWER_BYTES)
    fields = Fields(decode(payload, "answer", MAX_ANSWER_BYTES), "answer")
    fields.number(1, "version", _VERSION, _VERSION)
    answered, outcome = fields.octets(2, "request", FINGERPRINT_BYTES), fields.choice(3, "outcome", Outcome)
    if answered != sha256(request).digest():
        raise cose.Forged("answer: to another request than ours")
    if (outcome is Outcome.WELCOME) != (5 in fields):
        raise Malformed("answer: a membership comes with a welcome, and only then")
    membership = _read_membership(fields.value(5)) if 5 in fields else None
    return Answer(answered, outcome, fields.optional_text(4, "reason", _REASON_CHARACTERS) or "", membership)
