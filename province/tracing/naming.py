"""Says who the people are that were at a place with a case: opens their passages, each person's once where they came on several days.

The newest day is opened first. Who is opened has tokens on the days before too, so that their passages of those days need not be opened
again to know them: colleagues of three weeks are opened once, and not on every day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from edge_agent.wire.entry import RecordedPerson
from province.keys.identifiers import Identifier, canonical, declared, spelling, tokens_on
from province.looks.subjects import ids_of
from province.records.opened_rows import LookKeys
from province.store.opened import Connection
from province.tracing import linking, opening
from province.tracing.opening import Named
from province.tracing.site_rows import SiteRow
from province.tracing.stays import Stay


@dataclass(frozen=True, slots=True)
class Shared:
    """Somebody who was at a place while the case was, known by tokens alone.

    Attributes:
        mine: the case's stays around that time; `theirs`: this person's.
        rows: their passages.
        together_ms: how long both were there.
    """

    mine: Sequence[Stay]
    theirs: Sequence[Stay]
    rows: Sequence[SiteRow]
    together_ms: int


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody, opened.

    Attributes:
        ids: what joins them with themselves elsewhere; `is_numbered`: whether `person` tells a number that is theirs alone.
    """

    ids: frozenset[str] = field(repr=False)
    is_numbered: bool
    person: RecordedPerson = field(repr=False)


@dataclass(frozen=True, slots=True)
class Recognised:
    """Somebody with their name.

    Attributes:
        newest_ms: when they last passed, of the passages that tell who they are.
        methods: how they were recorded.
    """

    who: Who
    newest_ms: int
    methods: frozenset[str]
    shared: Shared


class Naming:
    """Names people.

    Args:
        connection: the register.
        keys: of the days.

    Attributes:
        unopened: rows that do not open.
    """

    def __init__(self, connection: Connection, keys: LookKeys) -> None:
        self._connection, self._keys = connection, keys
        self.unopened: set[int] = set()

    def opened(self, rows: Iterable[SiteRow]) -> list[Named]:
        """Opens passages; what does not open is remembered, and left out."""
        of_day: dict[str, list[int]] = defaultdict(list)
        for row in rows:
            of_day[row.epoch].append(row.passed.row_id)
        found = list(opening.named(self._connection, self._keys, of_day))
        self.unopened |= {row_id for row_ids in of_day.values() for row_id in row_ids} - {one.row_id for one in found}
        return found

    def of_place(self, shared: Iterable[Shared]) -> list[Recognised]:
        """All people met at one place; who cannot be opened (erased, keys gone since) is left out."""
        of_day: dict[str, list[Shared]] = defaultdict(list)
        for one in shared:
            of_day[max([row.epoch for row in one.rows])].append(one)
        days = sorted(of_day, reverse=True)
        known: dict[bytes, Who] = {}
        found: list[Recognised] = []
        for number, day in enumerate(days, 1):
            strangers = []
            for one in of_day[day]:
                if (who := _known_as(one.rows, known)) is None:
                    strangers.append(one)
                else:
                    methods = frozenset([row.method for row in one.rows if row.method is not None])
                    found.append(Recognised(who, max([row.passed.early_ms for row in one.rows]), methods, one))
            found += self._of_day(strangers, days[number:], known)
        return found

    def _of_day(self, strangers: Sequence[Shared], days_before: Sequence[str], known: dict[bytes, Who]) -> list[Recognised]:
        """Opens them, and notes by which tokens they are known on the days before."""
        opened_of = {one.row_id: one for one in self.opened(row for each in strangers for row in linking.distinct(each.rows))}
        token_keys = [of_day.token_key for day in days_before if (of_day := self._keys.get(day)) is not None]
        found = []
        for one in strangers:
            said = [(each, row.passed.early_ms) for row in one.rows if (each := opened_of.get(row.passed.row_id)) is not None]
            if not said:
                continue
            recognised = _recognised(one, said)
            found.append(recognised)
            if token_keys:
                for code in dict.fromkeys(each.person for each, _at_ms in said):
                    for of_day_tokens in tokens_on(code, token_keys):
                        known |= {mark: recognised.who for kind, mark in of_day_tokens if kind is not Identifier.PHONE}
        return found


def _known_as(rows: Sequence[SiteRow], known: dict[bytes, Who]) -> Who | None:
    """Whose all these passages are, by each of their tokens; None where one of them may say something new."""
    whose = known.get(rows[0].tokens[0]) if rows[0].tokens else None
    if whose is None:
        return None
    for row in rows:
        if not row.tokens or row.method is None:
            return None
        for mark in row.tokens:
            if known.get(mark) is not whose:
                return None
    return whose


def _recognised(one: Shared, said: Sequence[tuple[Named, int]]) -> Recognised:
    codes = [(ids_of(each.person), at_ms, each) for each, at_ms in said]
    numbers, newest_ms, latest = max(codes, key=_numbered_first) if len(codes) > 1 else codes[0]
    ids = frozenset[str]().union(*[ids for ids, _at_ms, _each in codes], _declared(each.person for each, _at_ms in said))
    who = Who(ids or nameless(latest.person), bool(numbers), latest.person)
    return Recognised(who, newest_ms, frozenset([each.method for each, _at_ms in said]), one)


def _numbered_first(one: tuple[frozenset[str], int, Named]) -> tuple[bool, int]:
    """The latest that tells a number comes last."""
    return bool(one[0]), one[1]


def nameless(person: RecordedPerson) -> frozenset[str]:
    """What tells somebody apart whose code tells no number in full."""
    return frozenset({f"name {spelling(person.name)} {canonical(Identifier.PHONE, person.phone or '')}"})


def _declared(people: Iterable[RecordedPerson]) -> set[str]:
    """Name and phone, where both were said: so who told no number is known by them elsewhere."""
    return {who for person in people if person.phone and (who := declared(person)) is not None}
