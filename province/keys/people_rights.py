"""What the keystore notes of accounts whose rights change, so that no register put back from before brings rights, or used codes, back.

A note is written before the register's transaction ends, with the mark from before beside the new one; one of them stays once it is known
whether the transaction was done. The newest notes are kept; what is older is forgotten, with how long the audit log was then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from edge_agent.base.process_lock import alone
from province.base.errors import ProvinceError
from province.base.files import write_atomically
from province.keys.day_keys import KeyDamaged
from province.keys.keystore import PEOPLE_RIGHTS, Keystore, KeystoreAway

FORMAT = "gate-scanner-people-rights/2"
MOST = 10_000  # a megabyte; written at each change


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is noted of one account.

    Attributes:
        lines: how many the audit log had before the change; a register with more of them was saved after it.
        marks: of the rights that count, the newest first; two until it is known which came about. Empty text: removed.
        used: recovery codes that were taken since they were made, as `short` writes their hashes.
    """

    lines: int
    marks: tuple[str, ...]
    used: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it is not known yet if the change came about."""
        return len(self.marks) > 1


class Notes(msgspec.Struct, frozen=True):
    """All notes, the oldest first.

    Attributes:
        accounts: by the account's id.
        forgotten: a register whose audit log has no more lines than this may be from before a change whose note is forgotten.
    """

    format: str
    accounts: dict[str, Note] = msgspec.field(default_factory=dict)
    forgotten: int = -1


def short(hash_: bytes) -> str:
    """A recovery code's hash as it is noted: enough to tell ten codes apart."""
    return hash_[:8].hex()


def read(keystore: Keystore) -> Notes:
    """All notes.

    Raises:
        KeystoreAway: the folder cannot be read now, or is not this province's.
        KeyDamaged: the file holds something else.
    """
    keystore.check()
    path = keystore.folder / PEOPLE_RIGHTS
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Notes(FORMAT)
    except OSError as error:
        raise KeystoreAway(f"{path}: cannot be read ({error.strerror}). Run as the folder's owner.") from None
    try:
        notes = msgspec.json.decode(data, type=Notes)
    except msgspec.DecodeError:
        notes = _earlier(data)
    if notes.format != FORMAT:
        raise KeyDamaged(f"{path}: damaged. Restore it, or move it away and look through all accounts after the next restore.")
    return notes


def _earlier(data: bytes) -> Notes:
    """As an earlier release wrote them: the mark of each account alone."""
    try:
        marks = msgspec.json.decode(data, type=dict[str, str])
    except msgspec.DecodeError:
        return Notes("")
    return Notes(FORMAT, {id_: Note(0, (mark,)) for id_, mark in marks.items()})


def write(keystore: Keystore, fresh: Mapping[str, Note], most: int = MOST) -> None:
    """Notes something of some accounts, in a transaction of the register, which lets one in at a time.

    Raises:
        KeystoreAway, KeyDamaged: as `read`.
        ProvinceError: it cannot be written; nothing may change.
    """
    with alone(keystore.lock):
        notes = read(keystore)
        accounts = {id_: note for id_, note in notes.accounts.items() if id_ not in fresh} | dict(fresh)
        old = list(accounts)[:-most]
        forgotten = max([notes.forgotten, *(accounts.pop(id_).lines for id_ in old)])
        try:
            write_atomically(keystore.folder / PEOPLE_RIGHTS, msgspec.json.encode(Notes(FORMAT, accounts, forgotten)) + b"\n")
        except OSError as error:
            raise ProvinceError(f"{keystore.folder}: cannot be written ({error.strerror}). Check the disk and the rights.") from None


def settled(notes: Notes, mark_of: Callable[[str], str]) -> dict[str, Note]:
    """The notes that are open, each with the one of its marks that the register has.

    Args:
        notes: all.
        mark_of: the mark that an account has in the register, no change being under way; empty where there is none.
    """
    found = {id_: (note, mark_of(id_)) for id_, note in notes.accounts.items() if note.is_open}
    return {id_: Note(note.lines, (mark,), note.used) for id_, (note, mark) in found.items() if mark in note.marks}
