"""Looks at the outbox without taking part in it: how much waits, and since when. For self-test and status, while both ends work."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.store.outbox import (
    APPLICATION_ID,
    FILE_NAME,
    Backlog,
    OutboxDamaged,
    OutboxError,
    explaining,
    files_of,
    opened_to_read,
    read_backlog,
)
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.envelope import peek

_LOOKS = 5  # between two of them somebody opened it; a handful in a row means that something else is wrong


@dataclass(frozen=True, slots=True)
class OutboxView:
    """What an outbox held at one moment.

    Attributes:
        backlog: how much waits.
        oldest: the envelope that has waited longest, None when none waits.
        damage_noted: the agent has met damage in it, and firmware has not set it aside yet.
    """

    backlog: Backlog
    oldest: bytes | None
    damage_noted: bool


def look_into(path: Path) -> OutboxView:
    """Reads an outbox without changing anything of it: no lock is kept, no side file is left, no note written.

    Raises:
        FileNotFoundError: firmware has not made it yet.
        OutboxDamaged: it is not whole.
        OutboxError: it cannot be read; by another user than the scanner's, or its write-ahead log lies on a disk that cannot be written.
    """
    try:
        path.stat()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no outbox yet; gate-firmware makes it when it starts") from None
    except OSError as error:
        raise OutboxError(f"{path}: cannot be read ({error.strerror}): look as the scanner's own user") from None
    for _ in range(_LOOKS):
        if _wal_bytes(path) is not None:
            return _looked_with_wal(path)
        view = _looked(path, by_itself=True)
        if _wal_bytes(path) is None:  # else somebody opened it meanwhile, and we looked past what he writes
            return view
    raise OutboxError(f"{path}: others open it all the time: look again")


def outbox_of(state: Path) -> dict[str, Any]:
    """How much waits in the outbox, or why that cannot be told."""
    try:
        view = look_into(state / FILE_NAME)
        age_s = 0 if view.oldest is None else max(0, time.time() - peek(view.oldest).header.wall_ms / 1000)
    except (FileNotFoundError, OutboxError, Malformed) as error:
        return {"trouble": str(error)}
    backlog = view.backlog
    head = {"log": backlog.head.log.hex(), "seq": backlog.head.seq, "hash": backlog.head.hash.hex()}
    return {"waiting": backlog.entries, "bytes": backlog.bytes, "oldest_age_s": round(age_s, 1), "head": head}


def _wal_bytes(path: Path) -> int | None:
    """How long the write-ahead log is; None when there is none, which there is as long as somebody has the outbox open."""
    try:
        return files_of(path).wal.stat().st_size
    except OSError:
        return None


def _looked_with_wal(path: Path) -> OutboxView:
    try:
        return _looked(path, by_itself=False)
    except OutboxDamaged:
        raise
    except OutboxError:
        if _wal_bytes(path) != 0:
            raise
        return _looked(path, by_itself=True)  # on a disk that cannot be written nobody else writes either


def _looked(path: Path, *, by_itself: bool) -> OutboxView:
    with opened_to_read(path, by_itself=by_itself) as connection, explaining(path):
        if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise FileNotFoundError(f"{path}: gate-firmware is still making it")
        connection.execute("BEGIN")  # both answers of one moment
        backlog = read_backlog(connection, path)
        row = connection.execute("SELECT envelope FROM sealed ORDER BY ordinal LIMIT 1").fetchone()
    if row is not None and not isinstance(row[0], bytes):
        raise OutboxDamaged(f"{path}: a row is not an entry")
    return OutboxView(backlog, None if row is None else row[0], files_of(path).damage_note.exists())
