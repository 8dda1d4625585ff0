"""Makes reports of what stands in the register: surveys it, sets the forms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from province.base.errors import NotAProvince
from province.registry import organisations, sites, units
from province.registry.organisations import Organisation, Sector
from province.registry.site import Site
from province.registry.units import Unit
from province.reports import rollup
from province.reports.appendices import form_of
from province.reports.counting import Names, Survey, Tally, added, counts, look
from province.reports.form import Document
from province.reports.wording import order
from province.store.opened import Connection


@dataclass(frozen=True, slots=True)
class Registry:
    """What is registered, by id."""

    units: Mapping[str, Unit]
    organisations: Mapping[str, Organisation]
    sites: Mapping[str, Site]


def registry(connection: Connection) -> Registry:
    """All of it."""
    return Registry(
        {one.id: one for one in units.every(connection)}, {one.id: one for one in organisations.every(connection)},
        {one.id: one for one in sites.every(connection)},
    )  # fmt: skip


def reporting(known: Survey) -> list[Organisation]:
    """The organisations that report on a form, by name."""
    return those_reporting(known.organisations.values())


def reporters(connection: Connection) -> list[Organisation]:
    """The same, of a register."""
    return those_reporting(organisations.every(connection))


def those_reporting(every: Iterable[Organisation]) -> list[Organisation]:
    """Of some organisations those that report on a form, by name."""
    found = [one for one in every if one.sector is not Sector.OTHER and one.closed_ms is None]
    return sorted(found, key=lambda one: (order(one.name), one.id))


def survey(connection: Connection, day: date, asked_ms: int, first: date | None = None) -> Survey:
    """The province on a day, or on the days from `first` to it.

    Raises:
        NotAProvince: it is not over, or so long ago that days are not told apart any more.
    """
    try:
        found = look(connection, day, asked_ms, first)
    except ValueError as error:
        raise NotAProvince(f"--day {error}.") from None
    if found.end_ms > asked_ms:
        raise NotAProvince(f"--day {day}: is not over yet; a report counts until 24:00 of its day.")
    return found


def of_organisation(known: Survey, organisation: str) -> Document:
    """An organisation's form.

    Raises:
        NotAProvince: there is no such organisation, or it reports on none.
    """
    one = known.organisations.get(organisation)
    if one is None or one.sector is Sector.OTHER:
        raise NotAProvince(f"organisation {organisation!r}: reports on no form. See `gate-province org list`, column sector.")
    return form_of(known, one)


def of_week(connection: Connection, last: date, asked_ms: int) -> Document:
    """The report of the seven days that end with one.

    Raises:
        NotAProvince: as `survey`.
    """
    first = last - timedelta(days=6)
    known = survey(connection, last, asked_ms, first)
    return rollup.weekly(known, dict(by_day(connection, known, first)))


def by_day(connection: Connection, known: Survey, first: date) -> Iterator[tuple[date, Tally]]:
    """How many passed at registered sites on each day from `first` to the survey's."""
    names = Names(known.sites.values())
    for days in range((known.day - first).days + 1):
        day = first + timedelta(days=days)
        there, _elsewhere = names.gather(counts(connection, day, day))
        yield day, added(there.values())
