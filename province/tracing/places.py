"""What the registry knows of the places that scanners name: their kind, where they are, whose they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import bindparam, or_, select

from province.registry import units
from province.registry.units import Level
from province.store import registry_tables as tables
from province.store.opened import Connection
from province.tracing.finding import Place

_SITES = select(tables.site).where(
    tables.site.c.org.in_(bindparam("orgs", expanding=True)),
    or_(tables.site.c.name.in_(bindparam("names", expanding=True)), tables.site.c.id.in_(bindparam("names", expanding=True))),
)


@dataclass(frozen=True, slots=True)
class About:
    """A place.

    Attributes:
        name: for people.
        category: what kind of place, None where the registry does not know it.
        district: its name, empty where nobody knows; `commune` likewise.
    """

    name: str
    category: str | None = None
    address: str = ""
    district: str = ""
    commune: str = ""


def about(connection: Connection, places: Iterable[Place]) -> dict[Place, About]:
    """What is known of some places; of one that is not registered, what scanners call it."""
    wanted = set(places)
    known: dict[Place, About] = {}
    if wanted:
        values = {"orgs": sorted({place.org for place in wanted}), "names": sorted({place.site for place in wanted})}
        known_units = units.every(connection)
        for row in connection.rows(_SITES, values):
            named = {unit.level: unit.name for unit in units.path_of(known_units, row["unit"])}
            where = named.get(Level.DISTRICT, ""), named.get(Level.COMMUNE, "")
            found = About(row["name"], row["category"], row["address"], *where)
            known |= {Place(row["org"], row["id"]): found, Place(row["org"], row["name"]): found}
    return {place: known.get(place, About(place.site)) for place in wanted}
