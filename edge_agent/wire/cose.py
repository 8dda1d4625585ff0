"""Signs and checks messages: COSE_Sign1 with Ed25519 and nothing else.

Source: RFC 9052 section 4.2 (COSE_Sign1), 4.4 (Sig_structure); RFC 9053 section 2.2 (EdDSA, algorithm -8); RFC 8032 (Ed25519).
Every message type has its own context string at the head of `external_aad`, so that a signature made for one can never
pass as another. Received bytes are checked as received.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.wire.cbor import Malformed, decode, encode

TAG_SIGN1 = 18
ALG_EDDSA = -8
HEADER_ALG, HEADER_CONTENT_TYPE, HEADER_KID = 1, 3, 4
KID_BYTES = 8
SIGNATURE_BYTES = 64


class Forged(ValueError):
    """The signature does not hold, or the signer is not one we know; nothing of the message may be believed."""


@dataclass(frozen=True, slots=True)
class MessageType:
    """What kind of message is signed.

    Attributes:
        content_type: its media type.
        context: its context string.
        certified: its signer is proved by a certificate in the unprotected header. Any other message must have that header empty:
            nobody signs it, so whoever carries the message could change its bytes, and with them its hash.
    """

    content_type: str
    context: bytes
    certified: bool = False


@dataclass(frozen=True, slots=True)
class Sign1:
    """A parsed but not yet verified message.

    Attributes:
        protected: the protected header's bytes, as received.
        kid: the signer's key id, 8 bytes.
        certificate: what the unprotected header carries to prove the signer, or None.
        payload: the signed bytes, as received.
        signature: 64 bytes.
    """

    protected: bytes
    kid: bytes
    certificate: bytes | None
    payload: bytes
    signature: bytes


class Signer(Protocol):
    """Whoever can sign with one Ed25519 key: the key itself, or a token that keeps it."""

    def sign(self, data: bytes, /) -> bytes:
        """The signature, 64 bytes."""

    def public_key(self) -> Ed25519PublicKey:
        """The public half."""


def key_id(public_key: Ed25519PublicKey) -> bytes:
    """The 8-byte id of a signing key: the head of the SHA-256 of its raw form."""
    return sha256(public_key.public_bytes_raw()).digest()[:KID_BYTES]


def _to_be_signed(protected: bytes, context: bytes, payload: bytes) -> bytes:
    return encode(["Signature1", protected, context, payload])


def sign(payload: bytes, kind: MessageType, key: Signer, certificate: bytes | None = None) -> bytes:
    """Signs a payload.

    Args:
        payload: the bytes to sign.
        kind: what the message is.
        key: the signer's key.
        certificate: proof of the signer for those who pin only the root, put in the unprotected header as `cert`.

    Returns:
        The tagged COSE_Sign1.
    """
    protected = encode({HEADER_ALG: ALG_EDDSA, HEADER_CONTENT_TYPE: kind.content_type, HEADER_KID: key_id(key.public_key())})
    signature = key.sign(_to_be_signed(protected, kind.context, payload))
    unprotected = {} if certificate is None else {"cert": certificate}
    return encode(cbor2.CBORTag(TAG_SIGN1, [protected, unprotected, payload, signature]))


def _has_number_keys(header: object) -> bool:
    """Tells whether a map's keys are numbers to everyone; to Python true is 1 too."""
    return isinstance(header, Mapping) and all(type(key) is int for key in header)


def parse(message: bytes, kind: MessageType, max_bytes: int) -> Sign1:
    """Takes a message apart without believing it.

    Raises:
        Malformed: not a COSE_Sign1 of this type, or too long.
    """
    tag = decode(message, kind.content_type, max_bytes)
    parts = tag.value if isinstance(tag, cbor2.CBORTag) and tag.tag == TAG_SIGN1 else None
    match parts:
        case [bytes(protected), dict(unprotected), bytes(payload), bytes(signature)] if len(signature) == SIGNATURE_BYTES:
            pass
        case _:
            raise Malformed(f"{kind.content_type}: not a COSE_Sign1")
    header = decode(protected, f"{kind.content_type} protected header", max_bytes)
    match header:
        case {1: alg, 3: str(content_type), 4: bytes(kid), **others} if not others and len(kid) == KID_BYTES and _has_number_keys(header):
            pass
        case _:
            raise Malformed(f"{kind.content_type}: protected header must hold exactly algorithm, content type and key id")
    if alg != ALG_EDDSA or content_type != kind.content_type:
        raise Malformed(f"{kind.content_type}: signed with another algorithm or as another type")
    certificate = unprotected.get("cert")
    if set(unprotected) - ({"cert"} if kind.certified else set()) or not isinstance(certificate, bytes | None):
        raise Malformed(f"{kind.content_type}: unexpected unprotected header")
    return Sign1(protected, kid, certificate, payload, signature)


def check(message: Sign1, kind: MessageType, public_key: Ed25519PublicKey) -> bytes:
    """Checks the signature and returns the payload.

    Raises:
        Forged: the signature is not by this key over these bytes in this context.
    """
    try:
        public_key.verify(message.signature, _to_be_signed(message.protected, kind.context, message.payload))
    except InvalidSignature:
        raise Forged(f"{kind.content_type}: the signature does not hold") from None
    return message.payload


def verify(message: bytes, kind: MessageType, key_of: Callable[[bytes], Ed25519PublicKey | None], max_bytes: int) -> bytes:
    """Parses and checks a message whose signer is found by key id.

    Raises:
        Malformed: not a COSE_Sign1 of this type.
        Forged: unknown signer or bad signature.
    """
    parsed = parse(message, kind, max_bytes)
    key = key_of(parsed.kid)
    if key is None:
        raise Forged(f"{kind.content_type}: no known signer has key id {parsed.kid.hex()}")
    return check(parsed, kind, key)
