"""Takes tables of units, organisations, sites and gates into the registry: all that is wrong is told first, then all is taken or nothing.

What a file says twice it says once: rows that are in the registry as they are change nothing, so a file may be imported again.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

from sqlalchemy import Table

from province.registry import devices, drafts, organisations, places, sites, units
from province.registry.columns import Sheet
from province.registry.drafts import Refused, Wrong, of_fault
from province.registry.organisations import Organisation
from province.registry.sheets import Line
from province.registry.site import Site, described, is_same_place, misplaced, unfitting
from province.registry.texts import Fault, Faulty, tidy
from province.registry.units import Level, Unit
from province.store import registry_tables as tables
from province.store.opened import Connection

_AT_ONCE = 5000
_Thing = TypeVar("_Thing", Unit, Organisation, Site)


@dataclass(frozen=True, slots=True)
class Known:
    """What the registry has, by id, and which gates have scanners, by organisation and site."""

    units: dict[str, Unit] = field(default_factory=dict)
    organisations: dict[str, Organisation] = field(default_factory=dict)
    sites: dict[str, Site] = field(default_factory=dict)
    manned: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Plan:
    """What a file would change.

    Attributes:
        units: new or other than before.
        organisations: the same.
        sites: the same.
        new: how many of each sheet were not there before.
        same: how many rows of each sheet change nothing.
        wrongs: every cell that cannot be; its row changes nothing.
    """

    units: list[Unit] = field(default_factory=list)
    organisations: list[Organisation] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    new: dict[Sheet, int] = field(default_factory=lambda: dict.fromkeys(Sheet, 0))
    same: dict[Sheet, int] = field(default_factory=lambda: dict.fromkeys(Sheet, 0))
    wrongs: list[Wrong] = field(default_factory=list)


def known(connection: Connection) -> Known:
    """What the registry has."""
    manned: dict[tuple[str, str], set[str]] = defaultdict(set)
    for device in devices.every(connection):
        if device.status == devices.ACTIVE:
            manned[device.name.org, device.site].add(device.gate)
    return Known(
        {one.id: one for one in units.every(connection)},
        {one.id: one for one in organisations.every(connection)},
        {one.id: one for one in sites.every(connection)},
        {place: frozenset(gates) for place, gates in manned.items()},
    )


def plan(lines: Iterable[Line], there: Known, now_ms: int, *, anyway: bool = False) -> Plan:
    """What a file's rows would change, and all that is wrong with them.

    Args:
        lines: the file's.
        there: what the registry has.
        now_ms: when what is new is registered, milliseconds since 1970 UTC.
        anyway: also take places that seem to be registered already.
    """
    made = Plan()
    by_sheet: dict[Sheet, list[Line]] = {sheet: [] for sheet in Sheet}
    for line in lines:
        by_sheet[line.sheet].append(line)
    units_then = _units(made, _once(made, by_sheet[Sheet.UNITS]), there)
    organisations_then = _organisations(made, _once(made, by_sheet[Sheet.ORGANISATIONS]), there, units_then)
    site_lines = _once(made, by_sheet[Sheet.SITES])
    gates = _gates(made, by_sheet[Sheet.GATES], site_lines.keys() | there.sites.keys())
    _Sites(made, there, units_then, organisations_then, anyway=anyway).take(site_lines, gates, now_ms)
    made.wrongs.sort(key=lambda wrong: (list(Sheet).index(wrong.sheet), wrong.row))
    return made


def _once(made: Plan, lines: Iterable[Line]) -> dict[str, Line]:
    """Rows by their id; a second one of an id is wrong."""
    found: dict[str, Line] = {}
    for line in lines:
        id_ = line.cells.get("id", f" {line.row}")  # one without is told later
        if id_ in found:
            made.wrongs.append(Wrong(line.sheet, line.row, "id", f"is in row {found[id_].row} already", id_))
        else:
            found[id_] = line
    return found


def _drafted(
    made: Plan, lines: dict[str, Line], before: dict[str, _Thing], draft: Callable[[Line, _Thing | None], _Thing]
) -> dict[str, _Thing]:
    found: dict[str, _Thing] = {}
    for id_, line in lines.items():
        try:
            found[id_] = draft(line, before.get(id_))
        except Refused as refused:
            made.wrongs.extend(refused.wrongs)
    return found


def _kept(made: Plan, sheet: Sheet, found: dict[str, _Thing], before: dict[str, _Thing], into: list[_Thing]) -> None:
    """Notes what is new or other."""
    for id_, one in found.items():
        if before.get(id_) == one:
            made.same[sheet] += 1
        else:
            made.new[sheet] += id_ not in before
            into.append(one)


def _settled(
    made: Plan,
    found: dict[str, _Thing],
    lines: dict[str, Line],
    before: dict[str, _Thing],
    faults: Callable[[_Thing], Iterator[Fault]],
) -> None:
    """Drops what stands where it cannot, and then what would have stood under that."""
    above: dict[str, list[str]] = defaultdict(list)
    for id_, one in found.items():
        above[getattr(one, "parent", None) or ""].append(id_)
    waiting = deque(found)
    while waiting:
        id_ = waiting.popleft()
        if id_ in found and (wrongs := [of_fault(lines[id_], fault) for fault in faults(found[id_])]):
            made.wrongs.extend(wrongs)
            del found[id_]
            if id_ not in before:
                waiting.extend(above[id_])


def _units(made: Plan, lines: dict[str, Line], there: Known) -> dict[str, Unit]:
    found = _drafted(made, lines, there.units, drafts.unit_of)

    def faults(one: Unit) -> Iterator[Fault]:
        before = there.units.get(one.id, one)
        if before.level is not one.level:
            yield Fault("level", f"is a {before.level} in the registry; close that, and give this another id", str(one.level))
        yield from units.misplaced(one, lambda id_: found.get(id_) or there.units.get(id_))

    _settled(made, found, lines, there.units, faults)
    _kept(made, Sheet.UNITS, found, there.units, made.units)
    made.units.sort(key=lambda one: list(Level).index(one.level))
    return there.units | found


def _organisations(made: Plan, lines: dict[str, Line], there: Known, units_then: dict[str, Unit]) -> dict[str, Organisation]:
    found = _drafted(made, lines, there.organisations, drafts.organisation_of)

    def find(id_: str) -> Organisation | None:
        return found.get(id_) or there.organisations.get(id_)

    _settled(made, found, lines, there.organisations, lambda one: organisations.misplaced(one, units_then.get, find))
    _kept(made, Sheet.ORGANISATIONS, found, there.organisations, made.organisations)
    return there.organisations | found


def _gates(made: Plan, lines: Iterable[Line], ids: set[str]) -> dict[str, list[Line]]:
    """The rows of the gates' sheet by their site."""
    found: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        wrongs = drafts.Cells(line).wrongs
        if not wrongs and line.cells["site"] not in ids:
            wrongs = [Wrong(line.sheet, line.row, "site", "not a site, neither here nor in the registry", line.cells["site"])]
        if wrongs:
            made.wrongs.extend(wrongs)
        else:
            found[line.cells["site"]].append(line)
    return found


class _Sites:
    """Takes the rows of sites one after the other, and knows at each which sites there are by then.

    Args:
        made: gets what is to change, and what is wrong.
        there: what the registry has.
        units_then: by id, with those of the file.
        organisations_then: the same.
        anyway: also take places that seem to be registered already.
    """

    def __init__(
        self, made: Plan, there: Known, units_then: dict[str, Unit], organisations_then: dict[str, Organisation], *, anyway: bool
    ) -> None:
        self._made = made
        self._there = there
        self._units = units_then
        self._organisations = organisations_then
        self._anyway = anyway
        self._then = dict(there.sites)
        self._by: dict[Hashable, dict[str, None]] = defaultdict(dict)
        for one in there.sites.values():
            self._index(one)

    def _index(self, one: Site) -> None:
        for key in _keys(one):
            self._by[key][one.id] = None

    def _forget(self, one: Site) -> None:
        for key in _keys(one):
            self._by[key].pop(one.id, None)

    def take(self, lines: dict[str, Line], gates: dict[str, list[Line]], now_ms: int) -> None:
        """Takes the rows of sites, then those gates that are of sites without a row here."""
        for id_, line in lines.items():
            before = self._there.sites.get(id_)
            own = drafts.gates_of(line) or (() if before is None else before.gates)
            more = [tidy(each.cells["name"]) for each in gates.pop(id_, [])]
            try:
                one = drafts.site_of(line, before, _in_order(own, more), now_ms)
            except Refused as refused:
                self._made.wrongs.extend(refused.wrongs)
                continue
            self._decide(one, before, line, Sheet.SITES)
        for id_, its in gates.items():
            before = self._there.sites.get(id_)
            if before is None:
                continue  # its own row is wrong, which is told
            try:
                one = replace(before, gates=_in_order(before.gates, [tidy(each.cells["name"]) for each in its]))
            except Faulty as error:
                self._made.wrongs.extend(Wrong(its[0].sheet, its[0].row, "name", fault.said, fault.value) for fault in error.faults)
                continue
            self._decide(one, before, its[0], Sheet.GATES)

    def _decide(self, one: Site, before: Site | None, line: Line, sheet: Sheet) -> None:
        if one == before:
            self._made.same[sheet] += 1
            return
        wrongs = [of_fault(line, fault) for fault in self._faults(one, before)]
        if wrongs:
            self._made.wrongs.extend(wrongs)
            return
        if before is not None:
            self._forget(before)
        self._index(one)
        self._then[one.id] = one
        self._made.new[sheet] += before is None
        self._made.sites.append(one)

    def _faults(self, one: Site, before: Site | None) -> Iterator[Fault]:
        yield from unfitting(one)
        yield from misplaced(one, self._units.get, self._organisations.get)
        if one.org not in self._organisations:
            yield Fault("org", "not an organisation, neither here nor in the registry", one.org)
        if one.closed_ms is None:
            yield from self._again(one)
        if before is not None:
            yield from self._left_behind(one, before)

    def _again(self, one: Site) -> Iterator[Fault]:
        for id_ in self._by[one.org, one.name]:
            if id_ != one.id:
                yield Fault("name", f"site {id_} of this organisation has this name already", one.name)
                return
        if self._anyway:
            return
        alike = dict.fromkeys(id_ for key in _place_keys(one) for id_ in self._by[key] if id_ != one.id)
        for id_ in alike:
            if is_same_place(one, self._then[id_]):
                said = f"this place is registered already: {described(self._then[id_])}; take it anyway with --anyway"
                yield Fault("plate" if one.plate and self._then[id_].plate else "name", said)
                return

    def _left_behind(self, one: Site, before: Site) -> Iterator[Fault]:
        """A scanner that stands there goes on naming the place as it was when it joined."""
        manned = self._there.manned.get((before.org, before.name), frozenset())
        if manned and (one.org, one.name) != (before.org, before.name):
            yield Fault("name", f"scanners stand there, enrolled at {before.org}, {before.name}: move or revoke them first", one.name)
        if gone := sorted(manned & set(before.gates) - set(one.gates)):
            yield Fault("gate", f"scanners stand at {', '.join(gone)}: move or revoke them first")


def _in_order(first: Iterable[str], then: Iterable[str]) -> tuple[str, ...]:
    """Gates as the registry gives them, each once."""
    return tuple(sorted(dict.fromkeys((*first, *then))))


def _place_keys(one: Site) -> Iterator[Hashable]:
    yield places.place_key(one.name, one.address)
    if one.plate is not None:
        yield places.plate_key(one.plate)


def _keys(one: Site) -> Iterator[Hashable]:
    """By what others may turn out to be the same; of what is closed by nothing."""
    if one.closed_ms is None:
        yield from _place_keys(one)
        yield one.org, one.name


def carry_out(connection: Connection, made: Plan) -> None:
    """Writes what a plan changes; call it in the transaction in which `known` was asked."""
    _put(connection, tables.unit, [units.row_of(one) for one in made.units])
    _put(connection, tables.organisation, [organisations.row_of(one) | {"parent": None} for one in made.organisations])
    _put(connection, tables.organisation, [organisations.row_of(one) for one in made.organisations if one.parent])
    _put(connection, tables.site, [sites.row_of(one) for one in made.sites])
    for at in range(0, len(made.sites), 500):
        ids = [one.id for one in made.sites[at : at + 500]]
        connection.execute(tables.gate.delete().where(tables.gate.c.site.in_(ids)))
    gates = [row for one in made.sites for row in sites.gates_of(one)]
    for at in range(0, len(gates), _AT_ONCE):
        connection.execute(tables.gate.insert(), gates[at : at + _AT_ONCE])


def _put(connection: Connection, table: Table, rows: list[dict[str, object]]) -> None:
    if not rows:
        return
    putting = connection.insert(table)
    putting = putting.on_conflict_do_update(index_elements=["id"], set_={name: putting.excluded[name] for name in rows[0] if name != "id"})
    for at in range(0, len(rows), _AT_ONCE):
        connection.execute(putting, rows[at : at + _AT_ONCE])
