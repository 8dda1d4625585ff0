"""Deterministic CBOR in and out: one value has one encoding, and anything else is refused.

Source: RFC 8949 section 4.2 (core deterministic encoding). Our maps have small unsigned integers as keys only, for which
cbor2's canonical order and the RFC's bytewise order are the same.

Before cbor2 sees untrusted bytes, a walk over their heads refuses whatever our formats do not use. cbor2 would obey tags that make
shared references (a few hundred bytes that unfold to gigabytes), compile regular expressions or parse dates; and its C extension never
gives back what it held when a text is not UTF-8 (cbor2 issue 257; measured with 5.9.0: 17 kB for a message of 8 kB, and more in a batch).
"""

from __future__ import annotations

import cbor2

MAX_BYTES = 256 * 1024
MAX_DEPTH = 8
_TAG_SIGN1 = 18  # COSE_Sign1: the one tag there is
_FALSE, _TRUE, _NULL = 20, 21, 22


class Malformed(ValueError):
    """Bytes that are not what they should be; the message says which part, never its content."""


def encode(value: object) -> bytes:
    """Encodes a value; equal values give equal bytes."""
    return cbor2.dumps(value, canonical=True)


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """One data item's major type, its argument, and where its content begins.

    Raises:
        IndexError: the bytes end before.
        ValueError: indefinite length or a reserved form.
    """
    major, short = data[at] >> 5, data[at] & 0x1F
    if short < 24:
        return major, short, at + 1
    if short > 27:
        raise ValueError
    size = 1 << (short - 24)
    if at + size >= len(data):
        raise IndexError
    return major, int.from_bytes(data[at + 1 : at + 1 + size]), at + 1 + size


def _refuse_what_we_do_not_use(data: bytes) -> None:
    """Walks over one value: integers, strings, lists, maps, true, false, null and the tag of COSE_Sign1, nested a little.

    Raises:
        IndexError: the bytes end before the value does.
        ValueError: something else is in it, or text that is not UTF-8.
    """
    at, open_items = 0, [1]
    while open_items:
        if not open_items[-1]:
            open_items.pop()
            continue
        open_items[-1] -= 1
        major, argument, at = _head(data, at)
        match major:
            case 0 | 1:
                pass
            case 2 | 3:
                if major == 3:
                    data[at : at + argument].decode()
                at += argument
            case 4 | 5:
                open_items.append(argument * (major - 3))
            case 6 if argument == _TAG_SIGN1:
                open_items.append(1)
            case 7 if argument in (_FALSE, _TRUE, _NULL):
                pass
            case _:
                raise ValueError
        if len(open_items) > MAX_DEPTH:
            raise ValueError


def decode(data: bytes, what: str, max_bytes: int = MAX_BYTES) -> object:
    """Decodes exactly one deterministically encoded value.

    Args:
        data: the bytes, untrusted.
        what: the name of the thing, for the message.
        max_bytes: longer input is refused unread.

    Raises:
        Malformed: too long, not CBOR, of a kind or depth we never use, not deterministic, or followed by more bytes.
    """
    if len(data) > max_bytes:
        raise Malformed(f"{what}: {len(data)} bytes, at most {max_bytes} are allowed")
    try:
        _refuse_what_we_do_not_use(data)
        value = cbor2.loads(data)
        again = encode(value)
    except (cbor2.CBORError, ValueError, TypeError, IndexError) as error:
        raise Malformed(f"{what}: not CBOR ({type(error).__name__})") from None
    if again != data:
        raise Malformed(f"{what}: not deterministic CBOR, or followed by more bytes")
    return value
