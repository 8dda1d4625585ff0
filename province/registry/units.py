"""The administrative units: the province, its districts, their communes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from sqlalchemy import func, insert, select, update

from edge_agent.wire.entry import NAME_CHARACTERS
from province.base.errors import AlreadyThere, NotAProvince
from province.registry.texts import Fault, Faulty, refuse, tidy, unnameable, unreadable
from province.store.database import transaction
from province.store.opened import Connection, Row
from province.store.registry_tables import site as site_table
from province.store.registry_tables import unit as table


class Level(StrEnum):
    """Of which level a unit is."""

    PROVINCE = "province"
    DISTRICT = "district"
    COMMUNE = "commune"


# A commune may stand under the province itself: since 1 July 2025 there are no districts (Law 72/2025/QH15).
_ABOVE = {
    Level.PROVINCE: frozenset[Level](),
    Level.DISTRICT: frozenset({Level.PROVINCE}),
    Level.COMMUNE: frozenset({Level.PROVINCE, Level.DISTRICT}),
}
# Of official codes: province, district, commune (Decision 124/2004/QĐ-TTg)
_CODE_WIDTHS = (2, 3, 5)


@dataclass(frozen=True, slots=True)
class Unit:
    """An administrative unit.

    Attributes:
        id: its short name or official number, unique in the province.
        name: for people.
        parent: the unit it is a part of; None for the province.
        closed_ms: since when there is no such unit any more, milliseconds since 1970 UTC.

    Raises:
        Faulty: a part cannot be.
    """

    id: str
    level: Level
    name: str
    parent: str | None = None
    closed_ms: int | None = None

    def __post_init__(self) -> None:
        refuse(self._faults())

    def _faults(self) -> Iterator[Fault]:
        yield from unnameable("id", self.id, reserved=False)
        yield from unreadable("name", self.name, NAME_CHARACTERS)
        if (self.parent is None) != (self.level is Level.PROVINCE):
            yield Fault("parent", "a province has none" if self.parent else f"a {self.level} is part of a unit; name it", self.parent)


def unit(id_: str, level: Level, name: str, parent: str | None = None) -> Unit:
    """A unit, its name in one Unicode form.

    Raises:
        NotAProvince: a part cannot be.
    """
    try:
        return Unit(id_, level, tidy(name), parent)
    except Faulty as error:
        raise NotAProvince(f"{error}.") from None


def unknown(id_: str, find: Callable[[str], object | None]) -> str:
    """What to say of an id that no unit has. Of official codes a spreadsheet that takes them for numbers loses the first nought.

    Example:
        >>> unknown("2647", {"02647": "Phường Cốc Lếu"}.get)
        'not a unit; 02647 is: write it with its nought, in a column of text'
    """
    whole = next((padded for width in _CODE_WIDTHS if id_.isdecimal() and (padded := id_.zfill(width)) != id_ and find(padded)), None)
    return "not a unit" if whole is None else f"not a unit; {whole} is: write it with its nought, in a column of text"


def misplaced(one: Unit, find: Callable[[str], Unit | None]) -> Iterator[Fault]:
    """What is wrong with where a unit stands.

    Args:
        one: the unit.
        find: the registered unit of an id.
    """
    if one.parent is None:
        return
    parent = find(one.parent)
    if parent is None:
        yield Fault("parent", unknown(one.parent, find), one.parent)
    elif parent.level not in _ABOVE[one.level]:
        allowed = " or a ".join(sorted(_ABOVE[one.level], reverse=True))
        yield Fault("parent", f"is a {parent.level}; a {one.level} is part of a {allowed}", one.parent)


def add(connection: Connection, path: Path, one: Unit) -> None:
    """Adds a unit.

    Raises:
        AlreadyThere: its id is taken.
        NotAProvince: its parent cannot be.
        RegisterBusy: the database cannot take it now.
    """
    with transaction(connection, path):
        if find(connection, one.id) is not None:
            raise AlreadyThere(f"unit {one.id} is there already. Choose another --id, or see `gate-province unit list`.")
        try:
            refuse(misplaced(one, partial(find, connection)))
        except Faulty as error:
            raise NotAProvince(f"{error}. See `gate-province unit list`.") from None
        connection.execute(insert(table), row_of(one))


def row_of(one: Unit) -> dict[str, object]:
    """A unit as its table has it."""
    return {"id": one.id, "level": str(one.level), "name": one.name, "parent": one.parent, "closed_ms": one.closed_ms}


def _unit(row: Row) -> Unit:
    return Unit(row["id"], Level(row["level"]), row["name"], row["parent"], row["closed_ms"])


def find(connection: Connection, id_: str) -> Unit | None:
    """A unit by its id, or None."""
    row = connection.row(select(table).where(table.c.id == id_))
    return None if row is None else _unit(row)


def every(connection: Connection) -> list[Unit]:
    """All units, each after the one it is part of, then by id."""
    known = [_unit(row) for row in connection.rows(select(table).order_by(table.c.id))]
    order = list(Level)
    return sorted(known, key=lambda one: order.index(one.level))


def beneath(connection: Connection, id_: str) -> frozenset[str]:
    """The ids of a unit and of all that are part of it."""
    start = select(table.c.id).where(table.c.id == id_).cte("beneath", recursive=True)
    both = start.union_all(select(table.c.id).where(table.c.parent == start.c.id))
    return frozenset(row["id"] for row in connection.rows(select(both.c.id)))


def path_of(known: Iterable[Unit], id_: str | None) -> tuple[Unit, ...]:
    """A unit and those it is part of, the smallest first; empty when it is not known."""
    by_id = {one.id: one for one in known}
    found: list[Unit] = []
    while id_ is not None and (one := by_id.get(id_)) is not None:
        found.append(one)
        id_ = one.parent
    return tuple(found)


def close(connection: Connection, path: Path, id_: str, at_ms: int | None) -> None:
    """Notes since when a unit is no more, or with None that it is; what is registered in it must have gone to another first.

    Raises:
        NotAProvince: there is no such unit, or something open is in it.
        RegisterBusy: not now.
    """
    with transaction(connection, path):
        if find(connection, id_) is None:
            raise NotAProvince(f"unit {id_!r}: is not there. See `gate-province unit list`.")
        within = connection.value(select(func.count()).select_from(table).where(table.c.parent == id_, table.c.closed_ms.is_(None)))
        open_site = (site_table.c.unit == id_) & site_table.c.closed_ms.is_(None)
        places = connection.value(select(func.count()).select_from(site_table).where(open_site))
        if at_ms is not None and (within or places):
            raise NotAProvince(
                f"unit {id_}: {within} open units and {places} open sites are part of it. Register them elsewhere first: "
                "gate-province registry import."
            )
        connection.execute(update(table).where(table.c.id == id_).values(closed_ms=at_ms))
