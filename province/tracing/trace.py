"""Answers the two questions of a case: where was this person and when, and who shared air with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from edge_agent.wire.entry import Kind
from edge_agent.wire.keyring import day_of
from province.keys.keystore import Keystore
from province.records.views import day_bounds_ms
from province.store.opened import Connection
from province.tracing import contacts as meeting
from province.tracing import places
from province.tracing.contacts import Contacts
from province.tracing.finding import Finder, Person, Place, Seen
from province.tracing.gaps import Gaps, gaps
from province.tracing.places import About
from province.tracing.rules import Rules
from province.tracing.stays import Rule, Stay, stays


@dataclass(frozen=True, slots=True)
class Visit:
    """A stay of the case, with what it follows from.

    Attributes:
        seen: one or two passages, opened.
    """

    place: Place
    about: About
    stay: Stay
    seen: tuple[Seen, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Movements:
    """Where somebody was.

    Attributes:
        window_ms: what was looked at: first and one past the last millisecond.
        visits: in order of time.
    """

    person: Person
    window_ms: tuple[int, int]
    visits: tuple[Visit, ...]
    about: Mapping[Place, About]


class Trace:
    """One look at a case in one register.

    Args:
        connection: the register.
        keystore: the day keys.
        rules: what counts.
        from_ms: the days before this are looked at, milliseconds since 1970 UTC, and those since.
        now_ms: the time; None: the same.

    Raises:
        KeystoreAway: the keystore cannot be read.
    """

    def __init__(self, connection: Connection, keystore: Keystore, rules: Rules, from_ms: int, now_ms: int | None = None) -> None:
        self._connection, self._keystore = connection, keystore
        self._rules = rules
        self._from_ms, self._now_ms = from_ms, from_ms if now_ms is None else now_ms
        days = keystore.epochs()
        oldest = min([*map(date.fromisoformat, days[:1]), day_of(from_ms)])
        self._finder = Finder(connection, keystore, day_bounds_ms(oldest)[0])

    def movements(self, number: str, days: int | None = None) -> Movements:
        """Where the person of a number was in the last days.

        Args:
            number: an id number, old id, passport, phone or card number.
            days: so many full days before it is counted from; None: as the rules say.

        Raises:
            SeveralPeople: the number is shared; give the id number.
            KeystoreAway: the keystore cannot be read.
        """
        person = self._finder.person(number)
        first_day = day_of(self._from_ms) - timedelta(days=self._rules.window_days if days is None else days)
        window_ms = day_bounds_ms(first_day)[0], day_bounds_ms(day_of(self._now_ms))[1]
        by_place: dict[Place, list[Seen]] = defaultdict(list)
        for one in person.seen:
            by_place[one.place].append(one)
        known = places.about(self._connection, by_place)
        visits = [
            Visit(place, known[place], stay, tuple(one for one in seen if one.passed in stay.passages))
            for place, seen in by_place.items()
            for stay in self._stays(place, seen, self._rules.of(known[place].category))
            if stay.end_ms > window_ms[0] and stay.begin_ms < window_ms[1]
        ]
        ordered = tuple(sorted(visits, key=lambda visit: (visit.stay.begin_ms, visit.stay.end_ms, visit.place.site)))
        return Movements(person, window_ms, ordered, known)

    def _stays(self, place: Place, seen: Sequence[Seen], rule: Rule) -> list[Stay]:
        found = stays([one.passed for one in seen], rule)
        if not any(one.passed.trip is not None for one in seen):
            return found
        there = meeting.around(self._connection, self._finder, place, rule, found, (Kind.EVENT,))
        return stays([one.passed for one in seen], rule, meeting.told_trips(self._connection, self._finder, there.events))

    def contacts(self, movements: Movements) -> Contacts:
        """Who shared air with that person.

        Raises:
            KeystoreAway: the keystore cannot be read.
        """
        visits: dict[Place, list[Stay]] = defaultdict(list)
        for visit in movements.visits:
            visits[visit.place].append(visit.stay)
        rules = {place: self._rules.of(movements.about[place].category) for place in visits}
        own = frozenset(one.passed.row_id for one in movements.person.seen)
        return meeting.contacts(self._connection, self._finder, own, visits, rules, self._rules)

    def gaps(self, movements: Movements, found: Contacts) -> Gaps:
        """What of both could not be looked at: ask last.

        Raises:
            KeystoreAway: the keystore cannot be read.
        """
        visited = {visit.place for visit in movements.visits}
        unopened = movements.person.unopened + found.unopened
        return gaps(self._connection, self._keystore, movements.window_ms, visited, unopened, movements.person.alike)
