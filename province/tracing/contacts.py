"""Who shared air with a case: people with overlapping stays at the same place or on the same trip, and for how long.

Place by place: the people there are told apart by tokens, their stays compared with the case's, and only who was there together with it
is opened. So memory holds one place's passages of a week at a time, and a crowd is named only as far as the rules say.
"""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta

from edge_agent.wire.entry import Kind, Note, RecordedPerson
from province.keys.identifiers import Identifier, tokens_on
from province.store.opened import Connection
from province.tracing import linking, site_rows, trips
from province.tracing.finding import Finder, Place
from province.tracing.naming import Naming, Recognised, Shared
from province.tracing.opening import opened
from province.tracing.rules import DAY_MS, MINUTE_MS, Rules
from province.tracing.site_rows import BOTH, AtPlace, Event, SiteRow
from province.tracing.stays import Rule, Stay, Stretches, TripSpan, covered_ms, overlap, stays, together_ms

_PIECE_MS = 7 * DAY_MS


@dataclass(frozen=True, slots=True)
class Encounter:
    """Somebody was at a place while the case was there.

    Attributes:
        mine: the case's stay; `theirs`: the contact's.
        methods: how they were recorded there; what was declared on paper or typed by themselves is not from a code.
    """

    place: Place
    mine: Stay
    theirs: Stay
    methods: frozenset[str] = frozenset()

    @property
    def begin_ms(self) -> int:
        """When both were there."""
        return max(self.mine.begin_ms, self.theirs.begin_ms)

    @property
    def end_ms(self) -> int:
        """Until when both were there."""
        return min(self.mine.end_ms, self.theirs.end_ms)

    @property
    def is_assumed(self) -> bool:
        """Whether a beginning or end of either was not seen."""
        return self.mine.is_assumed or self.theirs.is_assumed

    @property
    def is_unsure(self) -> bool:
        """Whether a clock was not known."""
        return self.mine.is_unsure or self.theirs.is_unsure


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody who shared air with the case.

    Attributes:
        ids: what names them alone.
        person: as their latest code says that tells a number, where one does.
        together_ms: how long in all; a moment at which two pairs of their stays overlap counts once.
    """

    ids: frozenset[str] = field(repr=False)
    person: RecordedPerson = field(repr=False)
    encounters: tuple[Encounter, ...]
    together_ms: int

    @property
    def minutes(self) -> int:
        """How long in all, begun minutes counted whole."""
        return -(-self.together_ms // MINUTE_MS)

    @property
    def places(self) -> frozenset[Place]:
        """Where."""
        return frozenset(one.place for one in self.encounters)


@dataclass(frozen=True, slots=True)
class Contacts:
    """All contacts of a case.

    Attributes:
        found: the longest together first.
        unnamed: by place, how many more were there than the rules let be named.
        unopened: passages of people there with the case that do not open.
    """

    found: tuple[Contact, ...]
    unnamed: Mapping[Place, int]
    unopened: int = 0


@dataclass(frozen=True, slots=True)
class _Met:
    """Somebody at one place, with what they have in common with the case there."""

    said: Recognised
    encounters: list[Encounter]


def contacts(
    connection: Connection,
    finder: Finder,
    own: frozenset[int],
    visits: Mapping[Place, Sequence[Stay]],
    rules: Mapping[Place, Rule],
    most: Rules,
) -> Contacts:
    """Finds the contacts.

    Args:
        connection: the register.
        finder: has the keys.
        own: the rows of the case's own passages.
        visits: the case's stays by place.
        rules: how long people stay, by place.
        most: the least overlap, and how many are named.

    Raises:
        KeystoreAway: the keystore cannot be read.
    """
    met: list[_Met] = []
    unnamed: dict[Place, int] = defaultdict(int)
    naming = Naming(connection, finder.keys)
    with _unswept():
        for place, all_stays in visits.items():
            shared: list[Shared] = []
            for some in _pieces(all_stays, rules[place]):
                found = _AtOnePlace(connection, finder, naming, place, rules[place], some).shared(own)
                shared += found[: most.contacts_most]
                unnamed[place] += max(0, len(found) - most.contacts_most)
            met += [_Met(one, _encounters(place, one)) for one in naming.of_place(shared)]
    merged = [each for each in _merged(met) if each.together_ms >= most.least_ms]
    ordered = sorted(merged, key=lambda each: (-each.together_ms, each.person.name))
    return Contacts(tuple(ordered), {place: count for place, count in unnamed.items() if count}, len(naming.unopened))


@contextmanager
def _unswept() -> Iterator[None]:
    """Without searches for reference cycles meanwhile: rows are in none, and to go through tens of thousands takes a third of the time.

    Whoever stops the searches starts them again: so two threads leave them running.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _pieces(all_stays: Sequence[Stay], rule: Rule) -> Iterator[list[Stay]]:
    """The case's stays at a place in pieces that are read at once: those near each other together, a week at most."""
    piece: list[Stay] = []
    for stay in sorted(all_stays, key=lambda stay: stay.begin_ms):
        far = piece and stay.begin_ms - max(each.end_ms for each in piece) > 2 * rule.longest_ms
        if piece and (far or stay.end_ms - piece[0].begin_ms > _PIECE_MS):
            yield piece
            piece = []
        piece.append(stay)
    if piece:
        yield piece


class _AtOnePlace:
    """Who was at one place around some stays of the case."""

    def __init__(self, connection: Connection, finder: Finder, naming: Naming, place: Place, rule: Rule, mine: Sequence[Stay]) -> None:
        self._finder, self._naming, self._rule, self._mine = finder, naming, rule, mine
        self.there = around(connection, finder, place, rule, mine)
        self._is_vehicle = any(row.passed.trip is not None for row in self.there.rows)
        self._trips = told_trips(connection, finder, self.there.events) if self._is_vehicle else {}
        self._stretches = Stretches(mine)

    def shared(self, own: frozenset[int]) -> list[Shared]:
        """Who was there together with the case, the longest first."""
        found = []
        for rows in linking.people(self.there.rows, self._mine, self._rule, self._tokens_of):
            if not self._may_touch(rows) or not own.isdisjoint([row.passed.row_id for row in rows]):
                continue
            theirs = stays((row.passed for row in rows), self._rule, self._trips)
            if together := together_ms(self._mine, theirs):
                found.append(Shared(self._mine, theirs, rows, together))
        return sorted(found, key=lambda one: -one.together_ms)

    def _may_touch(self, rows: Sequence[SiteRow]) -> bool:
        """Whether somebody's passages reach as far as a stay of the case at all: who came later, or had gone, need not be looked at."""
        if self._is_vehicle:
            return True  # to the trip's end
        first, last = rows[0].passed, rows[-1].passed
        early_ms = first.early_ms if len(rows) == 1 else min([row.passed.early_ms for row in rows])
        late_ms = last.late_ms if len(rows) == 1 else max([row.passed.late_ms for row in rows])
        return self._stretches.meet(early_ms - self._rule.assumed_ms, late_ms + self._rule.assumed_ms)

    def _tokens_of(self, rows: Sequence[SiteRow]) -> Iterator[tuple[int, Sequence[bytes]]]:
        epochs = {row.epoch for row in self.there.rows}
        reach = timedelta(milliseconds=self._rule.longest_ms) + timedelta(days=1)
        near = {
            epoch: [other for other in epochs - {epoch} if abs(date.fromisoformat(other) - date.fromisoformat(epoch)) <= reach]
            for epoch in epochs
        }
        stray = {row.passed.row_id for row in rows if linking.is_stray(row)}
        for one in self._naming.opened(rows):
            others = epochs - {one.epoch} if one.row_id in stray else near[one.epoch]
            token_keys = [keys.token_key for epoch in others if (keys := self._finder.keys.get(epoch)) is not None]
            marks = tokens_on(one.person, token_keys)
            yield one.row_id, [mark for of_day in marks for kind, mark in of_day if kind is not Identifier.PHONE]


def _encounters(place: Place, one: Recognised) -> list[Encounter]:
    return [
        Encounter(place, mine, theirs, one.methods)
        for mine in one.shared.mine
        for theirs in one.shared.theirs
        if mine.trip == theirs.trip and overlap(mine, theirs)
    ]


def around(connection: Connection, finder: Finder, place: Place, rule: Rule, mine: Sequence[Stay], kinds: Sequence[Kind] = BOTH) -> AtPlace:
    """All of a place that a stay near some stays could follow from."""
    low = min(stay.begin_ms for stay in mine) - rule.longest_ms
    high = max(stay.end_ms for stay in mine) + rule.longest_ms
    return site_rows.read(connection, place, (low, high), finder.earliest_ms, kinds)


def told_trips(connection: Connection, finder: Finder, events: Sequence[Event]) -> dict[str, TripSpan]:
    """The trips of a vehicle, by its gate's events."""
    at = {event.row_id: event for event in events}
    wanted: dict[str, list[int]] = defaultdict(list)
    for event in events:
        wanted[event.epoch].append(event.row_id)
    notes = ((at[one.row_id], one.body) for one in opened(connection, finder.keys, wanted) if isinstance(one.body, Note))
    told = [trips.Told(event.early_ms, event.late_ms, note.facts) for event, note in notes]
    return trips.spans(sorted(told, key=lambda one: one.early_ms))


def _latest(one: _Met) -> tuple[bool, int]:
    """The latest that tells a number comes last."""
    return one.said.who.is_numbered, one.said.newest_ms


def _merged(met: Iterable[_Met]) -> Iterator[Contact]:
    """The same person at several places is one contact."""
    by_id: dict[str, list[_Met]] = {}
    for one in met:
        same = {id(found): found for each in one.said.who.ids if (found := by_id.get(each)) is not None}
        if len(same) == 1 and (joined := next(iter(same.values())))[0].said.who.ids >= one.said.who.ids:
            joined.append(one)  # as nearly always
            continue
        joined = [one]
        for found in same.values():
            joined += found
        for each in {each for part in joined for each in part.said.who.ids}:
            by_id[each] = joined
    for group in {id(found): found for found in by_id.values()}.values():
        newest = max(group, key=_latest).said.who
        encounters = sorted((each for one in group for each in one.encounters), key=lambda each: each.begin_ms)
        ids = group[0].said.who.ids if len(group) == 1 else frozenset[str]().union(*[one.said.who.ids for one in group])
        yield Contact(ids, newest.person, tuple(encounters), covered_ms((each.begin_ms, each.end_ms) for each in encounters))
