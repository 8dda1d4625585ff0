"""Where SQLite lays a long row, told without SQLite: for a file of which only some pages can still be believed.

Source: SQLite file format (https://www.sqlite.org/fileformat2.html), sections 1.5 "B-tree Pages" (how much of a row lies on its own
page), 1.6 "Cell Payload Overflow Pages" (each begins with the number of the next) and 4.1 "WAL File Format".
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

PAGE_BYTES = 1024  # of a new outbox: hw_docs/decisions/0071-fewer-bytes-to-the-card.md
WAL_HEAD_BYTES, FRAME_HEAD_BYTES = 32, 24
_SECTOR_BYTES = 4096
_NUMBER_BYTES = 4
_ROW_HEAD_BYTES = 4  # of a row of the outbox: its own length, the key's empty column, the two bytes of the blob's type

Pieces: TypeAlias = tuple[tuple[int, int], ...]  # offset and size in the file, in order


def read_at(descriptor: int, offset: int, size: int) -> bytes:
    """Bytes of a file; what the disk does not give any more is zeros."""
    try:
        return os.pread(descriptor, size, offset)
    except OSError:
        if size <= _SECTOR_BYTES:
            return bytes(size)
    return b"".join(read_at(descriptor, at, min(_SECTOR_BYTES, offset + size - at)) for at in range(offset, offset + size, _SECTOR_BYTES))


def read_pieces(descriptor: int, pieces: Pieces) -> bytes:
    """The bytes of a row that lies about in pieces."""
    return b"".join(read_at(descriptor, offset, size) for offset, size in pieces)


def _number_at(descriptor: int, offset: int) -> int:
    return int.from_bytes(read_at(descriptor, offset, _NUMBER_BYTES))


def _believable(page_bytes: int) -> int:
    return page_bytes if 512 <= page_bytes <= 32768 and page_bytes & (page_bytes - 1) == 0 else PAGE_BYTES


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of one file: of a database by their number, of a write-ahead log as its frames hold them.

    Attributes:
        frames: of a write-ahead log, which slots hold a page; None for a database.
    """

    descriptor: int
    page_bytes: int
    frames: dict[int, list[int]] | None

    @classmethod
    def of(cls, descriptor: int, file: Path) -> Pages:
        """Looks through a file.

        Raises:
            OSError: the disk does not give it.
        """
        if not file.name.endswith("-wal"):
            return cls(descriptor, _believable(int.from_bytes(read_at(descriptor, 16, 2))), None)
        page_bytes = _believable(_number_at(descriptor, 8))
        frames: dict[int, list[int]] = {}
        stride = FRAME_HEAD_BYTES + page_bytes
        for slot in range((os.fstat(descriptor).st_size - WAL_HEAD_BYTES) // stride):
            frames.setdefault(_number_at(descriptor, WAL_HEAD_BYTES + slot * stride), []).append(slot)
        return cls(descriptor, page_bytes, frames)

    def _slot(self, offset: int) -> tuple[int, int]:
        """The slot that an offset lies in, and where in its page."""
        if self.frames is None:
            return divmod(offset, self.page_bytes)
        slot, inside = divmod(offset - WAL_HEAD_BYTES, FRAME_HEAD_BYTES + self.page_bytes)
        return slot, inside - FRAME_HEAD_BYTES

    def _offset(self, number: int, near: int) -> int | None:
        """Where a page begins; of a write-ahead log's copies the nearest: what was written together lies together."""
        if self.frames is None:
            return (number - 1) * self.page_bytes if number else None
        slots = self.frames.get(number)
        if not number or not slots:
            return None
        return WAL_HEAD_BYTES + min(slots, key=lambda slot: abs(slot - near)) * (FRAME_HEAD_BYTES + self.page_bytes) + FRAME_HEAD_BYTES

    def pieces(self, offset: int, size: int) -> Pieces | None:
        """Where an outbox row's blob of `size` bytes lies that begins at `offset`; None when its pages do not hang together."""
        payload, most = size + _ROW_HEAD_BYTES, self.page_bytes - 35
        if payload <= most:
            return ((offset, size),)
        least, room = (self.page_bytes - 12) * 32 // 255 - 23, self.page_bytes - _NUMBER_BYTES
        own = least + (payload - least) % room
        here = (own if own <= most else least) - _ROW_HEAD_BYTES
        slot, inside = self._slot(offset)
        if inside + here + _NUMBER_BYTES > self.page_bytes:
            return None
        found, missing, link = [(offset, here)], size - here, offset + here
        while missing:
            page = self._offset(_number_at(self.descriptor, link), slot)
            if page is None:
                return None
            part = min(missing, room)
            found.append((page + _NUMBER_BYTES, part))
            missing, link = missing - part, page
        return tuple(found)
