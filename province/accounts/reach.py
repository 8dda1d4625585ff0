"""Holds an account's reach against the registry: its sites, unit and organisation are there, and a full view is for special sites alone."""

from __future__ import annotations

from sqlalchemy import select

from province.accounts.account import Account, Role, Unfit
from province.registry import organisations, sites, units
from province.registry.categories import SPECIAL
from province.store import schema
from province.store.opened import Connection


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


def _is_organisation(connection: Connection, id_: str) -> bool:
    """In the registry, or one that has scanners without being there."""
    return organisations.find(connection, id_) is not None or connection.has(select(schema.device.c.org).where(schema.device.c.org == id_))
