"""What the province's word rests on: one root key that certifies a key for each power.

Source: design.md "Keys". A device pins only the root. Every message of the province carries the certificate of the key that
signed it, so that a device can check it years later and offline.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from edge_agent.wire import cose
from edge_agent.wire.cbor import decode, encode
from edge_agent.wire.fields import Fields

CERTIFICATE = cose.MessageType("application/vnd.gate-scanner.certificate+cbor", b"gate-scanner/v1/certificate")
_VERSION = 1
_MAX_CERTIFICATE_BYTES = 1024


class Power(StrEnum):
    """What a certified key may do, and nothing else."""

    KEYRING = "keyring"
    RECEIPTS = "receipts"
    TICKETS = "tickets"
    IDENTIFY = "identify"
    CONFIGURE = "configure"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A root's statement: this key has this power in this time (milliseconds since 1970 UTC).

    Attributes:
        org: the one organisation over whose devices it has the power; None for all. Only commands and configuration ask.
    """

    power: Power
    public_key: Ed25519PublicKey
    not_before_ms: int
    not_after_ms: int
    org: str | None = None


@dataclass(frozen=True, slots=True)
class Officer:
    """A key with a power and the certificate that proves it: what the province signs with."""

    key: Ed25519PrivateKey
    certificate: bytes

    def sign(self, payload: bytes, kind: cose.MessageType) -> bytes:
        """Signs a payload, the certificate enclosed."""
        return cose.sign(payload, kind, self.key, self.certificate)


def certify(certificate: Certificate, root: Ed25519PrivateKey) -> bytes:
    """Signs a certificate with the root key."""
    fields: dict[int, object] = {
        1: _VERSION, 2: str(certificate.power), 3: certificate.public_key.public_bytes_raw(),
        4: certificate.not_before_ms, 5: certificate.not_after_ms,
    }  # fmt: skip
    if certificate.org is not None:
        fields[6] = certificate.org
    return cose.sign(encode(fields), CERTIFICATE, root)


def read_certificate(data: bytes, root: Ed25519PublicKey) -> Certificate:
    """Checks a certificate against the root.

    Raises:
        Malformed: not a certificate.
        cose.Forged: not signed by this root.
    """
    payload = cose.check(cose.parse(data, CERTIFICATE, _MAX_CERTIFICATE_BYTES), CERTIFICATE, root)
    fields = Fields(decode(payload, "certificate"), "certificate")
    fields.number(1, "version", _VERSION, _VERSION)
    return Certificate(
        power=fields.choice(2, "power", Power),
        public_key=Ed25519PublicKey.from_public_bytes(fields.octets(3, "public_key", 32)),
        not_before_ms=fields.number(4, "not_before_ms"),
        not_after_ms=fields.number(5, "not_after_ms"),
        org=fields.optional_text(6, "org", 40),
    )


def verify(
    message: bytes,
    kind: cose.MessageType,
    power: Power,
    root: Ed25519PublicKey,
    max_bytes: int,
    now_ms: int | None = None,
    not_before_ms: int = 0,
) -> bytes:
    """Checks a message of the province from the root down and returns its payload; arguments and errors as in `verify_signer`."""
    return verify_signer(message, kind, power, root, max_bytes, now_ms, not_before_ms)[0]


def verify_signer(
    message: bytes,
    kind: cose.MessageType,
    power: Power,
    root: Ed25519PublicKey,
    max_bytes: int,
    now_ms: int | None = None,
    not_before_ms: int = 0,
) -> tuple[bytes, Certificate]:
    """Checks a message of the province from the root down and returns its payload and who signed it; as `verify_signer_of`, one power."""
    payload, certificate = verify_signer_of(message, kind, (power,), root, max_bytes, now_ms, not_before_ms)
    if certificate.org is not None:
        raise cose.Forged(f"{kind.content_type}: its signer speaks for one organisation alone")
    return payload, certificate


def verify_signer_of(
    message: bytes,
    kind: cose.MessageType,
    powers: Collection[Power],
    root: Ed25519PublicKey,
    max_bytes: int,
    now_ms: int | None = None,
    not_before_ms: int = 0,
) -> tuple[bytes, Certificate]:
    """Checks a message of the province from the root down and returns its payload and who signed it.

    Args:
        message: as received.
        kind: what it should be.
        powers: its signer needs one of them.
        root: the pinned root key.
        max_bytes: a longer message is refused unread.
        now_ms: trusted wall time, or None when the device has none: then only what has certainly ended is refused.
        not_before_ms: a signed lower bound of the time.

    Raises:
        Malformed: not such a message.
        cose.Forged: no certificate, another power, out of its time, or a signature that does not hold.
    """
    parsed = cose.parse(message, kind, max_bytes)
    if parsed.certificate is None:
        raise cose.Forged(f"{kind.content_type}: no certificate of its signer enclosed")
    certificate = read_certificate(parsed.certificate, root)
    if certificate.power not in powers:
        needed = " or ".join(repr(str(power)) for power in powers)
        raise cose.Forged(f"{kind.content_type}: signed by a key with power {str(certificate.power)!r}, needed is {needed}")
    if now_ms is not None and not certificate.not_before_ms <= now_ms <= certificate.not_after_ms:
        raise cose.Forged(f"{kind.content_type}: the signer's certificate is not valid now")
    if not_before_ms > certificate.not_after_ms:
        raise cose.Forged(f"{kind.content_type}: the signer's certificate has ended")
    if cose.key_id(certificate.public_key) != parsed.kid:
        raise cose.Forged(f"{kind.content_type}: the enclosed certificate is for another key")
    return cose.check(parsed, kind, certificate.public_key), certificate


def check_signed_time(signed_ms: int, certificate: Certificate, kind: cose.MessageType) -> None:
    """Makes sure that a message's own time, a lower bound for others, is not one its signer could not have seen.

    Raises:
        cose.Forged: it lies after the end of the signer's certificate.
    """
    if signed_ms > certificate.not_after_ms:
        raise cose.Forged(f"{kind.content_type}: dated after the end of its signer's certificate")
