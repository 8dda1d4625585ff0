"""The organisations: who has sites and scanners, who watches over those of others, and on which form each reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from sqlalchemy import and_, func, insert, or_, select, update

from edge_agent.wire.entry import NAME_CHARACTERS
from province.base.errors import AlreadyThere, NotAProvince
from province.registry import units
from province.registry.texts import Fault, Faulty, refuse, tidy, unnameable, unreadable
from province.store.database import transaction
from province.store.opened import Connection, Row
from province.store.registry_tables import organisation as table
from province.store.registry_tables import site as site_table


class Sector(StrEnum):
    """On which of the documents' forms an organisation reports."""

    DEPARTMENT = "department"  # Phụ lục 1
    MONITORING = "monitoring"  # Phụ lục 2: Health, Education, Transport, the economic zone: with the places they watch
    DISTRICT = "district"  # Phụ lục 3: a district's people's committee
    OTHER = "other"  # on none: it owns sites


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation.

    Attributes:
        id: its short name, unique in the province; the same stands in topics and certificates of its scanners.
        name: for people.
        unit: where it is or, of a people's committee, what it governs; None when that is not known.
        parent: the organisation it is part of.
        closed_ms: since when there is no such organisation any more, milliseconds since 1970 UTC.

    Raises:
        Faulty: a part cannot be.
    """

    id: str
    name: str
    unit: str | None = None
    parent: str | None = None
    sector: Sector = Sector.OTHER
    closed_ms: int | None = None

    def __post_init__(self) -> None:
        refuse(self._faults())

    def _faults(self) -> Iterator[Fault]:
        yield from unnameable("id", self.id)
        yield from unreadable("name", self.name, NAME_CHARACTERS)
        if self.sector is Sector.DISTRICT and self.unit is None:
            yield Fault("unit", "a district's people's committee reports on its district; name it")
        if self.parent == self.id:
            yield Fault("parent", "is the organisation itself", self.parent)


def organisation(id_: str, name: str, unit: str | None = None, parent: str | None = None, sector: Sector = Sector.OTHER) -> Organisation:
    """An organisation, its name in one Unicode form.

    Raises:
        NotAProvince: a part cannot be.
    """
    try:
        return Organisation(id_, tidy(name), unit, parent, sector)
    except Faulty as error:
        raise NotAProvince(f"{error}.") from None


def misplaced(one: Organisation, find_unit: Callable[[str], object | None], find: Callable[[str], Organisation | None]) -> Iterator[Fault]:
    """What is wrong with where an organisation stands.

    Args:
        one: the organisation.
        find_unit: the registered unit of an id.
        find: the registered organisation of an id.
    """
    if one.unit is not None and find_unit(one.unit) is None:
        yield Fault("unit", units.unknown(one.unit, find_unit), one.unit)
    if one.parent is not None and find(one.parent) is None:
        yield Fault("parent", "not an organisation", one.parent)
    above, seen = one.parent, {one.id}
    while above is not None and (parent := find(above)) is not None:
        if above in seen:
            yield Fault("parent", "is part of this organisation itself", one.parent)
            return
        seen.add(above)
        above = parent.parent


def add(connection: Connection, path: Path, one: Organisation) -> None:
    """Adds an organisation.

    Raises:
        AlreadyThere: its id is taken.
        NotAProvince: its unit or parent is not registered.
        RegisterBusy: the database cannot take it now.
    """
    with transaction(connection, path):
        if find(connection, one.id) is not None:
            raise AlreadyThere(f"organisation {one.id} is there already. Choose another --id, or see `gate-province org list`.")
        try:
            refuse(misplaced(one, partial(units.find, connection), partial(find, connection)))
        except Faulty as error:
            raise NotAProvince(f"{error}. See `gate-province unit list`, `gate-province org list`.") from None
        connection.execute(insert(table), row_of(one))


def row_of(one: Organisation) -> dict[str, object]:
    """An organisation as its table has it."""
    fields = {"id": one.id, "name": one.name, "unit": one.unit, "parent": one.parent}
    return fields | {"sector": str(one.sector), "closed_ms": one.closed_ms}


def ensure(connection: Connection, id_: str) -> None:
    """Adds an organisation that is only known by its id, if it is not there; call it in a transaction."""
    row = row_of(Organisation(id_, id_))
    connection.execute(connection.insert(table).values(row).on_conflict_do_nothing())


def _organisation(row: Row) -> Organisation:
    return Organisation(row["id"], row["name"], row["unit"], row["parent"], Sector(row["sector"]), row["closed_ms"])


def find(connection: Connection, id_: str) -> Organisation | None:
    """An organisation by its id, or None."""
    row = connection.row(select(table).where(table.c.id == id_))
    return None if row is None else _organisation(row)


def every(connection: Connection) -> list[Organisation]:
    """All organisations, by id."""
    return [_organisation(row) for row in connection.rows(select(table).order_by(table.c.id))]


def page(connection: Connection, only: str | None, after: str, most: int) -> list[Organisation]:
    """The first organisations, by id, whose id comes after one; of all, or the one that is named."""
    wanted = table.c.id > after if only is None else and_(table.c.id > after, table.c.id == only)
    return [_organisation(row) for row in connection.rows(select(table).where(wanted).order_by(table.c.id).limit(most))]


def close(connection: Connection, path: Path, id_: str, at_ms: int | None) -> None:
    """Notes since when an organisation is no more, or with None that it is; its sites must be closed first.

    Raises:
        NotAProvince: there is no such organisation, or it has or watches open sites.
        RegisterBusy: not now.
    """
    with transaction(connection, path):
        if find(connection, id_) is None:
            raise NotAProvince(f"organisation {id_!r}: is not there. See `gate-province org list`.")
        its = or_(site_table.c.org == id_, site_table.c.monitored_by == id_) & site_table.c.closed_ms.is_(None)
        if at_ms is not None and (places := connection.value(select(func.count()).select_from(site_table).where(its))):
            raise NotAProvince(f"organisation {id_}: has or watches {places} open sites. Close them, or register them for another, first.")
        connection.execute(update(table).where(table.c.id == id_).values(closed_ms=at_ms))
