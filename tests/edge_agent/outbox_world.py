"""What the outbox's tests share: where it lies, a small disk under it, receipts for it, and statements that spoil it."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from small_disk import small_disk as small_disk_at

from edge_agent.store.outbox import FILE_NAME, Recorded
from edge_agent.wire.receipt import Range, Status

ROOMY = 10**9


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAME


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    with small_disk_at(folder, "3m"):
        yield folder


def exact(recorded: Recorded, first: int | None = None, *, forked: bool = False) -> Range:
    return Range(first or recorded.seq, recorded.seq, recorded.hash, Status.REGISTERED, forked=forked)


def damage_by(*statements: str) -> Callable[[Path, random.Random], None]:
    """What does these SQL statements to an outbox."""

    def do(path: Path, _rng: random.Random) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        for statement in statements:
            connection.execute(statement)
        connection.close()

    return do
