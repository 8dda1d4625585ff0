"""Opens CBOR that strangers wrote: everything a health pass may hold, and nothing that makes cbor2 do work for them.

Source: RFC 8949. Unlike `edge_agent.wire.cbor` this takes forms that are not deterministic: floats, indefinite lengths, dates. Before
cbor2 sees the bytes, a walk over their heads refuses other tags (shared references unfold a few hundred bytes to gigabytes),
deep nesting, lengths beyond the end, and text that is not UTF-8 (whose bytes cbor2's C extension would keep for ever, issue 257).
"""

from __future__ import annotations

import cbor2

_MAX_DEPTH = 16
_TAGS = frozenset({0, 1, 18, 61})  # date text, date number, COSE_Sign1, CWT
_BREAK = 0xFF
_INDEFINITE = 31


def loads(data: bytes) -> object:
    """Decodes exactly one value.

    Raises:
        ValueError: it is no CBOR, of a kind no pass needs, nested too deep, or followed by more bytes; holds none of the bytes.
    """
    try:
        if _skip(data, 0, _MAX_DEPTH) == len(data):
            return cbor2.loads(data)
    except (cbor2.CBORError, ValueError, TypeError, IndexError, OverflowError, OSError):
        pass
    raise ValueError("not CBOR, or of a kind that no pass needs")  # out here: the error above may carry the bytes


def _skip(data: bytes, at: int, depth: int) -> int:
    """Returns where the value that begins at `at` ends.

    Raises:
        IndexError: the bytes end before.
        ValueError: something that no pass needs.
    """
    if depth == 0:
        raise ValueError
    major, short = data[at] >> 5, data[at] & 0x1F
    if short == _INDEFINITE:
        return _skip_indefinite(data, at + 1, major, depth)
    argument, at = _argument(data, at, short)
    match major:
        case 2 | 3:
            if major == 3:
                data[at : at + argument].decode()
            at += argument
        case 4 | 5:
            for _ in range(argument * (major - 3)):
                at = _skip(data, at, depth - 1)
        case 6 if argument in _TAGS:
            at = _skip(data, at, depth - 1)
        case 6:
            raise ValueError
    if at > len(data):
        raise IndexError
    return at


def _argument(data: bytes, at: int, short: int) -> tuple[int, int]:
    if short < 24:
        return short, at + 1
    if short > 27:
        raise ValueError
    size = 1 << (short - 24)
    if at + size >= len(data):
        raise IndexError
    return int.from_bytes(data[at + 1 : at + 1 + size], "big"), at + 1 + size


def _skip_indefinite(data: bytes, at: int, major: int, depth: int) -> int:
    if major not in (2, 3, 4, 5):
        raise ValueError
    while data[at] != _BREAK:
        if major in (2, 3) and data[at] >> 5 != major:
            raise ValueError
        at = _skip(data, at, depth - 1)
    return at + 1
