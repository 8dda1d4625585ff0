"""Counts the province on a day: what stands in the registry, and how many passed where, that day and ever. Pure, but for `look`.

A day is a civil day in Vietnam, and a report of it is of all that is known of it when it is asked: what arrives later is in the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlalchemy import case, func, select

from province.records import day_counts
from province.records.views import day_bounds_ms
from province.registry import organisations, sites, units
from province.registry.organisations import Organisation
from province.registry.site import Site
from province.registry.texts import CHECKIN
from province.registry.units import Unit
from province.reports import figures
from province.reports.figures import About, Figure, Known
from province.store.opened import Connection
from province.store.report_tables import day_count
from province.store.schema import IS_HELD, entry

Named = tuple[str, str]  # a site as entries name it: the scanner's organisation, and the site's name or id


@dataclass(frozen=True, slots=True)
class Tally:
    """How many passed.

    Attributes:
        read_in: came in, read by a scanner.
        paper_in: came in, declared on paper.
        self_in: came in, by the code of the place with a phone of their own.
        outs: went out, in any way.
    """

    read_in: int = 0
    paper_in: int = 0
    self_in: int = 0
    outs: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.read_in + other.read_in, self.paper_in + other.paper_in, self.self_in + other.self_in, self.outs + other.outs
        )  # fmt: skip

    @property
    def by_code(self) -> int:
        """Declared by a QR code: their own, or the place's."""
        return self.read_in + self.self_in

    @property
    def declared(self) -> int:
        """Declared in any way: everyone who came in."""
        return self.by_code + self.paper_in

    @property
    def passages(self) -> int:
        """In and out."""
        return self.declared + self.outs


NOTHING = Tally()


def added(tallies: Iterable[Tally]) -> Tally:
    """The sum."""
    return sum(tallies, NOTHING)


@dataclass(frozen=True, slots=True)
class Survey:
    """The province as it is known at the end of a day.

    Attributes:
        day: the day; its end is 24:00.
        asked_ms: when this was counted, milliseconds since 1970 UTC.
        units: by id.
        organisations: by id.
        sites: by id, also those that are no more.
        today: how many passed on the day, by site id; sites without any are missing.
        ever: the same of all days until then.
        last_day: when somebody last passed, by site id.
        elsewhere: who passed, on the day, where no registered site is: scanners that stand at a place nobody registered.
        held: entries that wait for a key: of them nobody knows yet what they are.
        figures: what was told and counts on the day.
        owned: sites by whose they are.
    """

    day: date
    asked_ms: int
    units: Mapping[str, Unit]
    organisations: Mapping[str, Organisation]
    sites: Mapping[str, Site]
    today: Mapping[str, Tally]
    ever: Mapping[str, Tally]
    last_day: Mapping[str, date]
    elsewhere: Tally = NOTHING
    held: int = 0
    figures: Known = field(default_factory=dict)
    owned: Mapping[str, list[Site]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        owned: dict[str, list[Site]] = {}
        for site in self.sites.values():
            owned.setdefault(site.org, []).append(site)
        object.__setattr__(self, "owned", owned)

    @property
    def end_ms(self) -> int:
        """24:00 of the day."""
        return day_bounds_ms(self.day)[1]

    @property
    def open_sites(self) -> list[Site]:
        """Registered before the end of the day, and neither closed nor over by then."""
        end_ms = self.end_ms
        return [one for one in self.sites.values() if one.registered_ms < end_ms and not one.is_past(end_ms)]

    def is_open(self, site: Site) -> bool:
        """Whether it is one of those."""
        return site.registered_ms < self.end_ms and not site.is_past(self.end_ms)

    def places_of(self, organisation: str) -> list[Site]:
        """An organisation's own sites, also those that are no more."""
        return self.owned.get(organisation, [])

    @property
    def silent(self) -> list[Site]:
        """Open sites where nobody passed on the day: those where nobody ever did first, then by how long it is since."""
        quiet = [one for one in self.open_sites if one.id not in self.today]
        return sorted(quiet, key=lambda one: (self.last_day.get(one.id, date.min), one.name, one.id))

    def told(self, about: About, subject: str, figure: Figure) -> int | None:
        """A figure, None where nobody told it."""
        return self.figures.get((about, subject, figure))

    def unit_of(self, site: Site) -> str | None:
        """Where a site is: the unit it says, else its organisation's."""
        if site.unit is not None:
            return site.unit
        owner = self.organisations.get(site.org)
        return None if owner is None else owner.unit

    def within(self, unit: str) -> frozenset[str]:
        """The ids of a unit and of all that are part of it."""
        return within(self.units, unit)


def within(units_by_id: Mapping[str, Unit], unit: str) -> frozenset[str]:
    """The ids of a unit and of all that are part of it."""
    found, more = {unit}, [unit]
    children: dict[str, list[str]] = {}
    for one in units_by_id.values():
        if one.parent is not None:
            children.setdefault(one.parent, []).append(one.id)
    while more:
        beneath = children.get(more.pop(), [])
        more += [one for one in beneath if one not in found]
        found.update(beneath)
    return frozenset(found)


class Names:
    """Which site an entry means: a scanner names its organisation and name, of two with one name the open one; a check-in page its id."""

    def __init__(self, known: Iterable[Site]) -> None:
        self._found: dict[Named, str] = {}
        for one in sorted(known, key=lambda one: (one.closed_ms is None, one.closed_ms or 0)):
            self._found[one.org, one.name] = one.id
            self._found[CHECKIN, one.id] = one.id

    def site(self, org: str, name: str) -> str | None:
        """Its id, None when nobody registered it."""
        return self._found.get((org, name))

    def gather(self, counted: Mapping[Named, Tally]) -> tuple[dict[str, Tally], Tally]:
        """Counts by site id, and all of what is at no registered site."""
        found: dict[str, Tally] = {}
        elsewhere = NOTHING
        for (org, name), tally in counted.items():
            if (site := self.site(org, name)) is None:
                elsewhere += tally
            elif tally.passages:
                found[site] = found.get(site, NOTHING) + tally
        return found, elsewhere


def counts(connection: Connection, first: date, last: date) -> dict[Named, Tally]:
    """How many passed between two days, both counted."""
    columns = [func.sum(day_count.c[name]) for name in day_counts.COLUMNS]
    between = day_count.c.day.between(first.isoformat(), last.isoformat())
    query = select(day_count.c.org, day_count.c.site, *columns).where(between)
    rows = connection.execute(query.group_by(day_count.c.org, day_count.c.site))
    return {(org, site): Tally(*map(int, summed)) for org, site, *summed in rows}


def ever(connection: Connection, last: date) -> tuple[dict[Named, Tally], dict[Named, date]]:
    """How many passed until the end of a day, and when somebody last did; of months that are folded, their last day."""
    columns = [func.sum(day_count.c[name]) for name in day_counts.COLUMNS]
    somebody = day_count.c.read_in + day_count.c.paper_in + day_count.c.self_in + day_count.c.outs > 0
    query = select(day_count.c.org, day_count.c.site, func.max(case((somebody, day_count.c.day))), *columns)
    rows = connection.execute(query.where(day_count.c.day <= last.isoformat()).group_by(day_count.c.org, day_count.c.site))
    tallies: dict[Named, Tally] = {}
    days: dict[Named, date] = {}
    for org, site, day, *summed in rows:
        if day is not None:
            tallies[org, site] = Tally(*map(int, summed))
            days[org, site] = _as_day(day)
    return tallies, days


def _as_day(day: str) -> date:
    if len(day) == len("2021-10"):
        year, month = map(int, day.split("-"))
        return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    return date.fromisoformat(day)


def look(connection: Connection, day: date, asked_ms: int, first: date | None = None) -> Survey:
    """The province on a day, or `first` to `day`.

    Args:
        connection: the register.
        day: the last day counted.
        asked_ms: milliseconds since 1970 UTC.
        first: where what `today` counts begins, if not with the day.

    Raises:
        ValueError: of days so long ago only the months are known.
    """
    if (single := day_counts.first_single_day(connection)) > (first or day):
        raise ValueError(f"{first or day}: days before {single} are added up to months; a report made then is still kept")
    known = sites.every(connection)
    names = Names(known)
    today, elsewhere = names.gather(counts(connection, first or day, day))
    tallies, days = ever(connection, day)
    ever_there, _ = names.gather(tallies)
    last: dict[str, date] = {}
    for (org, name), passed in days.items():
        if (site := names.site(org, name)) is not None:
            last[site] = max(passed, last.get(site, date.min))
    return Survey(
        day, asked_ms, {one.id: one for one in units.every(connection)}, {one.id: one for one in organisations.every(connection)},
        {one.id: one for one in known}, today, ever_there, last, elsewhere, _held(connection), figures.known_on(connection, day),
    )  # fmt: skip


def _held(connection: Connection) -> int:
    return int(connection.value(select(func.count()).select_from(entry).where(IS_HELD)))
