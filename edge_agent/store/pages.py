"""Where SQLite lays a long row, told without SQLite: for a file of which only some pages can still be believed.

Source: SQLite file format (https://www.sqlite.org/fileformat2.html), sections 1.5 "B-tree Pages" (how much of a row lies on its own
page), 1.6 "Cell Payload Overflow Pages" (each begins with the number of the next) and 4.1 "WAL File Format".
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

PAGE_BYTES = 1024  # of a new outbox: hw_docs/decisions/0071-fewer-bytes-to-the-card.md
WAL_HEAD_BYTES, FRAME_HEAD_BYTES = 32, 24
_SECTOR_BYTES = 4096
_READ_BYTES = 1024 * 1024
_NUMBER_BYTES = 4
_ROW_HEAD_BYTES = 4  # of a row of the outbox: its own length, the key's empty column, the two bytes of the blob's type
_COPIES_TRIED = 4  # of a page, the nearest first


class RawFile:
    """A file's bytes, as far as the disk still gives them.

    Attributes:
        size: in bytes.
        unread: bytes that the disk did not give; zeros stood for them.

    Raises:
        OSError: the disk does not give the file at all.
    """

    def __init__(self, file: Path) -> None:
        self.is_wal = file.name.endswith("-wal")
        self.name = file.name
        self.unread = 0
        self._descriptor = os.open(file, os.O_RDONLY)
        self.size = os.fstat(self._descriptor).st_size

    def read(self, offset: int, size: int) -> bytes:
        """Bytes from an offset; fewer at the end of the file."""
        try:
            return os.pread(self._descriptor, size, offset)
        except OSError:
            if size <= _SECTOR_BYTES:
                self.unread += size
                return bytes(size)
        return b"".join(self.read(at, min(_SECTOR_BYTES, offset + size - at)) for at in range(offset, offset + size, _SECTOR_BYTES))

    def blocks(self) -> Iterator[bytes]:
        """All of it, a megabyte at a time."""
        for offset in range(0, self.size, _READ_BYTES):
            yield self.read(offset, min(_READ_BYTES, self.size - offset))

    def number_at(self, offset: int) -> int:
        """A number as SQLite writes it; 0 past the end."""
        return int.from_bytes(self.read(offset, _NUMBER_BYTES))

    def close(self) -> None:
        """Closes the file."""
        os.close(self._descriptor)


Pieces: TypeAlias = tuple[tuple[RawFile, int, int], ...]  # file, offset and size, in order


def read_pieces(pieces: Pieces) -> bytes:
    """The bytes of a row that lies about in pieces."""
    return b"".join(file.read(offset, size) for file, offset, size in pieces)


@dataclass(frozen=True, slots=True)
class _Paged:
    """One file cut into pages.

    Attributes:
        frames: of a write-ahead log, which slots hold a page, by its number.
    """

    file: RawFile
    page_bytes: int
    frames: dict[int, list[int]]

    @classmethod
    def of(cls, file: RawFile) -> _Paged:
        said = file.number_at(8) if file.is_wal else int.from_bytes(file.read(16, 2))
        page_bytes = said if 512 <= said <= 32768 and said & (said - 1) == 0 else PAGE_BYTES
        frames: dict[int, list[int]] = {}
        stride = FRAME_HEAD_BYTES + page_bytes
        for slot in range((file.size - WAL_HEAD_BYTES) // stride if file.is_wal else 0):
            frames.setdefault(file.number_at(WAL_HEAD_BYTES + slot * stride), []).append(slot)
        return cls(file, page_bytes, frames)

    def slot(self, offset: int) -> tuple[int, int]:
        """The slot that an offset lies in, and where in its page."""
        if not self.file.is_wal:
            return divmod(offset, self.page_bytes)
        slot, inside = divmod(offset - WAL_HEAD_BYTES, FRAME_HEAD_BYTES + self.page_bytes)
        return slot, inside - FRAME_HEAD_BYTES

    def copies(self, number: int, near: int) -> list[int]:
        """Where a page begins; of a write-ahead log's copies the nearest first: what was written together lies together."""
        if not self.file.is_wal:
            offset = (number - 1) * self.page_bytes
            return [offset] if 0 <= offset < self.file.size else []
        slots = sorted(self.frames.get(number, ()), key=lambda slot: abs(slot - near))
        return [WAL_HEAD_BYTES + slot * (FRAME_HEAD_BYTES + self.page_bytes) + FRAME_HEAD_BYTES for slot in slots[:_COPIES_TRIED]]


class Pages:
    """The pages of an outbox: those of its file by their number, those of its write-ahead log as the frames hold them.

    Args:
        files: what there is of the two.
    """

    def __init__(self, *files: RawFile) -> None:
        self._paged = {file: _Paged.of(file) for file in files}

    @property
    def files(self) -> tuple[RawFile, ...]:
        """The two, or what there is of them."""
        return tuple(self._paged)

    def _copies(self, number: int, file: RawFile, near: int) -> Iterator[tuple[RawFile, int]]:
        """Where a page is to be had: in the same file first."""
        for other in sorted(self._paged, key=lambda one: one is not file):
            for offset in self._paged[other].copies(number, near if other is file else self._paged[other].file.size):
                yield other, offset

    def pieces(self, file: RawFile, offset: int, size: int) -> Iterator[Pieces]:
        """Where an outbox row's blob of `size` bytes may lie that begins at `offset`, the likeliest first; none: nothing hangs together."""
        page_bytes = self._paged[file].page_bytes
        payload, most = size + _ROW_HEAD_BYTES, page_bytes - 35
        if payload <= most:
            yield ((file, offset, size),)
            return
        least, room = (page_bytes - 12) * 32 // 255 - 23, page_bytes - _NUMBER_BYTES
        own = least + (payload - least) % room
        here = (own if own <= most else least) - _ROW_HEAD_BYTES
        slot, inside = self._paged[file].slot(offset)
        if inside + here + _NUMBER_BYTES <= page_bytes:
            for rest in self._rest(file, offset + here, slot, size - here, room):
                yield ((file, offset, here), *rest)

    def _rest(self, file: RawFile, link: int, near: int, missing: int, room: int) -> Iterator[Pieces]:
        if not missing:
            yield ()
            return
        part = min(missing, room)
        for other, page in self._copies(file.number_at(link), file, near):
            for rest in self._rest(other, page, self._paged[other].slot(page)[0], missing - part, room):
                yield ((other, page + _NUMBER_BYTES, part), *rest)
