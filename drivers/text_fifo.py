"""A FIFO on disk into which anybody with the right may write lines of text, read without ever waiting."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

from drivers.errors import Unavailable

_log = logging.getLogger(__name__)
MAX_LINE_BYTES = 4096
_CHUNK_BYTES = 65_536


def open_fifo(path: str, name: str) -> int:
    """Opens a FIFO for reading without waiting, made with mode 0600 if it is not there.

    Args:
        path: where it is.
        name: of the device, for messages.

    Raises:
        Unavailable: something else is at that path, the folder does not exist, or we may not read it.
    """
    try:
        if not Path(path).exists():
            os.mkfifo(path, 0o600)
        # For reading and writing: so long as we are a writer ourselves, other writers come and go without an end of file.
        fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as problem:
        raise Unavailable(f"{name!r} cannot be opened ({problem.strerror}). Name a path in a folder you may write to.") from problem
    if not stat.S_ISFIFO(os.fstat(fd).st_mode):
        os.close(fd)
        raise Unavailable(f"{name!r} is not a FIFO. Name a path where nothing is yet; it is made by itself.")
    return fd


class TextFifo:
    """Reads lines from a FIFO, made with mode 0600 if it is not there; it stays when we go, writers may hold it open.

    Args:
        path: where it is.
        name: of the device, for messages.

    Raises:
        Unavailable: something else is at that path, the folder does not exist, or we may not read it.
    """

    def __init__(self, path: str, name: str) -> None:
        self._partial = bytearray()
        self._oversize = False
        self._name = name
        self._fd = open_fifo(path, name)

    def read_lines(self) -> list[str]:
        """The lines completed since the last call, without their ends; lines too long or not UTF-8 are dropped with a log line."""
        try:
            *ended, rest = os.read(self._fd, _CHUNK_BYTES).split(b"\n")
        except BlockingIOError:
            return []
        lines: list[str] = []
        for piece in ended:
            self._collect(piece)
            if self._oversize:
                self._drop("longer than 4096 bytes")
            else:
                self._decode(lines)
            self._partial.clear()
            self._oversize = False
        self._collect(rest)
        return lines

    def _collect(self, piece: bytes) -> None:
        if len(self._partial) + len(piece) > MAX_LINE_BYTES:
            self._oversize = True
            self._partial.clear()
        if not self._oversize:
            self._partial += piece

    def _decode(self, lines: list[str]) -> None:
        try:
            lines.append(self._partial.decode("utf-8").removesuffix("\r"))
        except UnicodeDecodeError:
            self._drop("not UTF-8")

    def _drop(self, reason: str) -> None:
        _log.warning("%s: a line was dropped: %s", self._name, reason)

    def close(self) -> None:
        """Closes our end; calling it twice is harmless."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
