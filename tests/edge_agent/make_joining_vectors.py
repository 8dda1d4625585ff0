"""Writes the test vectors of joining: `.venv/bin/python tests/edge_agent/make_joining_vectors.py`, by hand, when their section changes.

ECDSA is random, so the two X.509 parts (the door's certificate, the device's request) are made once and kept; all the rest is made again
byte for byte from them. `test_joining_vectors.py` keeps the committed file true.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from sealed_examples import DEVICE, KEYRING_7, KEYRING_OFFICER, NAME, ROOT_PUBLIC, officer

from edge_agent.link import door_link
from edge_agent.wire import joining, keyring, ticket
from edge_agent.wire.authority import Power
from edge_agent.wire.joining import Answer, Membership, Outcome, Request, Wish
from edge_agent.wire.ticket import Ticket

FILE = Path(__file__).with_name("joining_vectors.json")
OFFICER = officer(Power.TICKETS)
TICKET = Ticket(ticket.fingerprint(ROOT_PUBLIC), "mqtt.hue.example.vn", 8884, 1_633_367_400_000, bytes(range(16)))


def once() -> dict[str, str]:
    """The random parts."""
    door, device = (ec.generate_private_key(ec.SECP256R1()) for _each in range(2))
    name = x509.Name([])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(door.public_key()).serial_number(1)
    builder = builder.not_valid_before(datetime(2021, 10, 1, tzinfo=UTC)).not_valid_after(datetime(2031, 10, 1, tzinfo=UTC))
    certificate = builder.sign(door, hashes.SHA256()).public_bytes(Encoding.DER)
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(device, hashes.SHA256()).public_bytes(Encoding.DER)
    return {"door_certificate": certificate.hex(), "tls_request": request.hex()}


def vectors(random: dict[str, str]) -> dict[str, Any]:
    """Everything, from the random parts."""
    certificate, tls_request = (bytes.fromhex(random[part]) for part in ("door_certificate", "tls_request"))
    text = ticket.issue(TICKET, OFFICER.key)
    asked = Request(
        Wish.JOIN, DEVICE.public_key(), tls_request, "10000000abcdef01", door_link.tls_key_hash(certificate), ticket.to_bytes(text)
    )
    request = joining.ask(asked, DEVICE)
    membership = Membership(
        NAME, "Chợ Bến Thành", "Cổng Nam", "mqtt.hue.example.vn", 8883, "mqtt.hue.example.vn", 8884, b"device certificate, DER",
        b"authority certificate, DER", keyring.issue(KEYRING_7, KEYRING_OFFICER),
    )  # fmt: skip
    welcome = joining.reply(Answer(sha256(request).digest(), Outcome.WELCOME, membership=membership), OFFICER)
    wait = joining.reply(Answer(sha256(request).digest(), Outcome.WAIT, "compare"), OFFICER)
    return {
        "about": "Test vectors of joining: hw_docs/protocol.md. Bytes are hex. Keys are those of vectors.json, and made up.",
        "random": random,
        "tickets_officer": OFFICER.key.public_key().public_bytes_raw().hex(),
        "ticket_text": text,
        "greeting": door_link.greet(ROOT_PUBLIC, certificate, OFFICER).hex(),
        "request": request.hex(),
        "welcome": welcome.hex(),
        "wait": wait.hex(),
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(once()), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
