"""Every library in the environment loads where the kernel's pages are of 16 kB, as those of Raspberry Pi OS are on a Pi 5."""

from __future__ import annotations

import platform
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_LARGEST_PAGE_BYTES = 16_384
_HEAD = struct.Struct("<4sBB58x")  # ELF-64 Object File Format, 4: magic, class, byte order
_LOAD = 1


def _alignments(library: bytes) -> Iterator[int]:
    """To how many bytes each part of a library that is mapped into memory must be aligned; ELF-64 Object File Format, 7."""
    (start,) = struct.unpack_from("<Q", library, 32)
    size, count = struct.unpack_from("<HH", library, 54)
    for at in range(start, start + size * count, size):
        kind, alignment = struct.unpack_from("<I44xQ", library, at)
        if kind == _LOAD:
            yield alignment


def _libraries() -> Iterator[tuple[Path, bytes]]:
    for file in Path(sys.prefix).rglob("*.so*"):
        content = file.read_bytes()
        if len(content) >= _HEAD.size and _HEAD.unpack_from(content) == (b"\x7fELF", 2, 1):
            yield file, content


@pytest.mark.skipif(platform.machine() != "aarch64", reason="the libraries here are another processor's")
def test_no_library_asks_for_smaller_pages() -> None:
    found = {file: min(_alignments(content)) for file, content in _libraries()}
    assert len(found) > 100
    assert [file for file, alignment in found.items() if alignment % _LARGEST_PAGE_BYTES] == []
