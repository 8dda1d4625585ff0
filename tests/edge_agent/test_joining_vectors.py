"""The committed vectors of joining: made again to the byte, and believed by a reader that has only the page, cbor2, SHA-256 and Ed25519."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from typing import Any

import cbor2
import make_joining_vectors
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sealed_examples import vectors

VECTORS: dict[str, Any] = json.loads(make_joining_vectors.FILE.read_text("utf-8"))
KEYS = {name: bytes.fromhex(key["public"]) for name, key in vectors()["signing_keys"].items()}


def test_what_is_not_random_is_made_again_to_the_byte() -> None:
    assert make_joining_vectors.vectors(VECTORS["random"]) == VECTORS


def checked(message: bytes, public: bytes, name: str) -> tuple[dict[Any, Any], dict[Any, Any]]:
    tag = cbor2.loads(message)
    protected, unprotected, payload, signature = tag.value
    assert tag.tag == 18
    assert cbor2.loads(protected) == {1: -8, 3: f"application/vnd.gate-scanner.{name}+cbor", 4: sha256(public).digest()[:8]}
    covered = cbor2.dumps(["Signature1", protected, f"gate-scanner/v1/{name}".encode(), payload])
    Ed25519PublicKey.from_public_bytes(public).verify(signature, covered)
    return cbor2.loads(payload), unprotected


def officer_of(message: bytes, root: bytes) -> bytes:
    certificate, nothing = checked(cbor2.loads(message).value[1]["cert"], root, "certificate")
    assert (certificate[1], certificate[2], nothing) == (1, "tickets", {})
    return bytes(certificate[3])


def test_a_device_written_from_the_page_believes_the_door_and_its_answer() -> None:
    text = VECTORS["ticket_text"]
    assert text.startswith("GATE1:T:")
    letters = text.removeprefix("GATE1:T:")
    its_ticket = base64.b32decode(letters + "=" * (-len(letters) % 8))
    said = cbor2.loads(cbor2.loads(its_ticket).value[2])
    greeting = cbor2.loads(bytes.fromhex(VECTORS["greeting"]))
    root = greeting[1]
    assert sha256(root).digest() == said[2]
    assert root == KEYS["root"]
    officer = officer_of(greeting[2], root)
    statement, _cert = checked(greeting[2], officer, "door")
    shown = x509.load_der_x509_certificate(bytes.fromhex(VECTORS["random"]["door_certificate"])).public_key()
    door = sha256(shown.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    assert statement == {1: 1, 2: door}
    assert checked(its_ticket, officer, "ticket") == (said, {})
    request = bytes.fromhex(VECTORS["request"])
    asked, _nothing = checked(request, KEYS["device"], "joining")
    assert (asked[1], asked[2], asked[3], asked[6], asked[7]) == (1, "join", KEYS["device"], door, its_ticket)
    assert x509.load_der_x509_csr(asked[4]).is_signature_valid
    for name, outcome in (("welcome", "welcome"), ("wait", "wait")):
        answer = bytes.fromhex(VECTORS[name])
        told, _cert = checked(answer, officer_of(answer, root), "membership")
        assert (told[1], told[2], told[3], 5 in told) == (1, sha256(request).digest(), outcome, outcome == "welcome")
