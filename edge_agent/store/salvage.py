"""Rescues what can be read from a damaged outbox: its files are set aside whole, its entries go on under their own numbers.

Source: design.md failure table "disk error, corrupt outbox". Runs when firmware starts, and when the file is damaged or taken away
under a running gate. SQLite reads a copy of what was set aside, never the files themselves: it would fold, cut and delete what it
does not understand. Where SQLite stops, the files are searched as bytes.

Every step can be cut short by a power cut: the folder keeps the name `damaged-…` until all is done, and the next start carries on
from there. Of those that are done the newest two are kept.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.base.disk import sync_file, sync_folder
from edge_agent.store import adopting, outbox, set_aside
from edge_agent.store.carving import copy
from edge_agent.store.finds import Finds
from edge_agent.store.outbox import OutboxDamaged, OutboxUnread
from edge_agent.store.pages import Pages, RawFile
from edge_agent.store.recorder import Recorder
from edge_agent.store.sql_reading import Sql, heads_of

_COPY = "copy"
_COPIES_AT_MOST = 3  # of the files, for which there must be room: this one and the new outbox


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What was kept.

    Attributes:
        kept: entries taken over.
        unreadable: rows that are not whole entries and were found nowhere else; they are among the missing.
        missing: entries that waited and are not kept, at most, as far as the head and the counters can be read; None when the head
            cannot.
        counted: whether the counters could be read; without them what waited before the oldest kept is not among the missing.
        folder: where the damaged files lie now.
    """

    kept: int
    unreadable: int
    missing: int | None
    counted: bool
    folder: Path

    def facts(self) -> Mapping[str, int]:
        """What the log's salvage entry says."""
        rest = {"head_unreadable": 1} if self.missing is None else {"missing": self.missing}
        if not self.counted:
            rest["counters_unreadable"] = 1
        return {"kept": self.kept, "unreadable": self.unreadable, **rest}


def unfinished(path: Path) -> Path | None:
    """The folder of a salvage of this outbox that was cut short, if there is one."""
    return set_aside.unfinished(path.parent)


def _set_aside(path: Path, wall_ms: int) -> Path:
    """Moves a damaged outbox into a folder of its own, the main file first: what is left over later has no main file.

    Where there is none an empty file takes its place, so that a new one is never taken for it.
    """
    folder = unfinished(path)
    if folder is None:
        folder = path.parent / f"{set_aside.AT_WORK}{set_aside.next_number(path.parent, wall_ms)}"
        folder.mkdir(mode=0o700)
    main = folder / path.name
    if not main.exists():
        if path.exists():
            path.rename(main)
        else:
            main.touch(0o600)
    if not path.exists():
        for side in outbox.files_of(path):
            if side.exists():
                side.rename(folder / side.name)
    # What the agent has forgotten may not be on disk to stay: a salvage cut short would then see more than what it has gone by.
    files = outbox.files_of(main)
    for file in (files.main, files.wal):
        with suppress(OSError):  # a card that refuses to write may still be read
            sync_file(file)
    sync_folder(path.parent)
    return folder


def _opened(folder: Path, name: str, undo: ExitStack) -> list[RawFile]:
    """The damaged file and its write-ahead log, as far as there is anything in them."""
    found = []
    aside = outbox.files_of(folder / name)
    for file in (aside.main, aside.wal):
        if file.exists() and file.stat().st_size:
            found.append(RawFile(file))
            undo.callback(found[-1].close)
    return found


def _copy_all(files: list[RawFile], folder: Path) -> None:
    if shutil.disk_usage(folder.parent).free < _COPIES_AT_MOST * sum(file.size for file in files):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    folder.mkdir(mode=0o700)
    for file in files:
        copy(file, folder / file.name)


def _copied(files: list[RawFile], main: Path, undo: ExitStack) -> sqlite3.Connection | None:
    """SQLite on a copy; on the file as it is, without its write-ahead log, when the disk has no room for one."""
    if not any(file.name == main.name for file in files):
        return None
    folder = main.parent / _COPY
    shutil.rmtree(folder, ignore_errors=True)
    undo.callback(shutil.rmtree, folder, ignore_errors=True)
    uri = f"{(folder / main.name).absolute().as_uri()}?mode=rw"
    try:
        _copy_all(files, folder)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        uri = f"{main.absolute().as_uri()}?mode=ro&immutable=1"
    connection = sqlite3.connect(uri, uri=True)
    undo.callback(connection.close)
    return connection


def _search(main: Path, files: list[RawFile], finds: Finds, still_open: Recorder | None, undo: ExitStack) -> None:
    """Finds all that can still be read: through the connection that is open yet, in the copy, in the bytes."""
    connections = [still_open.connection] if still_open is not None else []
    if (copied := _copied(files, main, undo)) is not None:
        connections.append(copied)
    for connection in connections:
        finds.search_sql(Sql(connection))
    finds.search_bytes(Pages(*files))
    finds.heads = [head for connection in connections for head in heads_of(connection)]


def _refuse_unread(files: list[RawFile], folder: Path) -> None:
    if unread := sum(file.unread for file in files):
        raise OutboxUnread(f"{folder}: the disk does not give {unread} bytes of the damaged outbox now: check the card")


def _open_new(path: Path, capacity_bytes: int, keep_free_bytes: int) -> Recorder:
    """The new outbox. A half-made one that a salvage cut short has left, and that is damaged itself, holds copies only."""
    try:
        return Recorder(path, capacity_bytes, keep_free_bytes)
    except OutboxDamaged:
        outbox.remove(path)
        return Recorder(path, capacity_bytes, keep_free_bytes)


def _finish(folder: Path) -> Path:
    number = folder.name.removeprefix(set_aside.AT_WORK)
    if (folder.parent / f"{set_aside.DONE}{number}").exists():
        number = str(set_aside.next_number(folder.parent, 0))
    finished = folder.rename(folder.with_name(f"{set_aside.DONE}{number}"))
    sync_folder(folder.parent)
    set_aside.remove_older(folder.parent, set_aside.KEPT)
    return finished


def salvage(
    path: Path,
    capacity_bytes: int,
    keep_free_bytes: int,
    wall_ms: int,
    *,
    device_key: Ed25519PublicKey | None = None,
    still_open: Recorder | None = None,
    unread_is_lost: bool = True,
) -> tuple[Recorder, Salvaged]:
    """Sets a damaged outbox aside and makes a new one, with a new log, that carries on every readable entry.

    Args:
        path: the outbox file.
        capacity_bytes: for the new one.
        keep_free_bytes: for the new one.
        wall_ms: names the folder.
        device_key: the device's own key, with which every entry is signed; None believes what looks like an entry.
        still_open: the one of which a file is gone from its path, with its last copy; the caller closes it when all is done.
        unread_is_lost: what the disk does not give now it will never give again; otherwise that is an error, to be tried again.

    Raises:
        OSError: the disk does not even take a rename; nothing was lost.
        OutboxUnread: the disk does not give all now; nothing was lost.
        OutboxError: the new one cannot be made or filled (a full disk); nothing was lost, the next salvage carries on where this one
            stopped, while the agent empties what is filled.
    """
    if still_open is not None:
        still_open.fold_into_file()  # so that the next salvage finds all there, should this one be cut short
    folder = _set_aside(path, wall_ms)
    finds = Finds(device_key)
    with ExitStack() as undo:
        files = _opened(folder, path.name, undo)
        _search(folder / path.name, files, finds, still_open, undo)
        if not unread_is_lost:
            _refuse_unread(files, folder)
        recorder = _open_new(path, capacity_bytes, keep_free_bytes)
        try:
            for log, of_log in finds.in_order():
                adopting.adopt(recorder, log, of_log)
            if not unread_is_lost:
                _refuse_unread(files, folder)
            head = finds.head()
            if head is not None:
                recorder.follow(head)
            kept = adopting.adopted(recorder)
            undo.close()
            finished = _finish(folder)
        except BaseException:
            recorder.close()
            raise
    missing = finds.missing()
    gone = finds.kept() - kept  # found, and not given any more when its turn came
    return recorder, Salvaged(kept, finds.unreadable(), None if missing is None else missing + gone, finds.counted, finished)
