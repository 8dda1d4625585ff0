"""Finds all passages of one person, under whatever code: by token on every day at once, opened to follow them from code to code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from sqlalchemy import BindParameter, CompoundSelect, bindparam, select, union_all

from edge_agent.wire.entry import Passage, RecordedPerson
from province.keys.identifiers import NUMBERS, Identifier, canonical, declared, tokens_of, unmarked
from province.keys.keystore import Keystore
from province.looks.subjects import SeveralPeople, ids_of, people
from province.records import views
from province.records.clock_truth import Whens
from province.records.opened_rows import LookKeys
from province.registry import sites
from province.store import schema
from province.store.opened import Connection, Row
from province.tracing.opening import Opened, batched, opened
from province.tracing.stays import Passed

_DAYS_AT_ONCE = 64
OF_THE_PERSON = tuple(kind for kind in NUMBERS if kind is not Identifier.PHONE)  # a phone may be a family's
_TOKEN = schema.token.c
_IN_FILE = select(_TOKEN.entry_id, _TOKEN.epoch).where(_TOKEN.token.in_(bindparam("marks", expanding=True)))
_CLEAR = select(*(column for column in schema.entry.c if column.name not in {"body", "prev", "boot"})).where(
    schema.entry.c.epoch == bindparam("of_day"), schema.entry.c.id.in_(bindparam("ids", expanding=True))
)


@lru_cache(maxsize=8)
def _on_server(days: int, of_a_day: int) -> CompoundSelect[int, str | None]:
    """The rows of each day's own tokens, asked at once: else a server looks in the part of each day for the tokens of all."""
    found = []
    for day in range(days):
        marks: list[BindParameter[bytes]] = [bindparam(f"mark_{day}_{number}") for number in range(of_a_day)]
        of_day: BindParameter[str] = bindparam(f"day_{day}")
        found.append(select(_TOKEN.entry_id, _TOKEN.epoch).where(_TOKEN.epoch == of_day, _TOKEN.token.in_(marks)))
    return union_all(*found)


@dataclass(frozen=True, slots=True)
class Place:
    """Where scanners stand: an organisation, and the name of its site as scanners say it."""

    org: str
    site: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One passage of the person, opened.

    Attributes:
        passed: when and which way.
    """

    place: Place
    gate: str
    device: str
    passed: Passed
    body: Passage = field(repr=False)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who was looked up.

    Attributes:
        ids: what names them alone, in one spelling each.
        recorded: as their latest code says that tells a number, where one does; None when nothing of them is there.
        seen: their passages, in the order of the register's rows.
        unopened: how many more of them do not open.
        alike: how many passages by name and phone alone may be theirs, and are not in `seen`: of their phone, with a name that is theirs
            but for the marks.
    """

    ids: frozenset[str] = field(repr=False)
    recorded: RecordedPerson | None = field(repr=False)
    seen: tuple[Seen, ...]
    unopened: int = 0
    alike: int = 0


def _said_by(ids: Iterable[str], found: Iterable[Opened]) -> set[tuple[Identifier, str]]:
    """What else to look for: each number as any kind, and the name and phone that were said together: so they may have checked in."""
    numbers = {(kind, each) for each in ids if not each.startswith("name ") for kind in OF_THE_PERSON}
    people_ = (each.body.person for each in found if isinstance(each.body, Passage))
    return numbers | {(Identifier.DECLARED, who) for each in people_ if (who := declared(each)) is not None}


def _told_apart(bodies: Iterable[Passage]) -> list[frozenset[str]]:
    """The different people among passages that share a number; who told none is whoever told name and phone with theirs."""
    numbered = [body for body in bodies if ids_of(body.person)]
    theirs = {declared(body.person) for body in numbered} - {None}
    return people([*numbered, *(body for body in bodies if not ids_of(body.person) and declared(body.person) not in theirs)])


class Finder:
    """Finds people in one register.

    Args:
        connection: the register.
        keystore: each day's token key is needed.
        earliest_ms: what nobody can date was not before this, milliseconds since 1970 UTC.

    Raises:
        KeystoreAway: the keystore cannot be read.
    """

    def __init__(self, connection: Connection, keystore: Keystore, earliest_ms: int) -> None:
        self._connection = connection
        self.earliest_ms = earliest_ms
        self._whens = Whens(connection)
        self.keys = LookKeys(keystore)
        self._unopened: set[int] = set()
        last = views.last_day(connection)  # keys are made weeks ahead
        self.days = [epoch for epoch in keystore.epochs() if epoch <= last and self.keys.get(epoch) is not None]

    def person(self, value: str) -> Person:
        """The one person of a number.

        Raises:
            SeveralPeople: it is shared; give the id number.
            KeystoreAway: the keystore cannot be read.
        """
        self._unopened = set()
        found = self._open(self._marked({(kind, value) for kind in NUMBERS}), ())
        known = _told_apart([body for each in found if isinstance(body := each.body, Passage)])
        if len(known) > 1:
            raise SeveralPeople(len(known))
        ids = known[0] if known else frozenset[str]()
        asked: set[tuple[Identifier, str]] = {(kind, canonical(Identifier.ID_NUMBER, value)) for kind in OF_THE_PERSON}
        while todo := _said_by(ids, found) - asked:
            found += self._open(self._marked(todo), {each.row_id for each in found})
            asked |= todo
            ids = ids.union(*(ids_of(each.body.person) for each in found if isinstance(each.body, Passage)))
        bodies = {each.row_id: each.body for each in found if isinstance(each.body, Passage)}
        seen = tuple(self._seen(row, bodies[row["id"]]) for row in self._rows(found) if row["id"] in bodies)
        newest = max(seen, key=lambda one: (bool(ids_of(one.body.person)), one.passed.early_ms), default=None)
        unopened = len(self._unopened)  # of theirs, before others of their phone
        return Person(ids, None if newest is None else newest.body.person, seen, unopened, self._alike(bodies))

    def _alike(self, bodies: Mapping[int, Passage]) -> int:
        """How many passages of the same phones tell no number, and a name that could be theirs."""
        people_ = [body.person for body in bodies.values()]
        phones = {(Identifier.PHONE, canonical(Identifier.PHONE, each.phone)) for each in people_ if each.phone and "*" not in each.phone}
        names = {unmarked(each.name) for each in people_}
        others = (one.body.person for one in self._open(self._marked(phones), bodies) if isinstance(one.body, Passage))
        return sum(not ids_of(each) and unmarked(each.name) in names for each in others)

    def _marked(self, wanted: Collection[tuple[Identifier, str]]) -> dict[str, list[int]]:
        """The rows of some numbers, by day."""
        of_days = {epoch: keys.token_key for epoch in self.days if (keys := self.keys.get(epoch)) is not None}
        marks = dict(zip(of_days, tokens_of(wanted, of_days.values()), strict=True))
        rows: dict[str, list[int]] = defaultdict(list)
        for some in batched(marks if wanted else (), _DAYS_AT_ONCE):
            for row_id, epoch in self._asked({epoch: marks[epoch] for epoch in some}):
                rows[epoch].append(row_id)
        return rows

    def _asked(self, marks: dict[str, list[bytes]]) -> Iterable[tuple[int, str]]:
        """The rows that have one of some tokens, with their day."""
        if self._connection.is_file:
            return self._connection.execute(_IN_FILE, {"marks": [mark for of_day in marks.values() for mark in of_day]}).all()
        asked: dict[str, str | bytes] = {}
        for day, (epoch, of_day) in enumerate(marks.items()):
            asked[f"day_{day}"] = epoch
            asked |= {f"mark_{day}_{number}": mark for number, mark in enumerate(of_day)}
        return self._connection.execute(_on_server(len(marks), len(of_day)), asked).all()

    def _open(self, rows: dict[str, list[int]], known: Collection[int]) -> list[Opened]:
        new = {epoch: sorted({*row_ids} - {*known}) for epoch, row_ids in rows.items()}
        found = list(opened(self._connection, self.keys, new))
        self._unopened |= {row_id for of_day in new.values() for row_id in of_day} - {each.row_id for each in found}
        return found

    def _rows(self, found: Iterable[Opened]) -> list[Row]:
        """The rows of what was opened, in their order."""
        by_day: dict[str, list[int]] = defaultdict(list)
        for one in found:
            by_day[one.epoch].append(one.row_id)
        rows = [row for epoch, ids in by_day.items() for row in self._connection.rows(_CLEAR, {"of_day": epoch, "ids": ids})]
        return sorted(rows, key=lambda row: int(row["id"]))

    def _seen(self, row: Row, body: Passage) -> Seen:
        at = self._whens.of(row)
        early_ms = at.not_before_ms if at.not_before_ms is not None else self.earliest_ms
        late_ms = at.not_after_ms if at.not_after_ms is not None else row["registered_ms"]
        passed = Passed(
            row["id"], min(early_ms, late_ms), late_ms, body.direction, row["log"], row["seq"], row["trip"], bool(row["forked"])
        )
        return Seen(Place(*sites.name_at_scanners(self._connection, row["org"], row["site"])), row["gate"], row["device"], passed, body)
