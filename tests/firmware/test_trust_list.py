"""The trust list file: what it may say, and how it is told what is wrong, all at once."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from firmware.health_pass import TrustListError, load_trust_list, parse_trust_list
from firmware.health_pass.trust_list import FORMAT
from province.demo.synthetic_passes import _base64, new_issuer, trust_list

KID = _base64(bytes(range(8)))


@functools.cache
def good() -> dict[str, Any]:
    return trust_list(
        new_issuer("ES256", "VN", datetime(2022, 1, 1, tzinfo=UTC)), new_issuer("PS256", "EU", datetime(2022, 1, 1, tzinfo=UTC))
    )


def public_key(private: Any) -> str:
    return _base64(private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def entry(**changes: object) -> dict[str, object]:
    dates = {"valid_from": "2022-01-01", "valid_until": "2023-01-01T12:00:00+07:00"}
    return {"issuer": "VN", "public_key": public_key(ec.generate_private_key(ec.SECP256R1())), **dates, **changes}


def complaint(document: object) -> str:
    with pytest.raises(TrustListError) as refused:
        parse_trust_list(document if isinstance(document, bytes) else json.dumps(document).encode(), "trust.json")
    assert str(refused.value).startswith("trust.json: ")
    return str(refused.value)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    path.write_text(json.dumps(good()), encoding="utf-8")
    assert len(load_trust_list(path)) == 2
    path.write_text(json.dumps({"format": FORMAT, "signers": {KID: entry()}}), encoding="utf-8")
    [signer] = load_trust_list(path).signers(bytes(range(8)))
    assert (signer.issuer, signer.is_trusted_at(signer.from_ms), signer.is_trusted_at(signer.until_ms + 1)) == ("VN", True, False)
    assert signer.from_ms == round(datetime(2022, 1, 1, tzinfo=UTC).timestamp() * 1000)
    with pytest.raises(TrustListError, match=r"absent.json: cannot be read \(No such file"):
        load_trust_list(tmp_path / "absent.json")


@pytest.mark.parametrize("document", [b"", b"[", b"[]", b"\xff", b"7", b"[" * 100_000, {}, {"format": "other"}, {"format": FORMAT}])
def test_what_is_no_trust_list_is_said(document: object) -> None:
    assert "hw_docs/health_passes.md" in complaint(document) or "signers" in complaint(document)


@pytest.mark.parametrize(
    "change, told",
    [
        ({"issuer": ""}, "issuer: must be a text"),
        ({"public_key": "AAAA"}, "public_key: must be a SubjectPublicKeyInfo"),
        ({"public_key": "not base64"}, "public_key: must be a SubjectPublicKeyInfo"),
        ({"certificate": "AAAA"}, "either certificate or public_key"),
        ({"public_key": public_key(ed25519.Ed25519PrivateKey.generate())}, "must be on P-256 (ES256) or RSA"),
        ({"public_key": public_key(ec.generate_private_key(ec.SECP384R1()))}, "must be on P-256 (ES256) or RSA"),
        ({"public_key": public_key(rsa.generate_private_key(65537, 1024))}, "2048 bits or more"),  # noqa: S505 - refused
        ({"valid_until": "0001-01-01T00:00:00+14:00"}, "valid_until: "),
        ({"valid_until": "soon"}, "valid_until: must be a date or time in ISO form"),
        ({"valid_from": None}, "valid_from: must be a date or time in ISO form"),
        ({"valid_from": "2024-01-01"}, "valid_until: is before valid_from"),
        ({"not_after": "2024-01-01"}, "no other keys than certificate, issuer, public_key, valid_from, valid_until"),
    ],
)
def test_each_fault_is_named_with_its_signer(change: dict[str, object], told: str) -> None:
    text = complaint({"format": FORMAT, "signers": {KID: [entry(), entry(**change)]}})
    assert f"{KID}[2]: " in text
    assert told in text


def test_all_faults_are_told_at_once_up_to_a_limit() -> None:
    text = complaint({"format": FORMAT, "signers": {KID: entry(issuer=""), "not base64!": entry(), "": [], _base64(b"x" * 65): entry()}})
    assert text.count("\n") == 4
    assert "'not base64!': the key id must be 1 to 64 bytes" in text
    many = {_base64(number.to_bytes(8, "big")): None for number in range(50)}
    assert "and 30 more" in complaint({"format": FORMAT, "signers": many})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=12), json_values, max_size=3) | st.just({KID: {"issuer": "VN", "certificate": "x"}}))
def test_any_signers_are_a_list_or_a_complaint(signers: dict[str, object]) -> None:
    data = json.dumps({"format": FORMAT, "signers": signers}).encode()
    try:
        found = len(parse_trust_list(data, "trust.json"))
    except TrustListError:
        return
    assert found == 0
    assert all(value == [] for value in signers.values())


def test_a_gate_that_meets_no_pass_loads_no_crypto_for_them() -> None:
    code = "import sys, firmware.codes; print([name for name in ('cwt', 'pyhpke', 'cryptography.x509') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
