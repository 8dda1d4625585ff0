"""Turns a stream of bytes into lines, whatever pieces they come in and however the reader ends them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

_MARKS = re.compile(rb"([\r\n\x02\x03])")
_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_STX = b"\x02"
_LIKE_A_CODE_BYTES = 10  # no person's code is shorter; what a plug or a wire makes seldom is as long


class LineFraming:
    r"""Collects bytes up to CR, LF, CRLF or ETX; STX begins a line anew. Empty lines are nothing.

    A refused line is counted, never kept: `oversize` (dropped up to its end), `binary` (control bytes other than tab, or
    not UTF-8), `unended` (broken off by an STX or by `end_of_burst`, and long enough for somebody's code), `incomplete` (shorter so).

    Args:
        max_bytes: the longest line taken, above 0; memory use never exceeds it.

    Raises:
        ValueError: max_bytes is not above 0.

    Example:
        >>> framing = LineFraming(max_bytes=10)
        >>> framing.feed(b"one\r\ntw"), framing.feed(b"o\x03\x02three\x03far too long\r")
        ([b'one'], [b'two', b'three'])
        >>> dict(framing.refused())
        {'oversize': 1}
    """

    def __init__(self, max_bytes: int) -> None:
        if max_bytes <= 0:
            raise ValueError(f"max_bytes must be above 0, got {max_bytes}")
        self._max_bytes = max_bytes
        self._partial = bytearray()
        self._oversize = False
        self._refused: Counter[str] = Counter()

    def feed(self, data: bytes) -> list[bytes]:
        """Takes the next bytes and returns the lines they complete."""
        lines: list[bytes] = []
        for piece in _MARKS.split(data):
            if piece == _STX:
                self.end_of_burst()
            elif len(piece) == 1 and _MARKS.match(piece):
                lines += self._end_line()
            else:
                self._collect(piece)
        return lines

    def end_of_burst(self) -> None:
        """Throws away a line without an end, so that it is never glued to the next person's code."""
        if self._oversize or self._partial:
            broken_off = "unended" if len(self._partial) >= _LIKE_A_CODE_BYTES else "incomplete"
            self._refused["oversize" if self._oversize else broken_off] += 1
        self._partial.clear()
        self._oversize = False

    def refused(self) -> Mapping[str, int]:
        """How many lines were thrown away, by reason."""
        return dict(self._refused)

    def _collect(self, piece: bytes) -> None:
        if self._oversize or len(self._partial) + len(piece) > self._max_bytes:
            self._oversize = True
            self._partial.clear()
        else:
            self._partial += piece

    def _end_line(self) -> list[bytes]:
        line, oversize = bytes(self._partial), self._oversize
        self._partial.clear()
        self._oversize = False
        if oversize:
            self._refused["oversize"] += 1
            return []
        if not _is_text(line):
            self._refused["binary"] += 1
            return []
        return [line] if line else []


def _is_text(line: bytes) -> bool:
    if _CONTROL.search(line):
        return False
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
