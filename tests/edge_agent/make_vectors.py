"""Writes the protocol's test vectors: `.venv/bin/python tests/edge_agent/make_vectors.py`, by hand, when the wire format changes.

Keys are fixed. HPKE is random by design, so what is pinned is the receiving side: an envelope made once, the key that opens it, and
what must come out. Everything else (headers, bodies, Sig_structures, certificates, receipts, keyrings) is made again byte for byte.
`test_vectors.py` keeps the committed file true.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sealed_examples import (
    DAY,
    DAY_PAIR,
    DEVICE,
    FROM_MS,
    KEYRING_7,
    KEYRING_OFFICER,
    LOG,
    NAME,
    PASSAGE,
    RECEIPTS_OFFICER,
    ROOT,
    TO_MS,
    UNDATED_KEY,
    UNDATED_PAIR,
    VECTORS,
    header,
    seed,
)

from edge_agent.store.outbox import Spot
from edge_agent.wire import authority, cose, envelope, keyring, receipt
from edge_agent.wire.cbor import encode
from edge_agent.wire.entry import (
    Body,
    Direction,
    Header,
    Kind,
    Known,
    LogHead,
    Method,
    Note,
    Passage,
    RecordedPerson,
    encode_body,
    encode_header,
)
from edge_agent.wire.keyring import EpochKey
from edge_agent.wire.receipt import Range, Receipt, Status
from edge_agent.wire.sealing import KeyPair

PREDECESSOR = LogHead(seed("log before")[:16], 42, seed("head of the log before"))
LEAST = Passage(RecordedPerson("cccd", "001099012345", "Lê Văn A"), Direction.OUT, Known.BUTTON, Method.SERIAL)


def entries() -> list[tuple[str, Header, Body, EpochKey]]:
    """What the vectors hold: the start of a log that follows another one. `prev` is filled in as the chain grows."""
    return [
        (
            "the first entry of a log: a boot",
            header(1, kind=Kind.BOOT, key=UNDATED_KEY, predecessor=PREDECESSOR),
            Note({"software": "0.1.0", "new_outbox": 1}),
            UNDATED_KEY,
        ),
        ("a passage with every field", header(2), PASSAGE, DAY),
        ("a passage with no field that may be absent", header(3), LEAST, DAY),
        ("a close", header(4, kind=Kind.CLOSE), Note({"reason": "stop"}), DAY),
    ]


def plain(value: Any) -> Any:
    """Dataclasses and bytes as JSON: bytes in hex, what is absent left out."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: plain(item) for field in fields(value) if (item := getattr(value, field.name)) not in (None, ())}
    return dict(value) if isinstance(value, dict) else value if isinstance(value, int) else str(value)


def sig_structure(message: bytes, kind: cose.MessageType) -> str:
    parsed = cose.parse(message, kind, 1 << 20)
    return encode(["Signature1", parsed.protected, kind.context, parsed.payload]).hex()


def signer(key: Ed25519PrivateKey) -> dict[str, str]:
    public = key.public_key()
    return {"private": key.private_bytes_raw().hex(), "public": public.public_bytes_raw().hex(), "kid": cose.key_id(public).hex()}


def sealer(pair: KeyPair, key: EpochKey) -> dict[str, str]:
    return {
        "epoch": key.epoch, "suite": str(pair.suite), "public": pair.public.hex(), "private": pair.private.hex(), "key_id": key.key_id,
    }  # fmt: skip


def chain() -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    spot = Spot(LOG, 1, header().prev, PREDECESSOR)
    for name, its_header, body, key in entries():
        its = Header(**{field.name: getattr(its_header, field.name) for field in fields(Header)} | {"prev": spot.prev})
        message = envelope.make(its, body, key.sealing_key(), DEVICE)
        taken = envelope.peek(message)
        made.append(
            {
                "name": name, "header": plain(its), "header_bytes": encode_header(its).hex(), "body": plain(body),
                "body_bytes": encode_body(body).hex(), "sealed_to": key.epoch, "sealed": taken.sealed.hex(),
                "sig_structure": sig_structure(message, envelope.ENTRY), "envelope": message.hex(), "hash": taken.hash.hex(),
            }
        )  # fmt: skip
        spot = Spot(LOG, spot.seq + 1, taken.hash, None)
    return made


def receipt_of(made: list[dict[str, Any]]) -> Receipt:
    hashes = [bytes.fromhex(entry["hash"]) for entry in made]
    return Receipt(
        NAME,
        LOG,
        (
            Range(1, 1, hashes[0], Status.HELD, "undated"),
            Range(2, 3, hashes[2], Status.REGISTERED),
            Range(4, 4, hashes[3], Status.EXPIRED, forked=True),
        ),
        1_633_366_900_000,
    )


def signed(message: bytes, kind: cose.MessageType, **more: Any) -> dict[str, Any]:
    payload = cose.parse(message, kind, 1 << 20).payload
    return {**more, "payload": payload.hex(), "sig_structure": sig_structure(message, kind), "message": message.hex()}


def vectors() -> dict[str, Any]:
    made = chain()
    its_receipt = receipt_of(made)
    clerk = RECEIPTS_OFFICER.key.public_key().public_bytes_raw().hex()
    certificate = {"power": "receipts", "public_key": clerk, "not_before_ms": FROM_MS, "not_after_ms": TO_MS}
    keys = {"root": ROOT, "device": DEVICE, "receipts": RECEIPTS_OFFICER.key, "keyring": KEYRING_OFFICER.key}
    return {
        "about": "Test vectors of gate-scanner's wire format 1: hw_docs/protocol.md. Bytes are hex. All keys and people are made up.",
        "signing_keys": {name: signer(key) for name, key in keys.items()},
        "sealing_keys": [sealer(DAY_PAIR, DAY), sealer(UNDATED_PAIR, UNDATED_KEY)],
        "entries": made,
        "certificate": signed(RECEIPTS_OFFICER.certificate, authority.CERTIFICATE, fields=certificate),
        "receipt": signed(receipt.issue(its_receipt, RECEIPTS_OFFICER), receipt.RECEIPT, fields=plain(its_receipt)),
        "keyring": signed(keyring.issue(KEYRING_7, KEYRING_OFFICER), keyring.KEYRING, fields=plain(KEYRING_7)),
    }


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
