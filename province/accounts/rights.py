"""Holds accounts against what the keystore notes of them: a register put back from before brings neither rights nor used codes back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, func, select, update

from edge_agent.wire.sealing import CannotOpen
from province.accounts import second
from province.base.errors import ProvinceError
from province.keys import people_rights
from province.keys.keystore import Keystore
from province.keys.people_rights import Note
from province.store.accounts_tables import account as table
from province.store.accounts_tables import account_phone, account_recovery, account_site
from province.store.database import transaction
from province.store.opened import Connection
from province.store.schema import audit

_NOBODYS = "-"  # the hash of no password


@dataclass(frozen=True, slots=True)
class Rights:
    """The notes of a province's accounts.

    Args:
        path: the register, for messages.
        keystore: has the notes.
        mark_of: the mark of an account as the register has it, empty where there is none.
    """

    path: Path
    keystore: Keystore
    mark_of: Callable[[Connection, str], str]

    def note(self, connection: Connection, id_: str, before: str, *used: str) -> None:
        """Notes, in a transaction, what an account's rights are to be after it, and what they were; and codes that are taken.

        Raises:
            ProvinceError: it cannot be noted; nothing may change.
        """
        notes = people_rights.read(self.keystore)
        kept = notes.accounts.get(id_)
        taken = (*(() if kept is None else kept.used), *used)[-second.RECOVERY_CODES :]
        marks = tuple(dict.fromkeys((self.mark_of(connection, id_), before)))
        others = self._settled(connection)
        people_rights.write(self.keystore, {**others, id_: Note(_lines(connection), marks, taken)})

    def settle(self, connection: Connection) -> None:
        """After a transaction with changes, done or undone: notes which rights came about. What fails is done later.

        That is at the next change, when collector or pages start, or of the register that stands when another is put in its place.
        """
        with suppress(ProvinceError, CannotOpen, sqlite3.Error):
            if any(note.is_open for note in people_rights.read(self.keystore).accounts.values()):
                with transaction(connection, self.path):  # nobody else's change is under way
                    people_rights.write(self.keystore, self._settled(connection))

    def _settled(self, connection: Connection) -> dict[str, Note]:
        return people_rights.settled(people_rights.read(self.keystore), lambda id_: self.mark_of(connection, id_))

    def reapply(self, connection: Connection) -> int:
        """After an older register was put back: removes who was removed, shuts out whose rights were others since, takes used codes away.

        Where the register may be from before a change whose note is forgotten, all are shut out. They come in again once an
        administrator has given them a password.

        Returns:
            How many were removed or shut out.

        Raises:
            KeystoreAway, KeyDamaged, RegisterBusy: not done; do it again.
        """
        notes, late = people_rights.read(self.keystore), 0
        with transaction(connection, self.path):
            for id_, note in notes.accounts.items():
                mark = self.mark_of(connection, id_)
                _take_away(connection, id_, note.used)
                if mark and mark not in note.marks:
                    late += 1
                    _shut_out(connection, id_) if note.marks[0] else forget(connection, id_)
            if _lines(connection) > notes.forgotten:
                return late
            return int(connection.execute(update(table).values(hashed=_NOBODYS)).rowcount)


def forget(connection: Connection, id_: str) -> None:
    """Takes an account out of the register, with all that is its own."""
    for beside in (account_phone, account_site, account_recovery):
        connection.execute(delete(beside).where(beside.c.account == id_))
    connection.execute(delete(table).where(table.c.id == id_))


def _shut_out(connection: Connection, id_: str) -> None:
    connection.execute(update(table).where(table.c.id == id_).values(hashed=_NOBODYS))


def _take_away(connection: Connection, id_: str, used: Sequence[str]) -> None:
    own = account_recovery.c.account == id_
    for row in connection.rows(select(account_recovery.c.hash).where(own)) if used else ():
        if people_rights.short(row["hash"]) in used:
            connection.execute(delete(account_recovery).where(own, account_recovery.c.hash == row["hash"]))


def _lines(connection: Connection) -> int:
    """How many lines the audit log has."""
    return int(connection.value(select(func.coalesce(func.max(audit.c.number), 0))))
