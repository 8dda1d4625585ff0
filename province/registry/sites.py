"""The places that have scanners, and their gates. The smallest registry that works; boards and reports will want more of it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import insert, select

from edge_agent.wire.entry import NAME_CHARACTERS
from edge_agent.wire.topics import NAME_RULE, PROVINCE, is_name
from province.base.errors import AlreadyThere, NotAProvince
from province.store import schema
from province.store.database import transaction
from province.store.opened import Connection, Row

ADDRESS_CHARACTERS = 200


class Category(StrEnum):
    """What kind of place it is, after the province's plan of 2021 (places of business, work and leisure; places of service; vehicles)."""

    MARKET = "market"
    SHOP = "shop"
    OFFICE = "office"
    FACTORY = "factory"
    LEISURE = "leisure"
    HOSPITAL = "hospital"
    HOUSING = "housing"
    SCHOOL = "school"
    STATION = "station"
    VEHICLE = "vehicle"
    WORSHIP = "worship"
    EVENT = "event"
    CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True)
class Site:
    """A place.

    Attributes:
        id: its short name, unique in the province; like an organisation's.
        org: whose it is.
        name: for people.
        gates: its doors, by name.

    Raises:
        ValueError: a part cannot be.
    """

    id: str
    org: str
    name: str
    category: Category
    address: str
    gates: tuple[str, ...]

    def __post_init__(self) -> None:
        for option, text in (("--id", self.id), ("--org", self.org)):
            if not is_name(text) or text == PROVINCE:
                raise ValueError(f"{option} {text!r}: must be {NAME_RULE}, and not {PROVINCE!r}")
        if not self.gates or len(set(self.gates)) != len(self.gates):
            raise ValueError("--gate: at least one, each once")
        for option, text, most in (
            ("--name", self.name, NAME_CHARACTERS),
            ("--address", self.address, ADDRESS_CHARACTERS),
            *(("--gate", gate, NAME_CHARACTERS) for gate in self.gates),
        ):
            if not 1 <= len(text) <= most or not text.isprintable():
                raise ValueError(f"{option}: must be 1 to {most} printable characters")


def site(id_: str, org: str, name: str, category: Category, address: str, gates: tuple[str, ...]) -> Site:
    """A site, its texts in one Unicode form (NFC).

    Raises:
        NotAProvince: a part cannot be.
    """
    name, address, *doors = (unicodedata.normalize("NFC", text) for text in (name, address, *gates))
    try:
        return Site(id_, org, name, category, address, tuple(doors))
    except ValueError as error:
        raise NotAProvince(f"{error}.") from None


def add(connection: Connection, path: Path, one: Site) -> None:
    """Adds a site.

    Raises:
        AlreadyThere: its id is taken.
        RegisterBusy: the database cannot take it now.
    """
    with transaction(connection, path):
        if find(connection, one.id) is not None:
            raise AlreadyThere(f"site {one.id} is there already. Choose another --id, or see `gate-province site list`.")
        row = {"id": one.id, "org": one.org, "name": one.name, "category": str(one.category), "address": one.address}
        connection.execute(insert(schema.site), row)
        connection.execute(insert(schema.gate), [{"site": one.id, "name": gate} for gate in one.gates])


def find(connection: Connection, id_: str) -> Site | None:
    """A site by its id, or None."""
    row = connection.row(select(schema.site).where(schema.site.c.id == id_))
    return None if row is None else _site(connection, row)


def every(connection: Connection) -> list[Site]:
    """All sites, by id."""
    return [_site(connection, row) for row in connection.rows(select(schema.site).order_by(schema.site.c.id))]


def _site(connection: Connection, row: Row) -> Site:
    gates = connection.rows(select(schema.gate.c.name).where(schema.gate.c.site == row["id"]).order_by(schema.gate.c.name))
    return Site(row["id"], row["org"], row["name"], Category(row["category"]), row["address"], tuple(gate["name"] for gate in gates))


def gate_of(connection: Connection, id_: str, gate: str) -> tuple[Site, str]:
    """A site and one of its gates.

    Raises:
        NotAProvince: there is no such site, or it has no such gate.
    """
    one = find(connection, id_)
    if one is None:
        raise NotAProvince(f"--site {id_!r}: not a site. Add it: gate-province site add, or see `gate-province site list`.")
    wanted = unicodedata.normalize("NFC", gate)
    if wanted not in one.gates:
        raise NotAProvince(f"--gate {gate!r}: site {id_} has no such gate. It has: {', '.join(one.gates)}.")
    return one, wanted
