"""How far the province has come: shares of what there is, against the targets of 2021. Pure.

Source: the documents' targets, over 50 % of places by 31 July 2021, 50 to 80 % of people, 100 % of agencies, markets and businesses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from province.registry.categories import Category
from province.registry.organisations import Organisation, Sector
from province.registry.site import Site
from province.registry.units import Level, Unit
from province.reports.counting import NOTHING, Survey, Tally, added
from province.reports.figures import About, Figure
from province.reports.wording import order

TARGETS = (50, 80, 100)  # per cent


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole; the whole is None where nobody knows it.

    Example:
        >>> share = Share(41, 50)
        >>> share.percent, share.reached, Share(3, None).percent, Share(0, 0).reached
        (82.0, 80, None, None)
        >>> Share(99, 50).is_wrong, Share(99, 50).reached
        (True, None)
    """

    part: int
    whole: int | None

    @property
    def percent(self) -> float | None:
        """In per cent, None where the whole is nothing or not known."""
        return 100 * self.part / self.whole if self.whole else None

    @property
    def reached(self) -> int | None:
        """The highest target that is reached, None where none is, or a figure is not right."""
        if self.is_wrong:
            return None
        return max((target for target in TARGETS if self.whole and self.part * 100 >= target * self.whole), default=None)

    @property
    def is_wrong(self) -> bool:
        """Whether the part is more than the whole: a figure that was told is not right."""
        return self.whole is not None and self.part > self.whole


@dataclass(frozen=True, slots=True)
class Coverage:
    """What one unit or one category has come to.

    Attributes:
        id: the unit's or category's.
        name: for people, of a unit; empty of a category.
        registered: open places.
        scanning: of these, where somebody passed on the day.
        today: how many passed on the day.
        ever: and until then.
        places: open places of those that there must be, as somebody told.
        installs: people with the app of all people, as somebody told.
    """

    id: str
    name: str
    registered: int
    scanning: Share
    today: Tally
    ever: Tally
    places: Share
    installs: Share

    @property
    def silent(self) -> int:
        """Open places where nobody passed."""
        return self.registered - self.scanning.part


def whole(survey: Survey) -> Coverage:
    """The province's, or of a survey of a part that part's."""
    tops = [one for one in survey.units.values() if one.parent not in survey.units and one.closed_ms is None]
    return _of(survey, _standing(survey), survey.sites.values(), tops[0] if len(tops) == 1 else None)


def by_unit(survey: Survey) -> list[Coverage]:
    """Of each part of the province, or of the district, and last of the places of which nobody said in which they are."""
    parts = parts_of_province(survey)
    home_of = {unit: one.id for one in parts for unit in survey.within(one.id)}
    lying: dict[str, list[Site]] = {one.id: [] for one in parts}
    nowhere: list[Site] = []
    for site in survey.sites.values():
        home = home_of.get(survey.unit_of(site) or "")
        (nowhere if home is None else lying[home]).append(site)
    there = _standing(survey)
    found = [_of(survey, there, lying[one.id], one) for one in parts]
    return [*found, _of(survey, there, nowhere, None)] if nowhere else found


def parts_of_province(survey: Survey) -> list[Unit]:
    """The districts, and the communes that stand under the province itself; of a survey of one district its communes. By their names."""
    levels = {one.id: one.level for one in survey.units.values()}
    if Level.PROVINCE not in levels.values() and (communes := [one for one in survey.units.values() if one.level is Level.COMMUNE]):
        return sorted(communes, key=lambda one: order(one.name))
    found = [
        one for one in survey.units.values()
        if one.level is Level.DISTRICT or (one.level is Level.COMMUNE and levels.get(one.parent or "") is Level.PROVINCE)
    ]  # fmt: skip
    return sorted(found, key=lambda one: order(one.name))


def by_category(survey: Survey) -> list[Coverage]:
    """Of each kind of place that there is."""
    kinds: dict[Category, list[Site]] = {}
    for site in survey.sites.values():
        kinds.setdefault(site.category, []).append(site)
    there = _standing(survey)
    return [_of(survey, there, kinds[kind], None, str(kind)) for kind in Category if kind in kinds]


def agencies(survey: Survey) -> Share:
    """Organisations that report and all beneath them, of which those with an open place."""
    wanted = [
        one for one in survey.organisations.values() if one.closed_ms is None and reports_on(survey.organisations, one.id) is not None
    ]
    having = {site.org for site in survey.open_sites}
    return Share(sum(one.id in having for one in wanted), len(wanted))


def reports_on(organisations: Mapping[str, Organisation], organisation: str | None) -> str | None:
    """The organisation on whose form another one stands: itself or the nearest above it that reports; None where none does."""
    seen: set[str] = set()
    while organisation is not None and organisation not in seen:
        seen.add(organisation)
        found = organisations.get(organisation)
        if found is None:
            return None
        if found.sector is not Sector.OTHER:
            return organisation
        organisation = found.parent
    return None


def _standing(survey: Survey) -> frozenset[str]:
    return frozenset(one.id for one in survey.open_sites)


def _of(survey: Survey, there: frozenset[str], known: Iterable[Site], unit: Unit | None, id_: str = "") -> Coverage:
    known = list(known)
    standing = [one for one in known if one.id in there]
    places = None if unit is None else total(survey, unit, Figure.PLACES)
    installs = None if unit is None else _installs(survey, unit)
    scanning = sum(one.id in survey.today for one in standing)
    return Coverage(
        id_ or (unit.id if unit else ""), unit.name if unit else "", len(standing), Share(scanning, len(standing)),
        added(survey.today.get(one.id, NOTHING) for one in known), added(survey.ever.get(one.id, NOTHING) for one in known),
        Share(len(standing), places), installs or Share(0, None),
    )  # fmt: skip


def total(survey: Survey, unit: Unit, figure: Figure) -> int | None:
    """A unit's figure: as told of it, else the sum of what was told of its parts; None where it was not told of all of them."""
    if (own := survey.told(About.UNIT, unit.id, figure)) is not None:
        return own
    parts = _parts(survey, unit)
    known = [found for one in parts if (found := total(survey, one, figure)) is not None]
    return sum(known) if known and len(known) == len(parts) else None


def _installs(survey: Survey, unit: Unit) -> Share | None:
    """People with the app of all people: of each place both figures or neither, so that no part is held against another's whole."""
    people, installs = (survey.told(About.UNIT, unit.id, figure) for figure in (Figure.POPULATION, Figure.APP_INSTALLS))
    if people is None and installs is None:
        known = [found for one in _parts(survey, unit) if (found := _installs(survey, one)) is not None]
        return Share(sum(one.part for one in known), sum(one.whole or 0 for one in known)) if known else None
    people = total(survey, unit, Figure.POPULATION) if people is None else people
    installs = total(survey, unit, Figure.APP_INSTALLS) if installs is None else installs
    return None if people is None or installs is None else Share(installs, people)


def _parts(survey: Survey, unit: Unit) -> list[Unit]:
    return [one for one in survey.units.values() if one.parent == unit.id and one.closed_ms is None]
