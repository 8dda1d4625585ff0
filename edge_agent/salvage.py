"""Rescues what can be read from a damaged outbox: its files are set aside whole, its entries go on under their own numbers.

Source: design.md failure table "disk error, corrupt outbox". Runs when firmware starts, and when the file is damaged or taken away
under a running gate. SQLite reads a copy of what was set aside, never the files themselves: it would fold, cut and delete what it
does not understand. Where SQLite stops, the files are searched as bytes.

Every step can be cut short by a power cut: the folder keeps the name `damaged-…` until all is done, and the next start carries on
from there.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.carving import copy
from edge_agent.disk import sync_folder
from edge_agent.finds import Finds, Sql, heads_of
from edge_agent.outbox import SIDE_SUFFIXES, OutboxDamaged
from edge_agent.recorder import Recorder

_COPY = "copy"
_COPIES_AT_MOST = 3  # of the files, for which there must be room: this one and the new outbox


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What was kept.

    Attributes:
        kept: entries taken over.
        unreadable: found, but not whole entries.
        missing: numbers up to the head that are neither kept nor known to be forgotten; None when the head cannot be read.
        folder: where the damaged files lie now.
    """

    kept: int
    unreadable: int
    missing: int | None
    folder: Path

    def facts(self) -> Mapping[str, int]:
        """What the log's salvage entry says."""
        rest = {"head_unreadable": 1} if self.missing is None else {"missing": self.missing}
        return {"kept": self.kept, "unreadable": self.unreadable, **rest}


# ── what was found: only places are held, a backlog of weeks must not have to fit into a small board's memory ─────────────────────


def unfinished(path: Path) -> Path | None:
    """The folder of a salvage that was cut short, if there is one."""
    return next(iter(sorted(path.parent.glob("damaged-*"))), None)


def _free_name(parent: Path, wall_ms: int) -> str:
    """A name that no salvage before has taken."""
    number = wall_ms
    while any((parent / f"{state}-{number}").exists() for state in ("damaged", "salvaged")):
        number += 1
    return str(number)


def _set_aside(path: Path, wall_ms: int) -> Path:
    """Moves a damaged outbox into a folder of its own, the main file first: what is left over later has no main file.

    Where there is none an empty file takes its place, so that a new one is never taken for it.
    """
    folder = unfinished(path)
    if folder is None:
        folder = path.parent / f"damaged-{_free_name(path.parent, wall_ms)}"
        folder.mkdir(mode=0o700)
    main = folder / path.name
    if not main.exists():
        if path.exists():
            path.rename(main)
        else:
            main.touch(0o600)
    if not path.exists():
        for suffix in SIDE_SUFFIXES:
            side = path.with_name(path.name + suffix)
            if side.exists():
                side.rename(folder / side.name)
    sync_folder(path.parent)
    return folder


def _copy_all(files: list[Path], folder: Path) -> None:
    if shutil.disk_usage(folder.parent).free < _COPIES_AT_MOST * sum(file.stat().st_size for file in files):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    folder.mkdir(mode=0o700)
    for file in files:
        copy(file, folder / file.name)


def _copied(main: Path, undo: ExitStack) -> sqlite3.Connection | None:
    """SQLite on a copy; on the file as it is, without its write-ahead log, when the disk has no room for one."""
    if not main.exists() or not main.stat().st_size:
        return None
    folder = main.parent / _COPY
    shutil.rmtree(folder, ignore_errors=True)
    undo.callback(shutil.rmtree, folder, ignore_errors=True)
    uri = f"{(folder / main.name).absolute().as_uri()}?mode=rw"
    try:
        _copy_all([file for file in (main, main.with_name(f"{main.name}-wal")) if file.exists()], folder)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        uri = f"{main.absolute().as_uri()}?mode=ro&immutable=1"
    connection = sqlite3.connect(uri, uri=True)
    undo.callback(connection.close)
    return connection


def _readable(folder: Path, name: str, finds: Finds, still_open: Recorder | None, undo: ExitStack) -> None:
    """Finds all that can still be read: through the connection that is open yet, in the copy, in the bytes."""
    connections = [still_open.connection] if still_open is not None else []
    if (copied := _copied(folder / name, undo)) is not None:
        connections.append(copied)
    for connection in connections:
        finds.search_sql(Sql(connection))
    for suffix in ("", "-wal"):
        file = folder / f"{name}{suffix}"
        if file.exists() and file.stat().st_size:
            finds.search_bytes(file, undo)
    finds.heads = [head for connection in connections for head in heads_of(connection)]


def _open_new(path: Path, capacity_bytes: int, keep_free_bytes: int) -> Recorder:
    """The new outbox. A half-made one that a salvage cut short has left, and that is damaged itself, holds copies only."""
    try:
        return Recorder(path, capacity_bytes, keep_free_bytes)
    except OutboxDamaged:
        for suffix in ("", *SIDE_SUFFIXES):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return Recorder(path, capacity_bytes, keep_free_bytes)


def _finish(folder: Path) -> Path:
    number = folder.name.removeprefix("damaged-")
    if (folder.parent / f"salvaged-{number}").exists():
        number = _free_name(folder.parent, int(number) if number.isdecimal() else 0)
    finished = folder.rename(folder.with_name(f"salvaged-{number}"))
    sync_folder(folder.parent)
    return finished


def salvage(
    path: Path,
    capacity_bytes: int,
    keep_free_bytes: int,
    wall_ms: int,
    *,
    device_key: Ed25519PublicKey | None = None,
    still_open: Recorder | None = None,
) -> tuple[Recorder, Salvaged]:
    """Sets a damaged outbox aside and makes a new one, with a new log, that carries on every readable entry.

    Args:
        path: the outbox file.
        capacity_bytes: for the new one.
        keep_free_bytes: for the new one.
        wall_ms: names the folder.
        device_key: the device's own key: what claims to be signed with it must be.
        still_open: the one whose file is gone from its path, with its last copy; the caller closes it when all is done.

    Raises:
        OSError: the disk does not even take a rename; nothing was lost.
        OutboxError: the new one cannot be made or filled (a full disk); nothing was lost, the next salvage carries on.
    """
    folder = _set_aside(path, wall_ms)
    finds = Finds(device_key)
    with ExitStack() as undo:
        _readable(folder, path.name, finds, still_open, undo)
        recorder = _open_new(path, capacity_bytes, keep_free_bytes)
        try:
            for log, of_log in finds.in_order():
                recorder.adopt(log, of_log)
            head = finds.head()
            if head is not None:
                recorder.follow(head)
            undo.close()
            finished = _finish(folder)
        except BaseException:
            recorder.close()
            raise
    return recorder, Salvaged(finds.kept(), finds.unreadable, finds.missing(), finished)
