"""The province's signed word that entries are safe with it: the only thing that lets a device forget them.

Source: design.md "Entry, sealed entry, receipt" (second promise). A range names the hash of its last envelope; since every
envelope names the hash of the one before it, that pins the whole range.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.wire import authority, cose
from edge_agent.wire.cbor import Malformed, decode, encode
from edge_agent.wire.entry import HASH_BYTES, LOG_BYTES
from edge_agent.wire.fields import Fields
from edge_agent.wire.topics import DeviceName

RECEIPT = cose.MessageType("application/vnd.gate-scanner.receipt+cbor", b"gate-scanner/v1/receipt", certified=True)
MAX_RECEIPT_BYTES = 64 * 1024
MAX_RANGES = 400
_VERSION = 1


class Status(StrEnum):
    """What became of an entry."""

    REGISTERED = "registered"
    HELD = "held"  # stored whole: the signature is good, but it cannot be opened or understood yet
    EXPIRED = "expired"  # past retention: its key is destroyed, it will never be read


@dataclass(frozen=True, slots=True)
class Range:
    """Entries `first` to `last` of one log that share a fate.

    Attributes:
        last_hash: hash of the envelope numbered `last`.
        reason: why held, or None.
        forked: the province holds other bytes under one of these numbers: the device must start a new log.
    """

    first: int
    last: int
    last_hash: bytes
    status: Status
    reason: str | None = None
    forked: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the province has committed of one log of one device.

    Attributes:
        committed_ms: when the province's database had it, milliseconds since 1970 UTC: a lower bound for the device's clock.
    """

    name: DeviceName
    log: bytes
    ranges: tuple[Range, ...]
    committed_ms: int


def _encode_range(part: Range) -> dict[int, object]:
    fields: dict[int, object] = {1: part.first, 2: part.last, 3: part.last_hash, 4: str(part.status)}
    if part.reason is not None:
        fields[5] = part.reason
    if part.forked:
        fields[6] = True
    return fields


def _decode_range(value: object) -> Range:
    fields = Fields(value, "receipt range")
    first = fields.number(1, "first", least=1)
    forked = fields.value(6)
    if 6 in fields and forked is not True:
        raise Malformed("receipt range: field 'forked' must be true or absent")
    return Range(
        first=first,
        last=fields.number(2, "last", least=first),
        last_hash=fields.octets(3, "last_hash", HASH_BYTES),
        status=fields.choice(4, "status", Status),
        reason=fields.optional_text(5, "reason", 200),
        forked=forked is True,
    )


def issue(receipt: Receipt, officer: authority.Officer) -> bytes:
    """Signs a receipt with the receipts officer's key.

    Raises:
        ValueError: more than 400 ranges.
    """
    if len(receipt.ranges) > MAX_RANGES:
        raise ValueError(f"{len(receipt.ranges)} ranges in one receipt, at most {MAX_RANGES} fit")
    fields = {
        1: _VERSION, 2: receipt.name.org, 3: receipt.name.device, 4: receipt.log,
        5: [_encode_range(part) for part in receipt.ranges], 6: receipt.committed_ms,
    }  # fmt: skip
    return officer.sign(encode(fields), RECEIPT)


def verify(message: bytes, root: Ed25519PublicKey, name: DeviceName, now_ms: int | None = None, not_before_ms: int = 0) -> Receipt:
    """Checks a receipt from the root down and that it is meant for this device; the times as in `authority.verify`.

    Raises:
        Malformed: not a receipt.
        cose.Forged: not signed by a key the root gave the power of receipts, or meant for another device.
    """
    payload, signer = authority.verify_signer(message, RECEIPT, authority.Power.RECEIPTS, root, MAX_RECEIPT_BYTES, now_ms, not_before_ms)
    fields = Fields(decode(payload, "receipt", MAX_RECEIPT_BYTES), "receipt")
    fields.number(1, "version", _VERSION, _VERSION)
    if (fields.text(2, "org", 40), fields.text(3, "device", 40)) != (name.org, name.device):
        raise cose.Forged("receipt: meant for another device")
    found = Receipt(
        name=name,
        log=fields.octets(4, "log", LOG_BYTES),
        ranges=tuple(_decode_range(part) for part in fields.items(5, "ranges", MAX_RANGES)),
        committed_ms=fields.number(6, "committed_ms"),
    )
    authority.check_signed_time(found.committed_ms, signer, RECEIPT)
    return found
