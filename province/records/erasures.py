"""Erases what was kept of a passage, and erases it again when a backup brings it back.

What was erased is noted by the entries' identities in the keystore, which is in no backup: one file a day, gone with that day's keys.
The row stays, without body and tokens, so that the chain is whole and the counts are right.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import bindparam, delete, func, select, update

from edge_agent.base.process_lock import alone
from edge_agent.wire.receipt import Status
from province.base.errors import ProvinceError
from province.base.files import keep_folder, write_atomically
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.store import database
from province.store.opened import Connection, Row
from province.store.schema import entry, token

Identity: TypeAlias = tuple[str, str, str, int, str]  # org, device, log (hex), seq, hash (hex)


_NOT_ERASED = select(entry.c.id).where(
    *(entry.c[name] == bindparam(name) for name in ("org", "device", "log", "seq", "hash")), entry.c.erased_ms.is_(None)
)


class ErasuresDamaged(ProvinceError):
    """A day's file of erasures cannot be read: nothing may be shown that it might name."""


def identity(row: Row) -> Identity:
    """What names a row for ever."""
    return row["org"], row["device"], row["log"].hex(), row["seq"], row["hash"].hex()


def note(keystore: Keystore, rows: Iterable[Row]) -> None:
    """Notes rows as erased, on the disk when this returns; `reapply` then does it.

    Raises:
        KeystoreAway, ErasuresDamaged, OSError: not noted; erase nothing.
    """
    keystore.check()
    by_day: dict[str, set[Identity]] = defaultdict(set)
    for row in rows:
        by_day[row["epoch"]].add(identity(row))
    with alone(keystore.lock):  # what another has noted since we read would be written over
        for epoch, identities in by_day.items():
            path = keystore.erased(epoch)
            keep_folder(path.parent)
            write_atomically(path, json.dumps(sorted(identities | _read(path))).encode() + b"\n")


def _read(path: Path) -> set[Identity]:
    try:
        return {(str(org), str(device), str(log), int(seq), str(digest)) for org, device, log, seq, digest in json.loads(path.read_bytes())}
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, TypeError):
        raise ErasuresDamaged(f"{path}: damaged. It says who was erased on that day: restore it from the keystore's copy.") from None


def reapply(connection: Connection, path: Path, keystore: Keystore, at_ms: int) -> int:
    """Erases what is noted and still there, and says how many rows it was.

    Raises:
        KeystoreAway, ErasuresDamaged: it cannot be known what was erased.
        RegisterBusy: not erased; do it again.
    """
    keystore.check()
    with database.explained(path):
        found = [row_id for file in sorted(keystore.erased("x").parent.glob("*.json")) for row_id in _there(connection, _read(file))]
        if found:
            with database.transaction(connection, path):
                _erase(connection, found, at_ms)
            with suppress(sqlite3.Error):
                database.fold(connection)
    return len(found)


class Reapplied:
    """Has everything erased that is noted, for pages: looks anew only where another register or another note may stand; for any threads.

    Args:
        layout: the province.
        keystore: where it is noted.
    """

    def __init__(self, layout: Layout, keystore: Keystore) -> None:
        self._path, self._keystore = layout.register, keystore
        self._lock = threading.Lock()
        self._seen: tuple[object, ...] | None = None

    def check(self, connection: Connection, at_ms: int) -> None:
        """Makes sure of it, before anybody is shown.

        Raises:
            KeystoreAway, ErasuresDamaged, RegisterBusy: as `reapply`; show nobody.
        """
        with self._lock:
            self._keystore.check()
            seen = self._mark(connection)
            if seen != self._seen:
                reapply(connection, self._path, self._keystore, at_ms)
                self._seen = seen

    def _mark(self, connection: Connection) -> tuple[object, ...]:
        folder = self._keystore.erased("x").parent
        noted_ns = folder.stat().st_mtime_ns if folder.exists() else 0  # each note is put there by a rename
        with database.explained(self._path):
            return noted_ns, *database.mark(connection, self._path)


def _there(connection: Connection, identities: Iterable[Identity]) -> Iterator[int]:
    """The rows with these identities that are not erased."""
    for org, device, log, seq, digest in identities:
        named = {"org": org, "device": device, "log": bytes.fromhex(log), "seq": seq, "hash": bytes.fromhex(digest)}
        if (row_id := connection.value(_NOT_ERASED, named)) is not None:
            yield row_id


def _erase(connection: Connection, found: Iterable[int], at_ms: int) -> None:
    rows = [{"row": row_id} for row_id in found]
    connection.execute(delete(token).where(token.c.entry_id == bindparam("row")), rows)
    # an older register may still hold it unopened: it was opened since, and is not to be again
    opened = func.replace(entry.c.status, Status.HELD.value, Status.REGISTERED.value)
    erasing = update(entry).where(entry.c.id == bindparam("row")).values(body=None, erased_ms=at_ms, status=opened, reason=None)
    connection.execute(erasing, rows)


def connect(layout: Layout, keystore: Keystore, at_ms: int) -> Connection:
    """Opens the register for showing people: what was erased is erased in it, whatever backup it came from.

    Raises:
        As `database.connect` and `reapply`.
    """
    connection = database.connect(layout.register)
    try:
        reapply(connection, layout.register, keystore, at_ms)
    except BaseException:
        connection.close()
        raise
    return connection
