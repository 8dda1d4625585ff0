"""Everything the register holds of one person: found by token, opened row by row, handed out or erased.

A person is followed from one code to another by id number, old id and insurance number only. A phone may be a family's: by it alone
nothing is handed out or erased when it leads to more than one person. Nor does a name lead from a check-in to somebody's number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select

from edge_agent.wire.cbor import Malformed
from edge_agent.wire.entry import Kind, Passage, RecordedPerson, decode_body
from edge_agent.wire.sealing import CannotOpen
from edge_agent.wire.topics import DeviceName
from province.base.errors import NotAProvince
from province.keys import wrapping
from province.keys.day_keys import KeyDamaged
from province.keys.identifiers import NUMBERS, Identifier, canonical, spelling
from province.keys.keystore import Absent, Keystore
from province.records import erasures, views
from province.records.views import Found
from province.store.opened import Connection, Row
from province.store.schema import IS_HELD, entry

_ROWS_AT_ONCE = 500
_OF_THE_PERSON = tuple(kind for kind in NUMBERS if kind is not Identifier.PHONE)  # a phone may be a family's


class SeveralPeople(NotAProvince):
    """The identifier leads to more than one person.

    Args:
        count: how many it leads to.
    """

    def __init__(self, count: int) -> None:
        super().__init__(
            f"--id: leads to {count} people, as a family's phone does. Give the id number of one of them. "
            "Who told name and phone alone is nobody else's number, and each way to write a name is somebody else."
        )


@dataclass(frozen=True, slots=True)
class Held:
    """One passage, opened."""

    found: Found
    body: Passage = field(repr=False)


def ids_of(person: RecordedPerson) -> frozenset[str]:
    """What names this person alone: id number, old id and insurance number, in one spelling."""
    kinds = ((Identifier.ID_NUMBER, person.id_number), (Identifier.OLD_ID, person.old_id), (Identifier.CARD_NUMBER, person.card_number))
    return frozenset(canonical(kind, value) for kind, value in kinds if value and "*" not in value)


def people(bodies: Iterable[Passage]) -> list[frozenset[str]]:
    """The different people among passages that share a number.

    Who has one of a person's own numbers is that person; who told none is somebody of that name as it is written, with all marks, and
    never somebody with a number: by a name alone An's passages would be erased as Ân's.
    """
    found: list[frozenset[str]] = []
    unnumbered: set[str] = set()  # names
    for body in bodies:
        if mine := ids_of(body.person):
            same = [each for each in found if each & mine]
            found = [each for each in found if not each & mine] + [mine.union(*same)]
        else:
            unnumbered.add(f"name {spelling(body.person.name)}")
    return found + [frozenset({name}) for name in sorted(unnumbered)]


class Subject:
    """What is held of the one person of an identifier.

    Args:
        connection: the register.
        keystore: the day keys.
        value: an id number, old id, phone or card number.

    Raises:
        SeveralPeople: the identifier is shared; give the id number.
        KeystoreAway: the keystore cannot be read.

    Attributes:
        held: their passages, in order of time.
        is_numbered: whether they have a number of their own; what they told by name and phone alone is then not among `held`.
    """

    def __init__(self, connection: Connection, keystore: Keystore, value: str) -> None:
        self._connection = connection
        self._keystore = keystore
        held = self._open(views.find(connection, keystore, value))
        known = people(one.body for one in held)
        if len(known) > 1:
            raise SeveralPeople(len(known))
        self.is_numbered = any(ids_of(one.body.person) for one in held)
        self.held: list[Held] = self._follow(held, known[0] if known else frozenset())

    def _follow(self, held: list[Held], ids: frozenset[str]) -> list[Held]:
        """The same person's passages under their other codes."""
        asked: set[str] = set()
        by_row = {one.found.row_id: one for one in held}
        while todo := {each for each in ids if not each.startswith("name ")} - asked:
            for each in todo:
                more = self._open(views.find(self._connection, self._keystore, each, _OF_THE_PERSON))
                by_row |= {one.found.row_id: one for one in more}
            asked |= todo
            ids = ids.union(*(ids_of(one.body.person) for one in by_row.values()))
        return sorted(by_row.values(), key=lambda one: (one.found.when.sort_ms, str(one.found.name), one.found.log, one.found.seq))

    def _open(self, found: Sequence[Found]) -> list[Held]:
        rows: dict[int, Row] = {}
        for at in range(0, len(found), _ROWS_AT_ONCE):
            these = [one.row_id for one in found[at : at + _ROWS_AT_ONCE]]
            rows |= {row["id"]: row for row in self._connection.rows(select(entry).where(entry.c.id.in_(these)))}
        bodies = [(one, self._body(rows[one.row_id])) for one in found if one.row_id in rows]
        return [Held(one, body) for one, body in bodies if body is not None]

    def _body(self, row: Row) -> Passage | None:
        about = wrapping.identity(DeviceName(row["org"], row["device"]), row["log"], row["seq"], row["hash"])
        try:
            keys = self._keystore.load(row["epoch"])
            if isinstance(keys, Absent) or row["body"] is None:
                return None
            body = decode_body(Kind(row["kind"]), wrapping.unwrap(row["body"], about, keys.data_key))
        except (CannotOpen, Malformed, KeyDamaged):
            return None
        return body if isinstance(body, Passage) else None

    def erase(self, path: Path, at_ms: int) -> int:
        """Erases every passage found, and notes it so that no backup brings it back; says how many of them are erased now.

        Args:
            path: the register's file, for messages.
            at_ms: the time, milliseconds since 1970 UTC.

        Raises:
            KeystoreAway, OSError: nothing is erased.
            RegisterBusy: noted; the next look at the register erases it.
        """
        row_ids = [one.found.row_id for one in self.held]
        rows = self._connection.rows(select(entry).where(entry.c.id.in_(row_ids)))
        erasures.note(self._keystore, rows)
        erasures.reapply(self._connection, path, self._keystore, at_ms)
        left = select(func.count()).select_from(entry).where(entry.c.id.in_(row_ids), entry.c.erased_ms.is_(None))
        return len(rows) - int(self._connection.value(left))


def unopened(connection: Connection) -> int:
    """How many entries are held: whose they are nobody can say before they are opened."""
    return int(connection.value(select(func.count()).select_from(entry).where(IS_HELD)))
