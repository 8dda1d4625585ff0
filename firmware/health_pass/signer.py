"""Turns one entry of a trust list into a key that can verify passes.

COSE keys are made when the file is read, so that the first pass at the gate waits for nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

ES256, PS256 = -7, -37  # RFC 9053, RFC 8230
_RSA_LEAST_BITS = 2048
_KEYS = frozenset({"issuer", "certificate", "public_key", "valid_from", "valid_until"})


@dataclass(frozen=True, slots=True)
class Signer:
    """One key that may sign passes.

    Attributes:
        issuer: whose it is, for people: `VN`.
        algorithm: COSE's number of the only algorithm it signs with.
        key: as the COSE library wants it.
        from_ms: trusted from, milliseconds since 1970.
        until_ms: trusted until, included.
    """

    issuer: str
    algorithm: int
    key: Any = field(repr=False)
    from_ms: int
    until_ms: int

    def is_trusted_at(self, wall_ms: int) -> bool:
        """Says whether it may vouch for a pass shown at this time."""
        return self.from_ms <= wall_ms <= self.until_ms


def signer_of(kid: bytes, entry: object) -> Signer:
    """Understands one signer of the file.

    Args:
        kid: its key id.
        entry: an object of the file, untrusted.

    Raises:
        ValueError: with a message for people.
    """
    if not isinstance(entry, dict) or not set(entry) <= _KEYS:
        raise ValueError("must be an object with no other keys than " + ", ".join(sorted(_KEYS)))
    issuer = entry.get("issuer")
    if not isinstance(issuer, str) or not 1 <= len(issuer) <= 100:
        raise ValueError("issuer: must be a text of 1 to 100 characters")
    if ("certificate" in entry) == ("public_key" in entry):
        raise ValueError("needs either certificate or public_key")
    if "certificate" in entry:
        public, given = _certified(entry["certificate"])
    else:
        public, given = _public_key(entry["public_key"]), {}
    from_ms, until_ms = (_time_ms(entry, name, given) for name in ("valid_from", "valid_until"))
    if from_ms > until_ms:
        raise ValueError("valid_until: is before valid_from")
    algorithm, key = _cose_key(public, kid)
    return Signer(issuer, algorithm, key, from_ms, until_ms)


def from_base64(text: object) -> bytes:
    """Returns the bytes, white space forgiven; none when it is no base64."""
    try:
        return base64.b64decode("".join(str(text).split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _certified(text: object) -> tuple[Any, Mapping[str, datetime]]:
    """A certificate's key, and from when until when it is good."""
    from cryptography import x509  # noqa: PLC0415 - a gate without passes loads none of this
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415

    try:
        certificate = x509.load_der_x509_certificate(from_base64(text))
        return certificate.public_key(), {"valid_from": certificate.not_valid_before_utc, "valid_until": certificate.not_valid_after_utc}
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("certificate: must be an X.509 certificate of a known algorithm, DER in base64") from None


def _public_key(text: object) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415

    try:
        return load_der_public_key(from_base64(text))
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("public_key: must be a SubjectPublicKeyInfo, DER in base64") from None


def _cose_key(public: Any, kid: bytes) -> tuple[int, Any]:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415
    from cwt import COSEKey  # noqa: PLC0415 - 30 ms on a desk, more on a Pi

    if isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP256R1):
        algorithm, name = ES256, "ES256"
    elif isinstance(public, rsa.RSAPublicKey) and public.key_size >= _RSA_LEAST_BITS:
        algorithm, name = PS256, "PS256"
    else:
        raise ValueError(f"the key must be on P-256 (ES256) or RSA with {_RSA_LEAST_BITS} bits or more (PS256)")
    return algorithm, COSEKey.from_pem(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), alg=name, kid=kid)


def _time_ms(entry: Mapping[str, object], name: str, given: Mapping[str, datetime]) -> int:
    if name not in entry and name in given:
        return round(given[name].timestamp() * 1000)
    text = entry.get(name)
    try:
        moment = datetime.fromisoformat(text if isinstance(text, str) else "")
        return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise ValueError(f"{name}: must be a date or time in ISO form, such as 2021-06-30T00:00:00Z") from None
