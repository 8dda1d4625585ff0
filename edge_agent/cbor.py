"""Deterministic CBOR in and out: one value has one encoding, and anything else is refused.

Source: RFC 8949 section 4.2 (core deterministic encoding). Our maps have small unsigned integers as keys only, for which
cbor2's canonical order and the RFC's bytewise order are the same.
"""

from __future__ import annotations

import cbor2

MAX_BYTES = 256 * 1024


class Malformed(ValueError):
    """Bytes that are not what they should be; the message says which part, never its content."""


def encode(value: object) -> bytes:
    """Encodes a value; equal values give equal bytes."""
    return cbor2.dumps(value, canonical=True)


def decode(data: bytes, what: str, max_bytes: int = MAX_BYTES) -> object:
    """Decodes exactly one deterministically encoded value.

    Args:
        data: the bytes, untrusted.
        what: the name of the thing, for the message.
        max_bytes: longer input is refused unread.

    Raises:
        Malformed: too long, not CBOR, not deterministic, or followed by more bytes.
    """
    if len(data) > max_bytes:
        raise Malformed(f"{what}: {len(data)} bytes, at most {max_bytes} are allowed")
    try:
        value = cbor2.loads(data)
        again = encode(value)
    except (cbor2.CBORError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
        raise Malformed(f"{what}: not CBOR ({type(error).__name__})") from None
    if again != data:
        raise Malformed(f"{what}: not deterministic CBOR, or followed by more bytes")
    return value
