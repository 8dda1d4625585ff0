"""A diagnosis on its way to the province: closed to everybody but the holder of the day's key, signed by the device it is of.

HPKE seals a fresh key of 32 bytes, that key (AES-256-GCM) the diagnosis; the device signs both. It travels in pieces on `results`, and goes
with its day: when that is destroyed at the province, nobody opens it any more.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from edge_agent.wire import cose, sealing
from edge_agent.wire.cbor import Malformed, decode, encode
from edge_agent.wire.envelope import SealingKey
from edge_agent.wire.fields import Fields
from edge_agent.wire.topics import DeviceName

BUNDLE = cose.MessageType("application/vnd.gate-scanner.diagnosis+cbor", b"gate-scanner/v1/diagnosis")
MAX_DATA_BYTES = 512 * 1024
MAX_BUNDLE_BYTES = MAX_DATA_BYTES + 8 * 1024
_CONTEXT = b"gate-scanner/v1/diagnosis-key\0"
_VERSION, _KEY_BYTES, _NONCE = 1, 32, bytes(12)  # one message a key


@dataclass(frozen=True, slots=True)
class Header:
    """Of whom it is, and which command asked for it.

    Attributes:
        key_id: what it is sealed to, `YYYY-MM-DD/…`.
    """

    name: DeviceName
    counter: int
    key_id: str


def _encode(header: Header) -> bytes:
    return encode({1: _VERSION, 2: header.name.org, 3: header.name.device, 4: header.counter, 5: header.key_id})


def make(data: bytes, name: DeviceName, counter: int, key: SealingKey, signer: cose.Signer) -> bytes:
    """Seals and signs a diagnosis.

    Raises:
        ValueError: longer than 512 kB.
    """
    if len(data) > MAX_DATA_BYTES:
        raise ValueError(f"{len(data)} bytes, at most {MAX_DATA_BYTES} travel")
    header = _encode(Header(name, counter, key.key_id))
    own = secrets.token_bytes(_KEY_BYTES)
    closed = AESGCM(own).encrypt(_NONCE, data, header)
    return cose.sign(encode([header, sealing.seal(own, key.suite, key.public, _CONTEXT + header), closed]), BUNDLE, signer)


Closed: TypeAlias = tuple[bytes, bytes, bytes]  # the header's bytes, the sealed key, the closed data


def verify(bundle: bytes, device_key: Ed25519PublicKey) -> tuple[Header, Closed]:
    """Checks who made it: its header, and the rest for `unseal`.

    Raises:
        Malformed: not a diagnosis.
        cose.Forged: not by this device.
    """
    payload = cose.check(cose.parse(bundle, BUNDLE, MAX_BUNDLE_BYTES), BUNDLE, device_key)
    match decode(payload, "diagnosis", MAX_BUNDLE_BYTES):
        case [bytes(header), bytes(sealed), bytes(closed)]:
            pass
        case _:
            raise Malformed("diagnosis: must be [header, sealed key, data]")
    fields = Fields(decode(header, "diagnosis header"), "diagnosis header")
    fields.number(1, "version", _VERSION, _VERSION)
    try:
        name = DeviceName(fields.text(2, "org", 40), fields.text(3, "device", 40))
    except ValueError as error:
        raise Malformed(f"diagnosis: {error}") from None
    return Header(name, fields.number(4, "counter", 1), fields.text(5, "key_id", 40)), (header, sealed, closed)


def unseal(closed: Closed, suite: sealing.Suite, private_key: sealing.PrivateKey) -> bytes:
    """The diagnosis.

    Raises:
        sealing.CannotOpen: sealed to another key, or changed.
    """
    header, sealed, data = closed
    try:
        return AESGCM(sealing.unseal(sealed, suite, private_key, _CONTEXT + header)).decrypt(_NONCE, data, header)
    except (InvalidTag, ValueError):
        raise sealing.CannotOpen("sealed to another key, or damaged") from None
