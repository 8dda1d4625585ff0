"""What the registry knows of the places that scanners name: their kind, where they are, whose they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import bindparam, or_, select

from province.store import schema
from province.store.opened import Connection
from province.tracing.finding import Place

_SITES = select(schema.site).where(
    schema.site.c.org.in_(bindparam("orgs", expanding=True)),
    or_(schema.site.c.name.in_(bindparam("names", expanding=True)), schema.site.c.id.in_(bindparam("names", expanding=True))),
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
        for row in connection.rows(_SITES, values):
            found = About(row["name"], row["category"], row["address"])
            known |= {Place(row["org"], row["id"]): found, Place(row["org"], row["name"]): found}
    return {place: known.get(place, About(place.site)) for place in wanted}
