"""Makes and opens sealed entries: the body sealed to the province's day key, bound to its header, signed by the device.

Source: design.md "Entry, sealed entry, receipt". An envelope is COSE_Sign1 over [header bytes, sealed bytes]; its SHA-256 is the
entry's hash, which the next entry of the log names as `prev`.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.wire import cose, sealing
from edge_agent.wire.cbor import Malformed, decode, encode
from edge_agent.wire.entry import Body, Header, decode_body, decode_header, encode_body, encode_header

MAX_ENVELOPE_BYTES = 8 * 1024
ENTRY = cose.MessageType("application/vnd.gate-scanner.entry+cbor", b"gate-scanner/v1/entry")
_SEAL_CONTEXT = b"gate-scanner/v1/entry-body\0"


@dataclass(frozen=True, slots=True)
class SealingKey:
    """One epoch's public key, ready for use."""

    key_id: str
    suite: sealing.Suite
    public: sealing.PublicKey


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """An envelope taken apart; believable only when it comes from `verify`."""

    header: Header
    header_bytes: bytes
    sealed: bytes
    hash: bytes


def envelope_hash(envelope: bytes) -> bytes:
    """What names an envelope in the chain and in receipts: its SHA-256."""
    return sha256(envelope).digest()


def make(header: Header, body: Body, key: SealingKey, signer: cose.Signer) -> bytes:
    """Seals and signs one entry.

    Raises:
        ValueError: the header names another sealing key than the one given.
        sealing.CannotSeal: the body is longer than 2047 bytes.
    """
    if header.key_id != key.key_id:
        raise ValueError(f"the header names sealing key {header.key_id!r}, given is {key.key_id!r}")
    header_bytes = encode_header(header)
    sealed = sealing.seal(encode_body(body), key.suite, key.public, _SEAL_CONTEXT + header_bytes)
    return cose.sign(encode([header_bytes, sealed]), ENTRY, signer)


def _take_apart(payload: bytes, envelope: bytes) -> SealedEntry:
    match decode(payload, "entry", MAX_ENVELOPE_BYTES):
        case [bytes(header_bytes), bytes(sealed)]:
            return SealedEntry(decode_header(header_bytes), header_bytes, sealed, envelope_hash(envelope))
        case _:
            raise Malformed("entry: must be [header bytes, sealed bytes]")


def peek(envelope: bytes) -> SealedEntry:
    """Takes an envelope apart without checking its signature, for a device looking at its own outbox.

    Raises:
        Malformed: not an envelope.
    """
    return _take_apart(cose.parse(envelope, ENTRY, MAX_ENVELOPE_BYTES).payload, envelope)


def verify(envelope: bytes, device_key: Ed25519PublicKey) -> SealedEntry:
    """Checks the device's signature over an envelope and takes it apart.

    Raises:
        Malformed: not an envelope.
        cose.Forged: not signed by this device.
    """
    return _take_apart(cose.check(cose.parse(envelope, ENTRY, MAX_ENVELOPE_BYTES), ENTRY, device_key), envelope)


def open_body(entry: SealedEntry, suite: sealing.Suite, private_key: sealing.PrivateKey) -> Body:
    """Opens the body of a verified entry.

    Raises:
        sealing.CannotOpen: sealed to another key, under another header, or damaged.
        Malformed: opened, but not a body of its kind.
    """
    return decode_body(entry.header.kind, sealing.unseal(entry.sealed, suite, private_key, _SEAL_CONTEXT + entry.header_bytes))
