"""Who may sign health passes: a file of signers' keys, carried to the gate with its configuration.

The form of the file is in hw_docs/health_passes.md. The same key id may name several signers (it is only eight bytes of a hash):
each is tried. COSE keys are made when the file is read, so that the first pass at the gate waits for nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography import x509

FORMAT = "gate-scanner/trust-list/1"
MAX_BYTES = 8 * 1024 * 1024
ES256, PS256 = -7, -37  # RFC 9053, RFC 8230
_KID_MAX_BYTES = 64
_RSA_LEAST_BITS = 2048
_SHOWN_PROBLEMS = 20
_ENTRY_KEYS = frozenset({"issuer", "certificate", "public_key", "valid_from", "valid_until"})


class TrustListError(Exception):
    """The trust list cannot be used; the message names file, signer, key, and what is allowed, all problems at once."""


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


class TrustList:
    """The signers of a file.

    Example:
        >>> TrustList({}).signers(b"12345678")
        ()
    """

    def __init__(self, signers: Mapping[bytes, Sequence[Signer]]) -> None:
        self._signers = {kid: tuple(found) for kid, found in signers.items()}

    def __len__(self) -> int:
        return sum(map(len, self._signers.values()))

    def signers(self, kid: bytes) -> tuple[Signer, ...]:
        """All signers with this key id."""
        return self._signers.get(kid, ())


def load_trust_list(path: Path) -> TrustList:
    """Reads a trust list file.

    Raises:
        TrustListError: it cannot be read, or something in it is wrong.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise TrustListError(f"{path}: cannot be read ({error.strerror}).") from None
    return parse_trust_list(data, str(path))


def parse_trust_list(data: bytes, where: str) -> TrustList:
    """Understands the bytes of a trust list.

    Args:
        data: the file's content.
        where: what to call it in messages.

    Raises:
        TrustListError: something in it is wrong.
    """
    if len(data) > MAX_BYTES:
        raise TrustListError(f"{where}: more than {MAX_BYTES} bytes: not a trust list.")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise TrustListError(f"{where}: not JSON ({type(error).__name__}). hw_docs/health_passes.md shows the form.") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise TrustListError(f'{where}: format: must be "{FORMAT}". hw_docs/health_passes.md shows the form.')
    entries = document.get("signers")
    if not isinstance(entries, dict) or set(document) - {"format", "signers"}:
        raise TrustListError(f'{where}: needs "signers", an object of key ids, and nothing else beside "format".')
    return _read_signers(entries, where)


def _read_signers(entries: Mapping[str, object], where: str) -> TrustList:
    problems: list[str] = []
    signers: dict[bytes, list[Signer]] = {}
    for kid_text, value in entries.items():
        kid = _from_base64(kid_text)
        if not kid or len(kid) > _KID_MAX_BYTES:
            problems.append(f"{kid_text[:100]!r}: the key id must be 1 to {_KID_MAX_BYTES} bytes in base64")
            continue
        for number, entry in enumerate(value if isinstance(value, list) else [value], start=1):
            try:
                signers.setdefault(kid, []).append(_signer(kid, entry))
            except ValueError as error:
                problems.append(f"{kid_text}[{number}]: {error}" if isinstance(value, list) else f"{kid_text}: {error}")
    if problems:
        more = f"\n  … and {len(problems) - _SHOWN_PROBLEMS} more" if len(problems) > _SHOWN_PROBLEMS else ""
        raise TrustListError(f"{where}: not a usable trust list:\n  " + "\n  ".join(problems[:_SHOWN_PROBLEMS]) + more)
    return TrustList(signers)


def _signer(kid: bytes, entry: object) -> Signer:
    """One signer of the file.

    Raises:
        ValueError: with a message for people.
    """
    if not isinstance(entry, dict) or not set(entry) <= _ENTRY_KEYS:
        raise ValueError("must be an object with no other keys than " + ", ".join(sorted(_ENTRY_KEYS)))
    issuer = entry.get("issuer")
    if not isinstance(issuer, str) or not 1 <= len(issuer) <= 100:
        raise ValueError("issuer: must be a text of 1 to 100 characters")
    if ("certificate" in entry) == ("public_key" in entry):
        raise ValueError("needs either certificate or public_key")
    if "certificate" in entry:
        certificate = _certificate(entry["certificate"])
        public: Any = certificate.public_key()
        given = {"valid_from": certificate.not_valid_before_utc, "valid_until": certificate.not_valid_after_utc}
    else:
        public, given = _public_key(entry["public_key"]), {}
    from_ms, until_ms = (_time_ms(entry, name, given) for name in ("valid_from", "valid_until"))
    if from_ms > until_ms:
        raise ValueError("valid_until: is before valid_from")
    algorithm, key = _cose_key(public, kid)
    return Signer(issuer, algorithm, key, from_ms, until_ms)


def _from_base64(text: object) -> bytes:
    try:
        return base64.b64decode("".join(str(text).split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _certificate(text: object) -> x509.Certificate:
    from cryptography import x509  # noqa: PLC0415 - a gate without passes loads none of this

    try:
        return x509.load_der_x509_certificate(_from_base64(text))
    except ValueError:
        raise ValueError("certificate: must be an X.509 certificate, DER in base64") from None


def _public_key(text: object) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415

    try:
        return load_der_public_key(_from_base64(text))
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
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        moment = None
    if moment is None:
        raise ValueError(f"{name}: must be a date or time in ISO form, such as 2021-06-30T00:00:00Z")
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
