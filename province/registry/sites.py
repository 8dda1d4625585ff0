"""How sites are kept: registered, found and closed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from pathlib import Path

from sqlalchemy import ColumnElement, and_, insert, or_, select, update

from province.base.errors import AlreadyThere, NotAProvince
from province.registry import organisations, places, site_codes, units
from province.registry.categories import Category
from province.registry.site import Site, described, is_same_place, misplaced
from province.registry.texts import CHECKIN, Faulty, refuse, tidy
from province.store import registry_tables as tables
from province.store.database import transaction
from province.store.opened import Connection, Row

_AT_ONCE = 500  # values of one question


def add(connection: Connection, path: Path, one: Site, *, anyway: bool = False) -> None:
    """Adds a site, and its organisation if that is not registered yet.

    Args:
        connection: the register.
        path: its file, for messages.
        one: the site.
        anyway: also if the same place seems to be registered already.

    Raises:
        AlreadyThere: its id is taken, or it is a place that is registered.
        NotAProvince: its unit, or who watches over it, is not registered.
        RegisterBusy: the database cannot take it now.
    """
    with transaction(connection, path):
        if find(connection, one.id) is not None:
            raise AlreadyThere(f"site {one.id} is there already. Choose another --id, or see `gate-province site list`.")
        try:
            refuse(misplaced(one, partial(units.find, connection), partial(organisations.find, connection)))
        except Faulty as error:
            raise NotAProvince(f"{error}. See `gate-province unit list --level commune`, `gate-province org list`.") from None
        namesake = named(connection, one.org, one.name)
        if namesake is not None and namesake.closed_ms is None:
            raise AlreadyThere(
                f"organisation {one.org} has a site of this name: {namesake.id}, {namesake.address}. Entries name a site by organisation "
                "and name, so choose another --name, or use that site."
            )
        if not anyway and (same := same_place(connection, one)):
            raise AlreadyThere(_standing(same[0]))
        organisations.ensure(connection, one.org)
        connection.execute(insert(tables.site), row_of(one))
        connection.execute(insert(tables.gate), gates_of(one))


def _standing(there: Site) -> str:
    return (
        f"this place is registered already: {described(there)}. One place has one code: "
        f"use it (gate-province site show DIR {there.id}). If it is another place, add it with --anyway."
    )


def row_of(one: Site) -> dict[str, object]:
    """A site as its table has it."""
    return {
        "id": one.id, "org": one.org, "name": one.name, "category": str(one.category), "address": one.address, "unit": one.unit,
        "plate": one.plate, "route": one.route, "begins_ms": one.begins_ms, "ends_ms": one.ends_ms, "registered_ms": one.registered_ms,
        "closed_ms": one.closed_ms, "monitored_by": one.monitored_by, "code": one.code or site_codes.new(),
        "place_key": places.place_key(one.name, one.address), "plate_key": None if one.plate is None else places.plate_key(one.plate),
    }  # fmt: skip


def gates_of(one: Site) -> list[dict[str, str]]:
    """Its gates as their table has them."""
    return [{"site": one.id, "name": gate} for gate in one.gates]


def same_place(connection: Connection, one: Site) -> list[Site]:
    """Open sites that seem to be the same place as one that is to be registered, by id."""
    alike = tables.site.c.place_key == places.place_key(one.name, one.address)
    if one.plate is not None:
        alike = or_(alike, tables.site.c.plate_key == places.plate_key(one.plate))
    found = _sites(connection, and_(alike, tables.site.c.closed_ms.is_(None), tables.site.c.id != one.id))
    return [there for there in found if is_same_place(one, there)]


def find(connection: Connection, id_: str) -> Site | None:
    """A site by its id, or None."""
    return next(iter(_sites(connection, tables.site.c.id == id_)), None)


def named(connection: Connection, org: str, name: str) -> Site | None:
    """The site that entries and scanners of an organisation mean by a name; of several, one that is open."""
    found = _sites(connection, tables.site.c.org == org, tables.site.c.name == name)
    return min(found, key=lambda one: one.closed_ms is not None, default=None)


def all_names_in_entries(connection: Connection, org: str, name: str) -> tuple[tuple[str, str], ...]:
    """By which organisations and sites the entries of a place go whose scanners say this; of one that is not registered, that alone."""
    found = connection.rows(select(tables.site.c.id).where(tables.site.c.org == org, tables.site.c.name == name))
    return ((org, name), *((CHECKIN, row["id"]) for row in found))


def name_at_scanners(connection: Connection, org: str, site: str) -> tuple[str, str]:
    """An entry's organisation and site as scanners of its place say it: a check-in page names the place by its id."""
    row = connection.row(select(tables.site).where(tables.site.c.id == site)) if org == CHECKIN else None
    return (org, site) if row is None else (row["org"], row["name"])


def with_code(connection: Connection, code: str) -> Site | None:
    """The site of a site code, or None."""
    return next(iter(_sites(connection, tables.site.c.code == code)), None)


def every(
    connection: Connection,
    *,
    within: Collection[str] | None = None,
    org: str | None = None,
    category: Category | None = None,
    closed: bool = True,
) -> list[Site]:
    """Sites, by id.

    Args:
        connection: the register.
        within: only those in these units.
        org: only this organisation's.
        category: only of this kind.
        closed: those too that are no more.
    """
    wanted: list[ColumnElement[bool]] = []
    if org is not None:
        wanted.append(tables.site.c.org == org)
    if category is not None:
        wanted.append(tables.site.c.category == str(category))
    if not closed:
        wanted.append(tables.site.c.closed_ms.is_(None))
    found = _sites(connection, *wanted)
    return found if within is None else [one for one in found if one.unit in within]


def page(connection: Connection, wanted: Iterable[ColumnElement[bool]], most: int) -> list[Site]:
    """The first sites, by id, of which all this holds."""
    rows = connection.rows(select(tables.site).where(*wanted).order_by(tables.site.c.id).limit(most))
    doors = _doors(connection, [row["id"] for row in rows])
    return [_site(row, doors[row["id"]]) for row in rows]


def _sites(connection: Connection, *wanted: ColumnElement[bool]) -> list[Site]:
    rows = connection.rows(select(tables.site).where(*wanted).order_by(tables.site.c.id))
    doors = _doors(connection, [row["id"] for row in rows])
    return [_site(row, doors[row["id"]]) for row in rows]


def _doors(connection: Connection, ids: Sequence[str]) -> dict[str, list[str]]:
    """The gates of each site."""
    found: dict[str, list[str]] = defaultdict(list)
    questions: Iterable[ColumnElement[bool]] = (tables.gate.c.site.in_(ids[at : at + _AT_ONCE]) for at in range(0, len(ids), _AT_ONCE))
    for question in questions:
        for row in connection.rows(select(tables.gate).where(question)):
            found[row["site"]].append(row["name"])
    return found


def _site(row: Row, doors: Sequence[str]) -> Site:
    return Site(
        id=row["id"],
        org=row["org"],
        name=row["name"],
        category=Category(row["category"]),
        address=row["address"],
        gates=tuple(sorted(doors)),  # databases sort letters in ways of their own
        unit=row["unit"],
        plate=row["plate"],
        route=row["route"],
        begins_ms=row["begins_ms"],
        ends_ms=row["ends_ms"],
        registered_ms=row["registered_ms"],
        closed_ms=row["closed_ms"],
        monitored_by=row["monitored_by"],
        code=row["code"],
    )


def close(connection: Connection, path: Path, id_: str, at_ms: int | None) -> Site:
    """Notes since when a place is no more, or with None that it is; returns it as it was.

    Raises:
        NotAProvince: there is no such site.
        AlreadyThere: it cannot be opened again, for another is registered at that place.
        RegisterBusy: not now.
    """
    with transaction(connection, path):
        one = find(connection, id_)
        if one is None:
            raise NotAProvince(f"site {id_!r}: is not there. See `gate-province site list`.")
        if at_ms is None and one.closed_ms is not None and (same := same_place(connection, one)):
            raise AlreadyThere(f"site {id_}: {_standing(same[0])}")
        namesake = named(connection, one.org, one.name) if at_ms is None else None
        if namesake is not None and namesake.id != id_ and namesake.closed_ms is None:
            raise AlreadyThere(
                f"site {id_}: organisation {one.org} has an open site of this name now: {namesake.id}, {namesake.address}. Entries name a "
                "site by organisation and name: close that one, or leave this closed."
            )
        connection.execute(update(tables.site).where(tables.site.c.id == id_).values(closed_ms=at_ms))
    return one


def gate_of(connection: Connection, id_: str, gate: str) -> tuple[Site, str]:
    """A site and one of its gates, for a scanner to stand at.

    Raises:
        NotAProvince: there is no such site, it is closed, or it has no such gate.
    """
    one = find(connection, id_)
    if one is None:
        raise NotAProvince(f"--site {id_!r}: not a site. Add it: gate-province site add, or see `gate-province site list`.")
    if one.closed_ms is not None:
        raise NotAProvince(f"--site {id_!r}: is closed. Open it again: gate-province site close DIR {id_} --undo.")
    wanted = tidy(gate)
    if wanted not in one.gates:
        raise NotAProvince(f"--gate {gate!r}: site {id_} has no such gate. It has: {', '.join(one.gates)}.")
    return one, wanted
