"""Reads and verifies one health pass: `HC1:` → base45 → zlib → COSE_Sign1 → CWT → whose it is, and until when.

Source: eHealth Network, Electronic Health Certificate Specification 1.0.8, sections 3 and 4; RFC 9052, RFC 8392. The signature
is checked by the COSE layer of `cwt`; the dates here, against a time passed in, because `cwt.decode` would take the system's.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from firmware.health_pass import base45, careful_cbor
from firmware.health_pass.answer import PassAnswer, ShownPass
from firmware.health_pass.trust_list import ES256, PS256, Signer, TrustList
from firmware.person_codes.national import bare_capitals

PREFIX = "HC1:"
TEXT_MAX_CHARS = 4296  # all that a QR code holds in alphanumeric mode (ISO/IEC 18004, version 40-L)
_INFLATED_MAX_BYTES = 64 * 1024
_TAG_SIGN1, _TAG_CWT = 18, 61
_ALG, _KID = 1, 4  # header parameters, RFC 9052 section 3.1
_EXP, _NBF, _IAT, _HCERT = 4, 5, 6, -260  # claims
_NAME_MAX_CHARS = 200
_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:T.*)?)?)?", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True, repr=False)
class _Signed:
    """A COSE_Sign1 taken apart, not yet believed."""

    protected: bytes
    unprotected: Mapping[object, object]
    payload: bytes
    signature: bytes
    algorithm: object
    kid: bytes


@dataclass(frozen=True, slots=True, repr=False)
class _Claims:
    """What a pass says, once its signature is good."""

    until_ms: float
    from_ms: float
    name: str | None
    birth_date: str | None


def read_pass(text: str, trust_list: TrustList, wall_ms: int | None) -> ShownPass:
    """Verifies a pass, offline.

    Args:
        text: what the code holds, with its `HC1:`.
        trust_list: who may sign passes.
        wall_ms: the time now, milliseconds since 1970; None when this device does not know it.

    Returns:
        The answer, and name and birth date when the signature is good. Never raises for what a text holds.

    Example:
        >>> read_pass("HC1:6BF", TrustList({}), wall_ms=None)
        ShownPass(answer=malformed)
    """
    try:
        signed = _open(text)
    except ValueError:
        return ShownPass(PassAnswer.MALFORMED)
    known = trust_list.signers(signed.kid)
    if not known:
        return ShownPass(PassAnswer.ISSUER_UNKNOWN)
    signers = [signer for signer in known if _has_signed(signer, signed)]
    if not signers:
        return ShownPass(PassAnswer.BAD_SIGNATURE)
    try:
        claims = _claims(signed.payload)
    except ValueError:
        return ShownPass(PassAnswer.MALFORMED)
    return ShownPass(_dated(claims, signers, wall_ms), claims.name, claims.birth_date)


def _dated(claims: _Claims, signers: list[Signer], wall_ms: int | None) -> PassAnswer:
    if wall_ms is None:
        return PassAnswer.CLOCK_UNKNOWN
    if wall_ms >= claims.until_ms:  # RFC 8392 section 3.1.4: "on or after" it must not be taken
        return PassAnswer.EXPIRED
    if wall_ms < claims.from_ms:
        return PassAnswer.NOT_YET_VALID
    if not any(signer.is_trusted_at(wall_ms) for signer in signers):
        return PassAnswer.ISSUER_UNKNOWN
    return PassAnswer.VALID


def _open(text: str) -> _Signed:
    """Takes a pass apart.

    Raises:
        ValueError: it is none.
    """
    if len(text) > TEXT_MAX_CHARS + len(PREFIX):
        raise ValueError("too long")
    text = text.strip("\r\n\t\ufeff")
    if not text.lstrip().startswith(PREFIX):
        raise ValueError("no HC1")
    body = text.lstrip()[len(PREFIX) :]
    try:
        packed = base45.decode(body)
    except ValueError:
        packed = base45.decode(body.strip())  # a space is a letter of base45, so it is taken away only when it cannot be one
    value = careful_cbor.loads(_inflate(packed))
    for tag in (_TAG_CWT, _TAG_SIGN1):
        if getattr(value, "tag", None) == tag:
            value = value.value  # type: ignore[attr-defined]
    match value:
        case [bytes(protected), Mapping() as unprotected, bytes(payload), bytes(signature)]:
            return _with_headers(protected, unprotected, payload, signature)
    raise ValueError("no COSE_Sign1")


def _inflate(packed: bytes) -> bytes:
    unpack = zlib.decompressobj()
    try:
        data = unpack.decompress(packed, _INFLATED_MAX_BYTES)
    except zlib.error:
        data = b""
    if not data or not unpack.eof or unpack.unused_data:
        raise ValueError("not zlib, longer than any pass, or followed by more bytes")
    return data


def _with_headers(protected: bytes, unprotected: Mapping[object, object], payload: bytes, signature: bytes) -> _Signed:
    header = careful_cbor.loads(protected) if protected else {}
    if not isinstance(header, Mapping):
        raise ValueError("protected header")  # noqa: TRY004 - whoever wrote the code passed it, not a caller
    algorithm, kid = (unprotected.get(key) if header.get(key) is None else header.get(key) for key in (_ALG, _KID))
    if algorithm not in (ES256, PS256) or not isinstance(kid, bytes):
        raise ValueError("algorithm or key id")
    return _Signed(protected, unprotected, payload, signature, algorithm, kid)


def _has_signed(signer: Signer, signed: _Signed) -> bool:
    import cbor2  # noqa: PLC0415 - a gate without passes loads none of this
    from cwt import COSE  # noqa: PLC0415

    if signer.algorithm != signed.algorithm:
        return False
    # The key id has chosen the signer, and the signer's key its algorithm: neither is left to the library's reading of the headers.
    message = cbor2.CBORTag(_TAG_SIGN1, [signed.protected, {}, signed.payload, signed.signature])
    try:
        COSE.new(verify_kid=False).decode(message, signer.key)
    except Exception:  # noqa: BLE001 - a library fed by strangers: whatever it stumbles over, this is not verified
        return False
    return True


def _claims(payload: bytes) -> _Claims:
    """What a signed payload says.

    Raises:
        ValueError: it has no end, or is about something else than health.
    """
    claims = careful_cbor.loads(payload)
    if not isinstance(claims, Mapping) or not isinstance(container := claims.get(_HCERT), Mapping):
        raise ValueError("no health certificate")  # noqa: TRY004 - as above
    certificate = container.get(1)
    if not isinstance(certificate, Mapping):
        raise ValueError("no health certificate of version 1")  # noqa: TRY004 - as above
    until_ms = _moment_ms(claims.get(_EXP))
    if until_ms is None:
        raise ValueError("no end")
    starts = (_moment_ms(claims.get(_NBF)), _moment_ms(claims.get(_IAT)))
    names = certificate.get("nam")
    return _Claims(
        until_ms=until_ms,
        from_ms=max((start for start in starts if start is not None), default=-math.inf),
        name=_name(names) if isinstance(names, Mapping) else None,
        birth_date=_birth_date(certificate.get("dob")),
    )


def _moment_ms(value: object) -> float | None:
    """A NumericDate (RFC 8392 section 2), whole or not, with or without tag 1."""
    if isinstance(value, datetime):
        value = value.timestamp() if value.tzinfo else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return value * 1000


def _name(names: Mapping[object, object]) -> str | None:
    parts = [_text(names.get(plain)) or _text(names.get(machine)) for plain, machine in (("fn", "fnt"), ("gn", "gnt"))]
    return " ".join(bare_capitals(" ".join(parts)).split())[:_NAME_MAX_CHARS] or None


def _text(value: object) -> str:
    return value.replace("<", " ").strip() if isinstance(value, str) else ""


def _birth_date(value: object) -> str | None:
    """`YYYY-MM-DD`, `YYYY-MM` or `YYYY`; anything else is left out: the signature holds, and no pass is refused for an odd date."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    parts = _DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if parts is None:
        return None
    year, month, day = parts.groups()
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
    return "-".join(part for part in (year, month, day) if part)
