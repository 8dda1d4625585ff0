"""Reads an outbox's files as raw bytes, past SQLite: finds envelopes wherever they lie, and damage that SQLite would pass over.

Source: design.md failure table "disk error, corrupt outbox"; SQLite file format, section 4 "The Write-Ahead Log"
(https://www.sqlite.org/fileformat2.html#walformat). Every envelope begins with the same bytes, up to the signer's key id, and says
how long it is; most are longer than a page, and are put together from the pages they lie on.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from itertools import islice
from operator import mul
from pathlib import Path
from typing import BinaryIO

from edge_agent.store.pages import Pages, Pieces, RawFile, read_pieces
from edge_agent.wire import cose
from edge_agent.wire.cbor import encode
from edge_agent.wire.envelope import ENTRY, MAX_ENVELOPE_BYTES

_READ_BYTES = 1024 * 1024
_WAYS_TRIED = 16  # to put an envelope together from copies of its pages
_PROTECTED = encode({cose.HEADER_ALG: cose.ALG_EDDSA, cose.HEADER_CONTENT_TYPE: ENTRY.content_type, cose.HEADER_KID: bytes(cose.KID_BYTES)})
_START = b"\xd2\x84" + encode(_PROTECTED)[: -cose.KID_BYTES]  # the tag of COSE_Sign1, a list of four, the header up to the key id
_PAYLOAD_AT = len(_START) + cose.KID_BYTES + 1  # after the empty unprotected header
_SIGNATURE = b"\x58\x40"  # the head of its 64 bytes
_SIGNATURE_BYTES = len(_SIGNATURE) + cose.SIGNATURE_BYTES

_HEADER, _FRAME = struct.Struct(">8I"), struct.Struct(">6I")
_LITTLE_ENDIAN_SUMS, _BIG_ENDIAN_SUMS = 0x377F0682, 0x377F0683
_WORD = 0xFFFFFFFF


# ── envelopes ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def copy(file: RawFile, to: Path) -> None:
    """Copies what the disk still gives of a file; the rest is zeros, at the right place."""
    with to.open("wb") as copied:
        for block in file.blocks():
            copied.write(block)


def _size_said(data: bytes, at: int) -> int | None:
    """How long what begins at `at` says it is, when it begins like an envelope."""
    payload = at + _PAYLOAD_AT
    match data[payload - 1 : payload + 1]:
        case b"\xa0\x58":
            end = payload + 2 + int.from_bytes(data[payload + 1 : payload + 2])
        case b"\xa0\x59":
            end = payload + 3 + int.from_bytes(data[payload + 1 : payload + 3])
        case _:
            return None
    size = end + _SIGNATURE_BYTES - at
    return size if size <= MAX_ENVELOPE_BYTES else None


def _ends_like_one(whole: bytes, size: int) -> bool:
    return len(whole) == size and whole[size - _SIGNATURE_BYTES :].startswith(_SIGNATURE)


def _starts_in(file: RawFile) -> Iterator[tuple[int, bytes]]:
    """Each offset at which bytes begin like an envelope, with what lies there and behind."""
    held, base = b"", 0
    for block in file.blocks():
        held += block
        at = held.find(_START)
        while 0 <= at <= len(held) - MAX_ENVELOPE_BYTES:
            yield base + at, held[at : at + MAX_ENVELOPE_BYTES]
            at = held.find(_START, at + 1)
        done = at if at >= 0 else max(0, len(held) - len(_START))
        held, base = held[done:], base + done
    at = held.find(_START)
    while at >= 0:
        yield base + at, held[at : at + MAX_ENVELOPE_BYTES]
        at = held.find(_START, at + 1)


def envelopes_in(file: RawFile, pages: Pages) -> Iterator[Iterator[tuple[Pieces, bytes]]]:
    """Everything in a file that begins like an envelope: each in the ways in which it can be put together, the likeliest first.

    Each begins and ends like an envelope; nothing else about it is checked. The pages may lie in either of the outbox's files.
    """
    for offset, data in _starts_in(file):
        size = _size_said(data, 0)
        if size is not None:
            yield _put_together(file, offset, data[:size], size, pages)


def _put_together(file: RawFile, offset: int, data: bytes, size: int, pages: Pages) -> Iterator[tuple[Pieces, bytes]]:
    if _ends_like_one(data, size):
        yield ((file, offset, size),), data
    for pieces in islice(pages.pieces(file, offset, size), _WAYS_TRIED):
        if len(pieces) > 1 and _ends_like_one(whole := read_pieces(pieces), size):
            yield pieces, whole


# ── the write-ahead log ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def _weights(words: int) -> tuple[list[int], list[int], tuple[int, int, int, int]]:
    """SQLite's sums are linear: each is a weighted sum of the words and of the two sums before.

    Its loop is `first += word + second; second += next word + first` over pairs of words, modulo 2³². Four times as fast as the loop.
    """
    pairs = words // 2
    a, b, c, d = 1, 0, 0, 1  # after the pairs that follow: first = a·first + b·second, second = c·first + d·second
    first, second = [0] * words, [0] * words
    for pair in reversed(range(pairs)):
        first[2 * pair : 2 * pair + 2] = [(a + b) & _WORD, b]
        second[2 * pair : 2 * pair + 2] = [(c + d) & _WORD, d]
        a, b, c, d = (a + b) & _WORD, (a + 2 * b) & _WORD, (c + d) & _WORD, (c + 2 * d) & _WORD
    return first, second, (a, b, c, d)


def _sums(data: bytes, order: str, before: tuple[int, int]) -> tuple[int, int]:
    count = len(data) // 4
    words = struct.unpack(f"{order}{count}I", data)
    first, second, (a, b, c, d) = _weights(count)
    return (
        (sum(map(mul, first, words)) + a * before[0] + b * before[1]) & _WORD,
        (sum(map(mul, second, words)) + c * before[0] + d * before[1]) & _WORD,
    )


def _break_in(wal: BinaryIO) -> int | None:
    """The offset at which SQLite would stop reading although a transaction was committed after it; None when there is none."""
    head = wal.read(_HEADER.size)
    if len(head) < _HEADER.size:
        return None
    magic, _version, page_size, _checkpoint, *salts, _sum1, _sum2 = _HEADER.unpack(head)
    order = {_LITTLE_ENDIAN_SUMS: "<", _BIG_ENDIAN_SUMS: ">"}.get(magic, "")
    if not order or (sums := _sums(head[:24], order, (0, 0))) != (_sum1, _sum2):
        return 0 if any(any(block) for block in iter(lambda: wal.read(_READ_BYTES), b"")) else None
    offset, broken = _HEADER.size, None
    while len(frame := wal.read(_FRAME.size + page_size)) == _FRAME.size + page_size:
        page, committed, salt1, salt2, *its_sums = _FRAME.unpack_from(frame)
        current = bool(page) and [salt1, salt2] == salts
        if broken is None:
            sums = _sums(frame[:8] + frame[_FRAME.size :], order, sums) if current else sums
            if not current or list(sums) != its_sums:
                broken = offset
        elif current and committed:
            return broken
        offset += len(frame)
    return None


def broken_wal(wal: Path) -> int | None:
    """Where a write-ahead log is broken with committed transactions behind: SQLite would undo those without a word.

    A torn tail after the last commit is what a power cut leaves, and is none. Takes about 0.1 s a megabyte on a small board.
    """
    try:
        with wal.open("rb") as file:
            return _break_in(file)
    except FileNotFoundError:
        return None
