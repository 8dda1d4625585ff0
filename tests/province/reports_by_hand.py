"""What each cell of a form must say, counted one by one from lists: nothing of the code under test but the registry's types."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from reports_world import DAY, DAY_MS, Province, midnight_ms

from province.registry.organisations import Organisation
from province.registry.site import Site
from province.registry.units import Unit

Row = tuple[Any, ...]
END_MS = midnight_ms(DAY) + DAY_MS


def alphabetical(name: str) -> list[Any]:
    plain = "".join(c for c in unicodedata.normalize("NFD", name.lower().replace("đ", "d")) if not unicodedata.combining(c))
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", plain)]


@dataclass
class ByHand:
    """The forms of a province."""

    province: Province

    def open(self, site: Site) -> bool:
        ended = (site.closed_ms is not None and site.closed_ms <= END_MS) or (site.ends_ms is not None and site.ends_ms <= END_MS)
        return site.registered_ms < END_MS and not ended

    def declared(self, sites: Iterable[Site], *, paper: bool) -> int:
        count = 0
        for site in sites:
            for one in self.province.passed:
                here = (one.org, one.site) == (site.org, site.name) and one.day <= DAY
                if here and one.direction == "in" and one.status == "registered" and (paper or one.method != "paper"):
                    count += 1
        return count

    def told(self, subject: str, figure: str) -> int | None:
        for one in reversed(self.province.told):
            if one.subject == subject and one.figure == figure and one.day <= DAY:
                return one.value
        return None

    def where(self, site: Site) -> str | None:
        owner = next(one for one in self.province.organisations if one.id == site.org)
        return site.unit or owner.unit

    def family(self, head: Organisation) -> list[Organisation]:
        found = [head]
        children = [one for one in self.province.organisations if one.parent == head.id and one.sector == "other"]
        for child in sorted(children, key=lambda one: alphabetical(one.name)):
            found.extend(self.family(child))
        return found

    def of(self, organisation: Organisation) -> list[Site]:
        return [one for one in self.province.sites if one.org == organisation.id]

    def agency(self, one: Organisation, but: Iterable[Site] = ()) -> Row:
        places = [site for site in self.of(one) if site not in but]
        return one.name, "X" if any(map(self.open, places)) else "", self.told(one.id, "app-installs"), self.declared(places, paper=True)

    def first(self, head: Organisation) -> list[Row]:
        return totalled(numbered(self.agency(one) for one in self.family(head)))

    def second(self, head: Organisation) -> list[Row]:
        watched = [one for one in self.province.sites if one.monitored_by == head.id and self.open(one)]
        watched.sort(key=lambda one: alphabetical(one.name))
        places = [(one.name, "X", self.told(one.id, "app-installs"), self.declared([one], paper=True)) for one in watched]
        rows = [
            ("I", "Trụ sở và các đơn vị trực thuộc", "", None, None), *numbered(self.agency(one, watched) for one in self.family(head)),
            ("II", "Các cơ sở được phân công theo dõi", "", None, None), *numbered(places),
        ]  # fmt: skip
        return totalled(rows)

    def communes(self, district: str | None) -> list[Unit]:
        return sorted((one for one in self.province.units if one.parent == district), key=lambda one: alphabetical(one.name))

    def third(self, head: Organisation) -> tuple[list[Row], int, list[Row]]:
        communes = self.communes(head.unit)
        area = {head.unit, *(one.id for one in communes)}
        here = [one for one in self.province.sites if self.where(one) in area]
        offices = [one for one in here if one.category == "commune-office"]
        family = self.family(head)
        wardens = [one for one in family[1:] if one.name.startswith("UBND") or any(site.org == one.id for site in offices)]

        def office(commune: Unit) -> Row:
            own = [one for one in offices if self.where(one) == commune.id]
            alone = {site.org for site in own if {self.where(other) for other in offices if other.org == site.org} == {commune.id}}
            whose = [one for one in family if one.id in alone or (one.unit == commune.id and one.name.startswith("UBND"))]
            known = [value for one in whose if (value := self.told(one.id, "app-installs")) is not None]
            name = "UBND " + commune.name[0].lower() + commune.name[1:]
            return name, "X" if any(map(self.open, own)) else "", sum(known) if known else None, self.declared(own, paper=False)

        def lines(category: str) -> list[Site]:
            return sorted((one for one in here if one.category == category and self.open(one)), key=lambda one: alphabetical(one.name))

        def place(site: Site) -> Row:
            return site.name, "X", self.told(site.id, "app-installs"), self.declared([site], paper=False)

        alone = [*offices, *lines("market"), *lines("housing")]

        def agency(one: Organisation) -> Row:
            own = [site for site in self.of(one) if site not in alone]
            return one.name, "X" if any(map(self.open, own)) else "", self.told(one.id, "app-installs"), self.declared(own, paper=False)

        rows = [
            ("I", "Trụ sở UBND xã, phường, thị trấn", "", None, None), *numbered(map(office, communes)),
            ("II", "Trụ sở Các cơ quan chuyên môn", "", None, None),
            *numbered(agency(one) for one in family if one is head or one not in wardens),
            ("III", "Các chợ đầu mối, chợ dân sinh", "", None, None), *numbered(map(place, lines("market"))),
            ("IV", "Các chung cư", "", None, None), *numbered(map(place, lines("housing"))),
        ]  # fmt: skip
        others = [
            one for one in here
            if self.open(one) and one not in alone and one.monitored_by is None and self.answers_to(one.org) in {None, head.id}
            and not any(one.org == member.id for member in family)
        ]  # fmt: skip
        second: list[tuple[int, str, int | None, int | None, int]] = [
            (number, one.name, self.told(one.id, "population"), self.told(one.id, "app-installs"),
             self.declared([site for site in here if self.where(site) == one.id], paper=True))
            for number, one in enumerate(communes, 1)
        ]  # fmt: skip
        sums = [sum_of([row[2] for row in second]), sum_of([row[3] for row in second])]
        return totalled(rows), len(others), [*second, ("", "Tổng", *sums, sum(row[4] for row in second))]

    def answers_to(self, organisation: str) -> str | None:
        one = next(one for one in self.province.organisations if one.id == organisation)
        if one.sector != "other":
            return one.id
        return None if one.parent is None else self.answers_to(one.parent)


def numbered(rows: Iterable[Row]) -> list[Row]:
    return [(number, *row) for number, row in enumerate(rows, 1)]


def sum_of(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def totalled(rows: list[Row]) -> list[Row]:
    lines = [row for row in rows if isinstance(row[0], int)]
    count: Callable[[int], int | None] = lambda column: sum_of(row[column] for row in lines)  # noqa: E731
    return [*rows, ("", "Tổng", sum(row[2] == "X" for row in lines), count(3), count(4) or 0)]
