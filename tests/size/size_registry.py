"""Fills the registry of a synthetic province: units, organisations, sites with their gates, scanners with the synthetic keys.

One site in twenty is registered and has no passage at all: reports look for such.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from size_living import Place
from size_world import World

from province.registry import organisations, sites, units
from province.registry.categories import Category
from province.registry.devices import ACTIVE, Device, put
from province.registry.organisations import Organisation, Sector
from province.registry.site import Site, new_site
from province.registry.units import Level, Unit
from province.store import database
from province.store.registry_tables import gate, organisation, site, unit

PROVINCE = "46"
_DISTRICTS, _COMMUNES = 9, 16  # each so many communes
_SILENT = 20
_DAY_MS = 86_400_000
_WATCHED_BY = {Category.HOSPITAL: "so-y-te", Category.SCHOOL: "so-gddt", Category.VEHICLE: "so-gtvt", Category.FACTORY: "ban-kkt"}
_WATCHING = {
    "so-y-te": "Sở Y tế",
    "so-gddt": "Sở Giáo dục và Đào tạo",
    "so-gtvt": "Sở Giao thông vận tải",
    "ban-kkt": "Ban Quản lý khu kinh tế",
}
_DEPARTMENTS = {"so-nv": "Sở Nội vụ", "so-tttt": "Sở Thông tin và Truyền thông", "so-ct": "Sở Công Thương"}


def commune_of(number: int) -> str:
    """In which commune a site or organisation of this number is."""
    return f"xa-{number % (_DISTRICTS * _COMMUNES) + 1}"


def register(world: World) -> None:
    """Enters all of them in one transaction."""
    with world.register() as connection, database.transaction(connection, world.layout.register):
        connection.execute(sa.insert(unit), [units.row_of(one) for one in _units()])
        connection.execute(sa.insert(organisation), [organisations.row_of(one) for one in _organisations(world)])
        registered = list(_sites(world))
        connection.execute(sa.insert(site), [sites.row_of(one) for one in registered])
        connection.execute(sa.insert(gate), [row for one in registered for row in sites.gates_of(one)])
        for number, one in enumerate(world.rows.scanners, 1):
            put(connection, Device(one.name, one.site, one.gate, one.key.public_key(), str(number), ACTIVE, world.rows.starts_ms))


def _units() -> Iterator[Unit]:
    yield units.unit(PROVINCE, Level.PROVINCE, "Tỉnh tổng hợp")
    for district in range(1, _DISTRICTS + 1):
        yield units.unit(f"huyen-{district}", Level.DISTRICT, f"Huyện {district}", PROVINCE)
    for commune in range(_DISTRICTS * _COMMUNES):
        yield units.unit(f"xa-{commune + 1}", Level.COMMUNE, f"Xã {commune + 1}", f"huyen-{commune % _DISTRICTS + 1}")


def _organisations(world: World) -> Iterator[Organisation]:
    for id_, name in _WATCHING.items():
        yield organisations.organisation(id_, name, PROVINCE, None, Sector.MONITORING)
    for id_, name in _DEPARTMENTS.items():
        yield organisations.organisation(id_, name, PROVINCE, None, Sector.DEPARTMENT)
    for district in range(1, _DISTRICTS + 1):
        yield organisations.organisation(f"ubnd-{district}", f"UBND Huyện {district}", f"huyen-{district}", None, Sector.DISTRICT)
    for number, id_ in enumerate(sorted({place.org for place in world.places})):
        yield organisations.organisation(id_, f"Công ty {number + 1}", commune_of(number))


def _sites(world: World) -> Iterator[Site]:
    for place in world.places:
        yield _site(world, place, place.name)
    for place in world.places[::_SILENT]:
        yield _site(world, place, f"{place.name} B")


def _site(world: World, place: Place, name: str) -> Site:
    silent = name != place.name
    vehicle = place.category is Category.VEHICLE
    return new_site(
        f"site-{place.number + 1}{'-b' if silent else ''}", place.org, name, place.category, f"{place.number + 1} Đường Số 1", place.gates,
        unit=commune_of(place.number), plate=f"75{'C' if silent else 'B'}-{place.number % 100_000:05}" if vehicle else None,
        route=f"Tuyến {place.number % 40 + 1}" if vehicle else None, monitored_by=_WATCHED_BY.get(place.category),
        registered_ms=world.rows.starts_ms + ((14 if silent else 0) - place.number * 7 % 60) * _DAY_MS,
    )  # fmt: skip
