"""The committed vectors hold: what they say decodes, verifies and opens, and what is not random is made again to the byte."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import make_vectors
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sealed_examples import KEYRING_7, KEYRING_OFFICER, NAME, RECEIPTS_OFFICER, ROOT, vectors

from edge_agent.wire import envelope, keyring, receipt, sealing
from edge_agent.wire.authority import read_certificate
from edge_agent.wire.cose import key_id
from edge_agent.wire.entry import NO_PREVIOUS, Body, Kind, encode_body, encode_header
from edge_agent.wire.sealing import Suite

VECTORS = vectors()
ENTRIES: list[dict[str, Any]] = VECTORS["entries"]
KEYS = {key["epoch"]: key for key in VECTORS["sealing_keys"]}
each_entry = pytest.mark.parametrize("place", range(len(ENTRIES)), ids=[entry["name"] for entry in ENTRIES])


def public(name: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(VECTORS["signing_keys"][name]["public"]))


def opened(entry: dict[str, Any]) -> Body:
    key = KEYS[entry["sealed_to"]]
    suite = Suite(key["suite"])
    taken = envelope.verify(bytes.fromhex(entry["envelope"]), public("device"))
    return envelope.open_body(taken, suite, sealing.load_private(suite, bytes.fromhex(key["private"])))


@each_entry
def test_an_envelope_verifies_and_opens_to_the_expected_fields(place: int) -> None:
    entry = ENTRIES[place]
    taken = envelope.verify(bytes.fromhex(entry["envelope"]), public("device"))
    assert make_vectors.plain(taken.header) == entry["header"]
    assert make_vectors.plain(opened(entry)) == entry["body"]
    assert (taken.header_bytes.hex(), taken.sealed.hex(), taken.hash.hex()) == (entry["header_bytes"], entry["sealed"], entry["hash"])
    assert sha256(bytes.fromhex(entry["envelope"])).hexdigest() == entry["hash"]


@each_entry
def test_header_and_body_are_encoded_to_the_byte(place: int) -> None:
    entry = ENTRIES[place]
    taken = envelope.peek(bytes.fromhex(entry["envelope"]))
    assert encode_header(taken.header).hex() == entry["header_bytes"]
    assert encode_body(opened(entry)).hex() == entry["body_bytes"]


@each_entry
def test_the_signature_is_over_the_sig_structure(place: int) -> None:
    message = bytes.fromhex(ENTRIES[place]["envelope"])
    public("device").verify(message[-64:], bytes.fromhex(ENTRIES[place]["sig_structure"]))
    assert make_vectors.sig_structure(message, envelope.ENTRY) == ENTRIES[place]["sig_structure"]


def test_the_entries_are_a_chain() -> None:
    before = NO_PREVIOUS.hex()
    for place, entry in enumerate(ENTRIES, start=1):
        assert (entry["header"]["seq"], entry["header"]["prev"]) == (place, before)
        assert ("predecessor" in entry["header"]) == (place == 1)
        before = entry["hash"]


def test_the_vectors_cover_both_suites_and_a_passage_with_every_field() -> None:
    assert {key["suite"] for key in KEYS.values()} == set(Suite)
    kinds = [Kind(entry["header"]["kind"]) for entry in ENTRIES]
    assert {Kind.PASSAGE, Kind.BOOT, Kind.CLOSE} <= set(kinds)
    [full, _least] = [entry["body"] for entry in ENTRIES if entry["header"]["kind"] == Kind.PASSAGE]
    assert set(full) == {"person", "direction", "known", "method", "trip", "position", "health", "warnings"}
    assert len(full["person"]) == 8


def test_key_ids_are_derived_as_written() -> None:
    for name, key in VECTORS["signing_keys"].items():
        assert key_id(public(name)).hex() == key["kid"] == sha256(bytes.fromhex(key["public"])).hexdigest()[:16]
    for epoch, key in KEYS.items():
        assert key["key_id"] == f"{epoch}/{sha256(bytes.fromhex(key['public'])).hexdigest()[:16]}"


def test_the_certificate_is_made_and_read_to_the_byte() -> None:
    its = VECTORS["certificate"]
    assert RECEIPTS_OFFICER.certificate.hex() == its["message"]
    read = read_certificate(bytes.fromhex(its["message"]), public("root"))
    assert {
        "power": read.power,
        "public_key": read.public_key.public_bytes_raw().hex(),
        "not_before_ms": read.not_before_ms,
        "not_after_ms": read.not_after_ms,
    } == its["fields"]


def test_the_receipt_is_made_and_read_to_the_byte() -> None:
    its = VECTORS["receipt"]
    assert receipt.issue(make_vectors.receipt_of(ENTRIES), RECEIPTS_OFFICER).hex() == its["message"]
    assert make_vectors.plain(receipt.verify(bytes.fromhex(its["message"]), public("root"), NAME)) == its["fields"]


def test_the_keyring_is_made_and_read_to_the_byte() -> None:
    its = VECTORS["keyring"]
    assert keyring.issue(KEYRING_7, KEYRING_OFFICER).hex() == its["message"]
    assert make_vectors.plain(keyring.verify(bytes.fromhex(its["message"]), public("root"))) == its["fields"]


def test_all_that_is_not_random_is_made_again() -> None:
    again = make_vectors.vectors()
    for key in ("about", "signing_keys", "sealing_keys", "certificate", "keyring"):
        assert again[key] == VECTORS[key], f"{key}: run tests/edge_agent/make_vectors.py if the format was meant to change"
    for new, committed in zip(again["entries"], ENTRIES, strict=True):
        for key in ("name", "body", "body_bytes", "sealed_to"):
            assert new[key] == committed[key]
    assert ROOT.private_bytes_raw().hex() == VECTORS["signing_keys"]["root"]["private"]
