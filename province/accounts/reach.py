"""Holds an account's reach against the registry: what it names is there, a full view is for special sites alone; and says it in names."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

from province.accounts.account import Account, Role, Unfit
from province.registry import organisations, sites, units
from province.registry.categories import SPECIAL
from province.store import registry_tables as tables
from province.store import schema
from province.store.opened import Connection

_AT_ONCE = 500  # values of one question


def check(connection: Connection, one: Account) -> None:
    """Makes sure that an account may be given this reach.

    Raises:
        Unfit: something of it is not in the registry, is closed, or is no special site.
    """
    for id_ in sorted(one.sites):
        site = sites.find(connection, id_)
        if site is None or site.closed_ms is not None:
            raise Unfit(
                "no-site", f"--site {id_!r}: not a site that is open. Add it: gate-province site add, or see `gate-province site list`."
            )
        if one.role is Role.SPECIAL and site.category not in SPECIAL:
            raise Unfit(
                "not-special", f"--site {id_!r}: is {site.category}. Only {', '.join(sorted(SPECIAL))} may see all; a keeper sees masked."
            )
    if one.unit is not None:
        unit = units.find(connection, one.unit)
        if unit is None or unit.closed_ms is not None:
            raise Unfit("no-unit", f"--unit {one.unit!r}: not a unit of the registry. See `gate-province unit list`.")
    if one.org is not None and not _is_organisation(connection, one.org):
        raise Unfit("no-org", f"--org {one.org!r}: not an organisation of the registry. See `gate-province org list`.")


def names(connection: Connection, some: Collection[Account]) -> dict[str, str]:
    """How far accounts reach, in the registry's names, by the account; empty for the whole province. What is not registered has its id."""
    known: dict[tuple[str, str], str] = {}
    for kind, table, wanted in (
        ("site", tables.site, {id_ for one in some for id_ in one.sites}),
        ("unit", tables.unit, {one.unit for one in some}),
        ("org", tables.organisation, {one.org for one in some}),
    ):
        ids = sorted(id_ for id_ in wanted if id_ is not None)
        for at in range(0, len(ids), _AT_ONCE):
            query = select(table.c.id, table.c.name).where(table.c.id.in_(ids[at : at + _AT_ONCE]))
            known |= {(kind, row["id"]): row["name"] for row in connection.rows(query)}

    def said(kind: str, id_: str | None) -> str:
        return known.get((kind, id_ or ""), id_ or "")

    def reach(one: Account) -> str:
        if one.sites:
            return ", ".join(sorted(said("site", id_) for id_ in one.sites))
        return " · ".join(each for each in (said("unit", one.unit), said("org", one.org)) if each)

    return {one.id: reach(one) for one in some}


def _is_organisation(connection: Connection, id_: str) -> bool:
    """In the registry, or one that has scanners without being there."""
    return organisations.find(connection, id_) is not None or connection.has(select(schema.device.c.org).where(schema.device.c.org == id_))
