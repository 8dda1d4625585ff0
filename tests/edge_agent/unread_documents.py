"""A documents file that the card does not give for a while."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from edge_agent.device import documents as documents_module


def unreadable(monkeypatch: pytest.MonkeyPatch, file: Path, times: int) -> None:
    """Lets a file's bytes not be given so many times, and never longer than until another takes its place."""
    real, left, itself = documents_module._bytes_of, [times], file.stat().st_ino
    file.with_name("held").hardlink_to(file)  # so that no other file gets its number

    def failing(asked: Path) -> bytes:
        if asked.exists() and asked.stat().st_ino == itself and left[0]:
            left[0] -= 1
            raise OSError(errno.EIO, "Input/output error", str(asked))
        return real(asked)

    monkeypatch.setattr(documents_module, "_bytes_of", failing)
