"""hw_docs/protocol.md is true and enough: its bytes are those of the vectors, and a reader written from it alone reads them.

Nothing of `edge_agent` is used by that reader: cbor2, Ed25519, SHA-256 and an independent HPKE are all it has.
"""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey
from sealed_examples import vectors

from edge_agent.enrolment import stick
from edge_agent.link import door_link
from edge_agent.wire import (
    authority,
    cbor,
    command,
    cose,
    desired_config,
    entry,
    envelope,
    joining,
    keyring,
    receipt,
    results,
    sealed_bundle,
    sealing,
    ticket,
    topics,
)

PAGE = (Path(__file__).parents[2] / "hw_docs" / "protocol.md").read_text("utf-8")
VECTORS = vectors()
TYPES = {
    "entry": envelope.ENTRY, "receipt": receipt.RECEIPT, "keyring": keyring.KEYRING, "certificate": authority.CERTIFICATE,
    "ticket": ticket.TICKET, "door": door_link.DOOR, "joining": joining.REQUEST, "membership": joining.ANSWER,
    "command": command.COMMAND, "config": desired_config.CONFIG, "diagnosis": sealed_bundle.BUNDLE,
}  # fmt: skip


def test_every_byte_on_the_page_is_of_the_vectors() -> None:
    text = (Path(__file__).with_name("vectors.json")).read_text("utf-8")
    blocks = re.findall(r"```\n([0-9a-f\n]+)```", PAGE)
    assert len(blocks) >= 8
    for block in blocks:
        assert block.strip() in text
    for short in re.findall(r"`([0-9a-f]{16})`|`(\d{4}-\d{2}-\d{2}/[0-9a-f]{16})`", PAGE):
        assert "".join(short) in text


@pytest.mark.parametrize("name", TYPES)
def test_message_types_are_as_written(name: str) -> None:
    kind = TYPES[name]
    certified = "needed" if kind.certified else "forbidden"
    assert f"| {name} | `{kind.content_type}` | `{kind.context.decode()}` | {certified} |" in PAGE


def test_limits_and_names_are_as_written() -> None:
    for name, most in (
        ("envelope", envelope.MAX_ENVELOPE_BYTES),
        ("header inside it", entry.MAX_HEADER_BYTES),
        ("receipt", receipt.MAX_RECEIPT_BYTES),
        ("keyring", keyring.MAX_KEYRING_BYTES),
        ("certificate", authority._MAX_CERTIFICATE_BYTES),
        ("ticket", ticket.MAX_TICKET_BYTES),
        ("door", door_link.MAX_GREETING_BYTES),
        ("joining", joining.MAX_REQUEST_BYTES),
        ("membership", joining.MAX_ANSWER_BYTES),
        ("command", command.MAX_COMMAND_BYTES),
        ("config", desired_config.MAX_CONFIG_BYTES),
    ):
        assert f"| {name} | {most:,} |".replace(",", " ") in PAGE
    assert f"more than {cbor.MAX_DEPTH} levels" in PAGE
    assert f"[*{receipt.MAX_RANGES} range]" in PAGE
    for words in (
        entry.Kind,
        entry.Clock,
        entry.Direction,
        entry.Known,
        entry.Method,
        receipt.Status,
        authority.Power,
        joining.Wish,
        joining.Outcome,
    ):
        assert " / ".join(f'"{word}"' for word in words) in PAGE
    for power in command.POWERS:
        (row,) = re.findall(rf"^\| `{power}` \| (.*) \|$", PAGE, re.MULTILINE)
        assert [word for word in re.findall(r"`([\w-]+)`", row) if word in set(command.Action)] == [
            str(action) for action in command.Action if command.POWER_OF[action] is power
        ]
    assert f"at most {sealed_bundle.MAX_BUNDLE_BYTES:,} bytes".replace(",", " ") in PAGE
    for refusal in results.TOLD:
        assert f"`{refusal}`" in PAGE
    for suite in sealing.Suite:
        assert f"| `{suite}`" in PAGE
    assert topics._NAME.pattern.replace("?:", "") in PAGE
    for leaf in topics.Leaf:
        assert f"`{leaf}`" in PAGE or f"/<device>/{leaf}`" in PAGE
    assert f"| `{topics.KEYRING}` |" in PAGE
    assert f"the text `{ticket.PREFIX}`" in PAGE
    assert f"`{ticket.shown(bytes(range(32)))}`" in PAGE
    for form in (stick.REQUEST_FORMAT, stick.ANSWER_FORMAT):
        assert f'"format": "{form}"' in PAGE
    assert f"first {cose.KID_BYTES} bytes" in PAGE


# ── a reader from the page alone ────────────────────────────────────────────────────────────────────────────────────────────────


def checked(message: bytes, public: bytes, content_type: str, context: bytes) -> tuple[bytes, dict[Any, Any]]:
    tag = cbor2.loads(message)
    protected, unprotected, payload, signature = tag.value
    assert tag.tag == 18
    assert cbor2.loads(protected) == {1: -8, 3: content_type, 4: sha256(public).digest()[:8]}
    Ed25519PublicKey.from_public_bytes(public).verify(signature, cbor2.dumps(["Signature1", protected, context, payload]))
    return payload, unprotected


def from_the_root(message: bytes, name: str, power: str) -> Any:
    root = bytes.fromhex(VECTORS["signing_keys"]["root"]["public"])
    enclosed = cbor2.loads(message).value[1]["cert"]
    its, nothing = checked(enclosed, root, "application/vnd.gate-scanner.certificate+cbor", b"gate-scanner/v1/certificate")
    certificate = cbor2.loads(its)
    assert (certificate[1], certificate[2], nothing) == (1, power, {})
    payload, _cert = checked(message, certificate[3], f"application/vnd.gate-scanner.{name}+cbor", f"gate-scanner/v1/{name}".encode())
    return cbor2.loads(payload)


def test_an_independent_reader_reads_every_entry_and_follows_the_chain() -> None:
    device = bytes.fromhex(VECTORS["signing_keys"]["device"]["public"])
    ring = from_the_root(bytes.fromhex(VECTORS["keyring"]["message"]), "keyring", "keyring")
    keys = {f"{key[1]}/{sha256(key[3]).hexdigest()[:16]}": key for key in ring[4]}
    private = {key["key_id"]: bytes.fromhex(key["private"]) for key in VECTORS["sealing_keys"]}
    suite = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.CHACHA20_POLY1305)
    before, opened = bytes(32), 0
    for number, vector in enumerate(VECTORS["entries"], start=1):
        message = bytes.fromhex(vector["envelope"])
        payload, unprotected = checked(message, device, "application/vnd.gate-scanner.entry+cbor", b"gate-scanner/v1/entry")
        assert unprotected == {}
        header_bytes, sealed = cbor2.loads(payload)
        header = cbor2.loads(header_bytes)
        assert (header[1], header[2], header[3], header[7], header[8]) == (1, "bus-co", "scanner-1", number, before)
        assert (15 in header) == (number == 1)
        before = sha256(message).digest()
        key = keys[header[14]]
        if key[2] == "X25519-HKDF_SHA256-CHACHA20_POLY1305":
            secret = KEMKey.from_pyca_cryptography_key(X25519PrivateKey.from_private_bytes(private[header[14]]))
            context = suite.create_recipient_context(sealed[:32], secret, info=b"gate-scanner/v1/entry-body\0" + header_bytes)
            padded = context.open(sealed[32:])
            assert len(padded) in (512, 1024, 2048)
            body = padded.rstrip(b"\0")
            assert body[-1] == 0x80
            assert body[:-1].hex() == vector["body_bytes"]
            opened += 1
        else:
            assert (key[2], len(key[3]), len(sealed) - 512) == ("MLKEM768_X25519-HKDF_SHA256-CHACHA20_POLY1305", 1216, 1136)
    assert opened == 3


def test_an_independent_reader_believes_the_receipt() -> None:
    read = from_the_root(bytes.fromhex(VECTORS["receipt"]["message"]), "receipt", "receipts")
    hashes = [bytes.fromhex(vector["hash"]) for vector in VECTORS["entries"]]
    assert (read[2], read[3], read[4].hex()) == ("bus-co", "scanner-1", VECTORS["entries"][0]["header"]["log"])
    assert all(part[3] == hashes[part[2] - 1] for part in read[5])
    assert [part.get(6) for part in read[5]] == [None, None, True]


def test_an_independent_reader_refuses_what_was_changed() -> None:
    message = bytearray.fromhex(VECTORS["receipt"]["message"])
    message[-70] ^= 1
    with pytest.raises(InvalidSignature):
        from_the_root(bytes(message), "receipt", "receipts")
