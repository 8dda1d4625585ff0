"""Rescues what can be read from a damaged outbox: the file is set aside whole, its entries go on under their own numbers.

Source: design.md failure table "disk error, corrupt outbox". Runs when firmware starts. Every step can be cut short by a power
cut: the folder keeps the name `damaged-…` until all is done, and the next start carries on from there.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge_agent.cbor import Malformed
from edge_agent.envelope import peek
from edge_agent.outbox import SIDE_SUFFIXES, OutboxDamaged
from edge_agent.recorder import Recorder


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
    if path.exists() and not (folder / path.name).exists():
        path.rename(folder / path.name)
    if not path.exists():
        for suffix in SIDE_SUFFIXES:
            side = path.with_name(path.name + suffix)
            if side.exists():
                side.rename(folder / side.name)
    _sync_folder(path.parent)
    return folder


def _rows(connection: sqlite3.Connection) -> Iterator[tuple[int, bytes]]:
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
                    yield ordinal, envelope
        except (sqlite3.DatabaseError, UnicodeDecodeError):  # the second: sqlite3 cannot even word its complaint
            last = highest  # the damage lies after it: the second query comes from the other side
        else:
            return


def _readable(file: Path) -> tuple[dict[bytes, dict[int, bytes]], int]:
    """The whole entries of a damaged outbox by log and number, and how many rows were not whole.

    Within a log ordinal and number keep their distance; a row that does not keep it has a damaged header.
    """
    found: dict[bytes, list[tuple[int, int, bytes]]] = {}
    unreadable = 0
    if not file.exists():
        return {}, 0
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True)) as connection:
        for ordinal, envelope in _rows(connection):
            try:
                header = peek(envelope).header
            except Malformed:
                unreadable += 1
            else:
                found.setdefault(header.log, []).append((ordinal - header.seq, header.seq, envelope))
    entries: dict[bytes, dict[int, bytes]] = {}
    for log, rows in found.items():
        [(distance, _times)] = Counter(row[0] for row in rows).most_common(1)
        entries[log] = {seq: envelope for its_distance, seq, envelope in rows if its_distance == distance}
        unreadable += len(rows) - len(entries[log])
    return entries, unreadable


def _open_new(path: Path, capacity_bytes: int, keep_free_bytes: int) -> Recorder:
    """The new outbox. A half-made one that a salvage cut short has left, and that is damaged itself, holds copies only."""
    try:
        return Recorder(path, capacity_bytes, keep_free_bytes)
    except OutboxDamaged:
        for suffix in ("", *SIDE_SUFFIXES):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return Recorder(path, capacity_bytes, keep_free_bytes)


def salvage(path: Path, capacity_bytes: int, keep_free_bytes: int, wall_ms: int) -> tuple[Recorder, Salvaged]:
    """Sets a damaged outbox aside and makes a new one, with a new log, that carries on every readable entry.

    Raises:
        OSError: the disk does not even take a rename; nothing was lost.
        OutboxError: the new one cannot be made or filled (a full disk); nothing was lost, the next salvage carries on.
    """
    folder = _set_aside(path, wall_ms)
    entries, unreadable = _readable(folder / path.name)
    recorder = _open_new(path, capacity_bytes, keep_free_bytes)
    try:
        known = recorder.logs()
        for log, of_log in entries.items():
            if log not in known:
                recorder.adopt(log, of_log)
        finished = folder.rename(folder.with_name(folder.name.replace("damaged-", "salvaged-", 1)))
        _sync_folder(path.parent)
    except BaseException:
        recorder.close()
        raise
    return recorder, Salvaged(sum(map(len, entries.values())), unreadable, finished)
