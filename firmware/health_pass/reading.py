"""Reads and verifies one health pass: `HC1:` → base45 → zlib → COSE_Sign1 → CWT → whose it is, and until when.

Source: eHealth Network, Electronic Health Certificate Specification 1.0.8, sections 3 and 4; RFC 9052, RFC 8392. The signature
is checked by the COSE layer of `cwt`; the dates here, against a time passed in, because `cwt.decode` would take the system's.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from firmware.health_pass import base45, careful_cbor
from firmware.health_pass.answer import PassAnswer, ShownPass
from firmware.health_pass.claims import Claims, read_claims
from firmware.health_pass.signer import ES256, PS256, Signer
from firmware.health_pass.trust_list import TrustList

PREFIX = "HC1:"
TEXT_MAX_CHARS = 4296  # all that a QR code holds in alphanumeric mode (ISO/IEC 18004, version 40-L)
_INFLATED_MAX_BYTES = 64 * 1024
_TAG_SIGN1, _TAG_CWT = 18, 61
_ALG, _KID = 1, 4  # header parameters, RFC 9052 section 3.1


@dataclass(frozen=True, slots=True, repr=False)
class _Signed:
    """A COSE_Sign1 taken apart, not yet believed."""

    protected: bytes
    unprotected: Mapping[object, object]
    payload: bytes
    signature: bytes
    algorithm: object
    kid: bytes


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
        claims = read_claims(signed.payload)
    except ValueError:
        return ShownPass(PassAnswer.MALFORMED)
    return ShownPass(_dated(claims, signers, wall_ms), claims.name, claims.birth_date)


def _dated(claims: Claims, signers: list[Signer], wall_ms: int | None) -> PassAnswer:
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
