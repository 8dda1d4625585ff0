"""Rescues what can be read from a damaged outbox: the file is set aside whole, its entries go on under their own numbers.

Source: design.md failure table "disk error, corrupt outbox". Runs when firmware starts. Every step can be cut short by a power
cut: the folder keeps the name `damaged-…` until all is done, and the next start carries on from there.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge_agent.cbor import Malformed
from edge_agent.envelope import peek
from edge_agent.outbox import Recorder

_SUFFIXES = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What was kept.

    Attributes:
        kept: entries taken over.
        unreadable: rows found that are not whole entries.
        folder: where the damaged file lies now.
    """

    kept: int
    unreadable: int
    folder: Path


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unfinished(path: Path) -> Path | None:
    """The folder of a salvage that was cut short, if there is one."""
    return next(iter(sorted(path.parent.glob("damaged-*"))), None)


def _set_aside(path: Path, wall_ms: int) -> Path:
    """Moves a damaged outbox into a folder of its own, the main file first: what is left over later has no main file."""
    folder = unfinished(path)
    if folder is None:
        folder = path.parent / f"damaged-{wall_ms}"
        folder.mkdir(mode=0o700)
        path.rename(folder / path.name)
    if not path.exists():
        for suffix in _SUFFIXES[1:]:
            side = path.with_name(path.name + suffix)
            if side.exists():
                side.rename(folder / side.name)
    _sync_folder(path.parent)
    return folder


def _rows(connection: sqlite3.Connection) -> Iterator[bytes]:
    """Every row that can still be read: forwards up to the damage, then backwards from the end down to it."""
    last = -(2**63)
    for query in (
        "SELECT ordinal, envelope FROM sealed WHERE ordinal > ? ORDER BY ordinal",
        "SELECT ordinal, envelope FROM sealed WHERE ordinal > ? ORDER BY ordinal DESC",
    ):
        highest = last
        try:
            for ordinal, envelope in connection.execute(query, (last,)):
                highest = max(highest, ordinal)
                if isinstance(envelope, bytes):
                    yield envelope
        except sqlite3.DatabaseError:
            last = highest  # the damage lies after it: the second query comes from the other side
        else:
            return


def _readable(file: Path) -> tuple[dict[bytes, dict[int, bytes]], int]:
    """The whole entries of a damaged outbox by log and number, and how many rows were not whole."""
    entries: dict[bytes, dict[int, bytes]] = {}
    unreadable = 0
    with closing(sqlite3.connect(file)) as connection:
        for envelope in _rows(connection):
            try:
                header = peek(envelope).header
            except Malformed:
                unreadable += 1
            else:
                entries.setdefault(header.log, {})[header.seq] = envelope
    return entries, unreadable


def salvage(path: Path, capacity_bytes: int, keep_free_bytes: int, wall_ms: int) -> tuple[Recorder, Salvaged]:
    """Sets a damaged outbox aside and makes a new one, with a new log, that carries on every readable entry.

    Raises:
        OSError: the disk does not even take a rename; nothing was lost.
    """
    folder = _set_aside(path, wall_ms)
    entries, unreadable = _readable(folder / path.name)
    recorder = Recorder(path, capacity_bytes, keep_free_bytes)
    known = recorder.logs()
    for log, of_log in entries.items():
        if log not in known:
            recorder.adopt(log, of_log)
    finished = folder.rename(folder.with_name(folder.name.replace("damaged-", "salvaged-", 1)))
    _sync_folder(path.parent)
    return recorder, Salvaged(sum(map(len, entries.values())), unreadable, finished)
