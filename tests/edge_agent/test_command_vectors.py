"""The committed vectors of commands: made again to the byte, and believed by a reader with only the page, cbor2, SHA-256 and Ed25519."""

from __future__ import annotations

import json
from base64 import b64decode
from hashlib import sha256
from typing import Any

import cbor2
import make_command_vectors
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sealed_examples import vectors

VECTORS: dict[str, Any] = json.loads(make_command_vectors.FILE.read_text("utf-8"))
ROOT = bytes.fromhex(vectors()["signing_keys"]["root"]["public"])


def checked(message: bytes, public: bytes, name: str) -> Any:
    protected, _unprotected, payload, signature = cbor2.loads(message).value
    assert cbor2.loads(protected) == {1: -8, 3: f"application/vnd.gate-scanner.{name}+cbor", 4: sha256(public).digest()[:8]}
    covered = cbor2.dumps(["Signature1", protected, f"gate-scanner/v1/{name}".encode(), payload])
    Ed25519PublicKey.from_public_bytes(public).verify(signature, covered)
    return cbor2.loads(payload)


def signed(name: str, kind: str) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """A vector's payload, and its signer's certificate."""
    message = bytes.fromhex(VECTORS[name])
    certificate = checked(cbor2.loads(message).value[1]["cert"], ROOT, "certificate")
    return checked(message, certificate[3], kind), certificate


def test_they_are_made_again_to_the_byte() -> None:
    assert make_command_vectors.vectors() == VECTORS


def test_another_reader_believes_them() -> None:
    fields, certificate = signed("identify", "command")
    assert certificate[2] == "identify"
    assert 6 not in certificate
    assert (fields[1], fields[2], fields[3], fields[5], fields[6]) == (1, "bus-co", "scanner-1", "identify", 1_633_300_000_001)
    fields, certificate = signed("set_direction", "command")
    assert (certificate[2], certificate[6]) == ("configure", "bus-co")
    assert (fields[5], fields[9], fields[10], fields[8] - fields[7]) == ("set-direction", ["vào", "out"], bytes(range(16, 32)), 600_000)
    fields, certificate = signed("configuration", "config")
    assert (certificate[2], fields[4], fields[5]) == ("configure", 9, "[gate]\nheld_s = 2.0\n")
    result = json.loads(VECTORS["result"])
    assert result["nonce"] == bytes(range(16, 32)).hex()
    proved = checked(b64decode(result["proof"]), bytes.fromhex(VECTORS["device"]), "result")
    detail = sha256(result["detail"].encode()).digest()
    assert proved == [1, "bus-co", "scanner-1", result["issuer"], 7, "open", "refused", "no-clock", detail, result["nonce"]]
    fields, certificate = signed("keyring_that_revokes", "keyring")
    assert (certificate[2], fields[5]) == ("keyring", [sha256(bytes.fromhex(VECTORS["operator_of_one_organisation"])).digest()[:8]])
