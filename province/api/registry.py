"""The registry for other programs: units, organisations and sites, and registering a site."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement

from province.api.clients import Scope
from province.api.endpoints import Asked, Endpoint, Parameter, Refusal
from province.api.shapes import Name, NewSite, OrganisationShape, SiteShape, UnitShape
from province.base.errors import AlreadyThere, NotAProvince
from province.registry import organisations, sites, units
from province.registry.categories import Category
from province.registry.site import Site, new_site
from province.store.registry_tables import site as table

MOST = 1000
_USUAL = 200
_Limit = Annotated[int, Meta(ge=1, le=MOST)]
AFTER = Parameter("after", Name, "only those whose id comes after this one: the last of the page before")
LIMIT = Parameter("limit", _Limit, f"at most so many; {_USUAL} where it is not said")
ORG = Parameter("org", Name, "only this organisation's")


class Units(msgspec.Struct, frozen=True):
    """All units, each after the one it is part of."""

    units: list[UnitShape]


class Organisations(msgspec.Struct, frozen=True):
    """Organisations, by id."""

    organisations: list[OrganisationShape]


class Sites(msgspec.Struct, frozen=True):
    """A page of sites, by id.

    Attributes:
        next: what to give as `after` for the next page; null after the last.
    """

    sites: list[SiteShape]
    next: str | None


def _units(asked: Asked) -> Units:
    return Units([UnitShape(one.id, one.level, one.name, one.parent, one.closed_ms) for one in units.every(asked.connection)])


def _organisations(asked: Asked) -> Organisations:
    org = asked.for_org()
    found = organisations.every(asked.connection)
    return Organisations([
        OrganisationShape(one.id, one.name, one.unit, one.parent, one.sector, one.closed_ms) for one in found if org in {None, one.id}
    ])  # fmt: skip


def _sites(asked: Asked) -> Sites:
    wanted: list[ColumnElement[bool]] = []
    if (org := asked.for_org()) is not None:
        wanted.append(table.c.org == org)
    if (unit := asked.given.get("unit")) is not None:
        wanted.append(table.c.unit.in_(units.beneath(asked.connection, unit)))
    if (category := asked.given.get("category")) is not None:
        wanted.append(table.c.category == str(category))
    if not asked.given.get("closed", False):
        wanted.append(table.c.closed_ms.is_(None))
    if (after := asked.given.get("after")) is not None:
        wanted.append(table.c.id > after)
    limit = asked.given.get("limit", _USUAL)
    found = sites.page(asked.connection, wanted, limit + 1)
    return Sites([_shape(one) for one in found[:limit]], found[limit - 1].id if len(found) > limit else None)


def _site(asked: Asked) -> SiteShape:
    found = sites.find(asked.connection, asked.given["site"])
    if found is None or asked.client.org not in {None, found.org}:
        raise Refusal(404, f"no site {asked.given['site']}")
    return _shape(found)


def _register(asked: Asked) -> SiteShape:
    new: NewSite = asked.body
    try:
        one = new_site(
            new.id, new.org, new.name, new.category, new.address, new.gates, unit=new.unit, plate=new.plate, route=new.route,
            begins_ms=new.begins_ms, ends_ms=new.ends_ms, monitored_by=new.monitored_by, registered_ms=asked.now_ms,
        )  # fmt: skip
        sites.add(asked.connection, asked.layout.register, one, anyway=new.anyway)
    except AlreadyThere as error:
        raise Refusal(409, str(error)) from None
    except NotAProvince as error:
        raise Refusal(422, str(error)) from None
    return _shape(one)


def _shape(one: Site) -> SiteShape:
    return SiteShape(
        one.id, one.org, one.name, one.category, one.address, list(one.gates), one.unit, one.plate, one.route, one.begins_ms, one.ends_ms,
        one.registered_ms, one.closed_ms, one.monitored_by, one.code,
    )  # fmt: skip


ENDPOINTS = (
    Endpoint("GET", "/units", "Administrative units: the province, its districts, their communes.", Scope.REGISTRY_READ, Units, _units),
    Endpoint("GET", "/organisations", "Organisations.", Scope.REGISTRY_READ, Organisations, _organisations, (ORG,)),
    Endpoint(
        "GET", "/sites", "Registered places, a page at a time.", Scope.REGISTRY_READ, Sites, _sites,
        (
            ORG, Parameter("unit", Name, "only those in this unit and what is part of it"),
            Parameter("category", Category, "only of this kind"), Parameter("closed", bool, "also those that are no more"), AFTER, LIMIT,
        ),
    ),
    Endpoint(
        "GET", "/sites/{site}", "One registered place.", Scope.REGISTRY_READ, SiteShape, _site,
        (Parameter("site", Name, "its id", in_path=True),), refusals={404: "there is none, or it is another organisation's"},
    ),
    Endpoint(
        "POST", "/sites", "Registers a place. The same place is registered once.", Scope.REGISTRY_WRITE, SiteShape, _register,
        takes=NewSite, status=201, refusals={
            409: "its id is taken, or the place is registered already; `detail` names which",
            422: "a place of this kind cannot be so, or what it names is not registered; `detail` says what",
        },
    ),
)  # fmt: skip
