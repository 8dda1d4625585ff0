"""Health passes of invented issuers for invented people, built from the published format alone; for the demonstration, trials and tests.

Source: eHealth Network, Electronic Health Certificate Specification 1.0.8; RFC 9052 section 4.4 for what is signed. Signatures are
made here with plain ECDSA and RSA, not with the COSE library that the gate verifies with.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from firmware.health_pass import PREFIX, base45
from firmware.health_pass.signer import ES256, PS256
from firmware.health_pass.trust_list import FORMAT
from firmware.person_codes import Person

Algorithm = Literal["ES256", "PS256"]
_ALGORITHMS: Mapping[Algorithm, int] = {"ES256": ES256, "PS256": PS256}
_LIFE = timedelta(days=1000)  # about 33 months, as Vietnam's passes of 2022


@dataclass(frozen=True, slots=True)
class PassIssuer:
    """Someone who signs passes.

    Attributes:
        country: ISO 3166-1, two letters.
        algorithm: `ES256` or `PS256`.
        private_key: on P-256, or RSA with 2048 bits.
        certificate: self-signed, valid from `since` for 1000 days.
    """

    country: str
    algorithm: Algorithm
    private_key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = field(repr=False)
    certificate: x509.Certificate = field(repr=False)

    @property
    def kid(self) -> bytes:
        """The first eight bytes of the SHA-256 of the certificate."""
        return hashlib.sha256(self.certificate.public_bytes(Encoding.DER)).digest()[:8]

    def sign(self, data: bytes) -> bytes:
        """A signature as COSE wants it: ECDSA as r ‖ s, RSASSA-PSS with a salt as long as the hash."""
        if isinstance(self.private_key, rsa.RSAPrivateKey):
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=32)
            return self.private_key.sign(data, pss, hashes.SHA256())
        r, s = utils.decode_dss_signature(self.private_key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def new_issuer(algorithm: Algorithm, country: str, since: datetime) -> PassIssuer:
    """Makes an issuer with a new key and a certificate valid from `since`."""
    private = ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COUNTRY_NAME, country)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since.astimezone(UTC))
        .not_valid_after(since.astimezone(UTC) + _LIFE)
        .sign(private, hashes.SHA256())
    )
    return PassIssuer(country, algorithm, private, certificate)


def trust_list(*issuers: PassIssuer, with_certificates: bool = True) -> dict[str, Any]:
    """The trust list file that names these issuers, as a JSON document."""
    signers: dict[str, list[dict[str, str]]] = {}
    for issuer in issuers:
        if with_certificates:
            entry = {"certificate": _base64(issuer.certificate.public_bytes(Encoding.DER))}
        else:
            public = issuer.private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            ends = (issuer.certificate.not_valid_before_utc, issuer.certificate.not_valid_after_utc)
            entry = {"public_key": _base64(public), "valid_from": ends[0].isoformat(), "valid_until": ends[1].isoformat()}
        signers.setdefault(_base64(issuer.kid), []).append({"issuer": issuer.country, **entry})
    return {"format": FORMAT, "signers": signers}


def pass_content(person: Person) -> dict[str, Any]:
    """What a vaccination pass says of a person, as Vietnam's does: names with their diacritics."""
    family, _, given = person.name.partition(" ")
    dose = {"tg": "840539006", "vp": "1119349007", "mp": "EU/1/20/1528", "ma": "ORG-100030215", "dn": 2, "sd": 2, "dt": "2021-11-20",
            "co": "VN", "is": "Bộ Y tế", "ci": "URN:UVCI:01:VN:0000000000#0"}  # fmt: skip
    return {"ver": "1.3.0", "nam": {"fn": family, "gn": given}, "dob": person.birth_date, "v": [dose]}


def pass_claims(content: object, issued: datetime, expires: datetime, country: str = "VN") -> dict[int, object]:
    """The claims of a pass (CWT)."""
    return {1: country, 4: int(expires.timestamp()), 6: int(issued.timestamp()), -260: {1: content}}


def pass_text(
    issuer: PassIssuer,
    claims: object,
    *,
    kid_is_protected: bool = True,
    cwt_tag: bool = False,
    protected: Mapping[int, object] | None = None,
) -> str:
    """Signs claims and writes them as the text of a code.

    Args:
        issuer: signs.
        claims: the payload, any CBOR value; bytes are taken as they are.
        kid_is_protected: whether the key id stands in the protected header, else in the other.
        cwt_tag: whether tag 61 stands around the signed message.
        protected: the protected header, None for algorithm and key id.
    """
    kid = {4: issuer.kid}
    header = cbor2.dumps({1: _ALGORITHMS[issuer.algorithm], **(kid if kid_is_protected else {})} if protected is None else protected)
    payload = claims if isinstance(claims, bytes) else cbor2.dumps(claims)
    signature = issuer.sign(cbor2.dumps(["Signature1", header, b"", payload]))
    message: object = cbor2.CBORTag(18, [header, {} if kid_is_protected else kid, payload, signature])
    return pack(cbor2.dumps(cbor2.CBORTag(61, message) if cwt_tag else message))


def pack(message: bytes) -> str:
    """The text of a code that carries a signed message."""
    return PREFIX + base45.encode(zlib.compress(message, 9))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
