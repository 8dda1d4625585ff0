"""Units, organisations and sites: what may stand under what, and that a place is registered once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.base.errors import AlreadyThere, NotAProvince
from province.base.layout import Layout
from province.registry import organisations, places, site_codes, sites, units
from province.registry.categories import ONE_OFF, Category, named
from province.registry.organisations import Sector
from province.registry.site import Site, new_site
from province.registry.units import Level
from province.store import database
from province.store.opened import Connection

AT_MS = 1_633_370_000_000
HOUR_MS = 3_600_000
MARKET = new_site("cho-dong-ba", "cho", "Chợ Đông Ba", Category.MARKET, "2 Trần Hưng Đạo", ("Cổng 1",), registered_ms=AT_MS)
PROVINCE, DISTRICT, COMMUNE = (
    units.unit("46", Level.PROVINCE, "Tỉnh Thừa Thiên Huế"),
    units.unit("474", Level.DISTRICT, "Thành phố Huế", "46"),
    units.unit("19789", Level.COMMUNE, "Phường Đông Ba", "474"),
)


@pytest.fixture
def layout(tmp_path: Path, register_in: Callable[[Layout], Layout]) -> Layout:
    """A register alone: nothing here needs keys."""
    made = Layout(tmp_path)
    database.create(made.register)
    return register_in(made)


@pytest.fixture
def connection(layout: Layout) -> Iterator[Connection]:
    with closing(database.connect(layout.register)) as made:
        for one in (PROVINCE, DISTRICT, COMMUNE, units.unit("19790", Level.COMMUNE, "Phường Gia Hội", "474")):
            units.add(made, layout.register, one)
        yield made


def wedding(id_: str, begins_ms: int, name: str = "Đám cưới") -> Site:
    ends_ms = begins_ms + HOUR_MS
    return new_site(id_, id_, name, Category.WEDDING, "12 Lê Lợi", ("Cổng",), begins_ms=begins_ms, ends_ms=ends_ms)


def test_what_was_added_is_found_as_it_was(connection: Connection, layout: Layout) -> None:
    path = layout.register
    health = organisations.organisation("so-y-te", "Sở Y tế", "46", None, Sector.MONITORING)
    organisations.add(connection, path, health)
    bus = new_site(
        "xe-1", "xe-buyt", "Xe 1", Category.VEHICLE, "Bến xe", ["Cửa sau", "Cửa trước"], unit="19789", plate="75b-012.34", route="Tuyến 8",
        monitored_by="so-y-te", registered_ms=AT_MS,
    )  # fmt: skip
    for one in (bus, wedding("cuoi-1", AT_MS), MARKET):
        sites.add(connection, path, one)
        assert sites.find(connection, one.id) == one
        assert sites.with_code(connection, one.code) == one
        assert sites.named(connection, one.org, one.name) == one
    assert [one.id for one in sites.every(connection)] == ["cho-dong-ba", "cuoi-1", "xe-1"]
    assert sites.every(connection, within=units.beneath(connection, "46")) == [bus]
    assert sites.every(connection, within=units.beneath(connection, "19790")) == []
    assert sites.every(connection, category=Category.MARKET, org="cho") == [MARKET]
    assert organisations.every(connection) == [
        organisations.Organisation("cho", "cho"),
        organisations.Organisation("cuoi-1", "cuoi-1"),
        health,
        organisations.Organisation("xe-buyt", "xe-buyt"),
    ]
    assert [one.id for one in units.path_of(units.every(connection), "19789")] == ["19789", "474", "46"]


@pytest.mark.parametrize(
    "level,parent,said",
    [
        (Level.PROVINCE, "46", "a province has none"),
        (Level.DISTRICT, None, "is part of a unit"),
        (Level.DISTRICT, "474", "is a district; a district is part of a province"),
        (Level.COMMUNE, "19789", "is a commune; a commune is part of a province or a district"),
        (Level.COMMUNE, "999", "not a unit"),
    ],
)
def test_a_unit_stands_under_one_of_a_higher_level(connection: Connection, layout: Layout, level: Level, parent: str, said: str) -> None:
    with pytest.raises(NotAProvince, match=said):
        units.add(connection, layout.register, units.unit("1", level, "Mới", parent))


def test_a_commune_may_stand_under_the_province_itself(connection: Connection, layout: Layout) -> None:
    units.add(connection, layout.register, units.unit("1", Level.COMMUNE, "Phường mới", "46"))
    assert "1" in units.beneath(connection, "46")


@pytest.mark.parametrize(
    "changed,said",
    [
        ({"id_": "Chợ"}, "--id"), ({"org": "province"}, "--org"), ({"gates": ("A", "A")}, "--gate"), ({"gates": ()}, "--gate"),
        ({"name": "\u202e"}, "--name"), ({"address": ""}, "--address"), ({"plate": "75B-012.34"}, "is a vehicle's"),
        ({"category": Category.VEHICLE}, "--plate: a vehicle has"), ({"category": Category.VEHICLE, "plate": "75"}, "no number plate"),
        ({"category": Category.FUNERAL}, "--begins: a funeral.*--ends: a funeral"), ({"begins_ms": 1, "ends_ms": 2}, "of what is once"),
        ({"category": Category.EVENT, "begins_ms": 2, "ends_ms": 2}, "must be after"),
        ({"category": Category.EVENT, "begins_ms": 2, "ends_ms": 2**53}, "before the year 2100"),
    ],
)  # fmt: skip
def test_a_site_that_cannot_be_is_refused_with_the_option_that_is_wrong(changed: dict[str, object], said: str) -> None:
    fields = {"id_": "a", "org": "b", "name": "C", "category": Category.SHOP, "address": "D", "gates": ("E",)} | changed
    with pytest.raises(NotAProvince, match=said):
        new_site(**fields)  # type: ignore[arg-type]  # that is what is tried


@pytest.mark.parametrize(
    "changed,said",
    [
        ({"unit": "474"}, "is a district; a site is in a commune"),
        ({"unit": "9"}, "not a unit"),
        ({"monitored_by": "x"}, "not an organisation"),
    ],
)
def test_a_site_names_what_is_registered(connection: Connection, layout: Layout, changed: dict[str, str], said: str) -> None:
    with pytest.raises(NotAProvince, match=said):
        sites.add(connection, layout.register, replace(MARKET, **changed))  # type: ignore[arg-type]  # of these fields
    assert sites.every(connection) == []


@pytest.mark.parametrize(
    "name,address,unit",
    [
        ("Chợ Đông Ba", "2 Trần Hưng Đạo", None),
        ("CHO DONG BA", "Số 2, đường Trần Hưng Đạo", "19789"),
        ("Chợ  Đông-Ba".encode().decode(), "2, Tran Hung Dao.", "19789"),
    ],
)
def test_the_same_place_again_is_noticed_and_named(
    connection: Connection, layout: Layout, name: str, address: str, unit: str | None
) -> None:
    sites.add(connection, layout.register, replace(MARKET, unit="19789"))
    again = new_site("cho-khac", "khac", name, Category.MARKET, address, ("Cổng 1",), unit=unit)
    with pytest.raises(AlreadyThere, match=r"site cho-dong-ba of cho, Chợ Đông Ba, 2 Trần Hưng Đạo.*--anyway"):
        sites.add(connection, layout.register, again)
    assert [one.id for one in sites.every(connection)] == ["cho-dong-ba"]
    sites.add(connection, layout.register, again, anyway=True)
    assert sites.find(connection, "cho-khac") == again


def test_other_places_are_not_taken_for_it(connection: Connection, layout: Layout) -> None:
    here = replace(MARKET, unit="19789")
    sites.add(connection, layout.register, here)
    for number, changed in enumerate(({"unit": "19790"}, {"name": "Chợ Bến Ngự"}, {"address": "4 Trần Hưng Đạo"})):
        other = replace(here, id=f"khac-{number}", org=f"khac-{number}", code=site_codes.new(), **changed)  # type: ignore[arg-type]
        sites.add(connection, layout.register, other)
    sites.close(connection, layout.register, "cho-dong-ba", AT_MS)
    sites.add(connection, layout.register, replace(here, id="cho-moi", code=site_codes.new()))
    with pytest.raises(AlreadyThere, match="site cho-dong-ba: this place is registered already: site cho-moi"):
        sites.close(connection, layout.register, "cho-dong-ba", None)


def test_a_vehicle_is_known_by_its_plate_and_a_party_by_its_time(connection: Connection, layout: Layout) -> None:
    path = layout.register
    bus = new_site("xe-1", "a", "Xe", Category.VEHICLE, "Huế", ("Cửa",), plate="75B-012.34")
    sites.add(connection, path, bus)
    sites.add(connection, path, replace(bus, id="xe-2", org="b", plate="75B-012.35", code=site_codes.new()))
    with pytest.raises(AlreadyThere, match="site xe-1 of a"):
        sites.add(connection, path, replace(bus, id="xe-3", org="c", name="Khác", plate="75b 01234", code=site_codes.new()))
    sites.add(connection, path, wedding("cuoi-1", AT_MS))
    sites.add(connection, path, wedding("cuoi-2", AT_MS + HOUR_MS))
    with pytest.raises(AlreadyThere, match="site cuoi-1"):
        sites.add(connection, path, wedding("cuoi-3", AT_MS + HOUR_MS - 1))


def test_a_name_means_one_site_of_its_organisation(connection: Connection, layout: Layout) -> None:
    sites.add(connection, layout.register, MARKET)
    namesake = replace(MARKET, id="cho-2", address="Nơi khác", code=site_codes.new())
    with pytest.raises(AlreadyThere, match="has a site of this name: cho-dong-ba"):
        sites.add(connection, layout.register, namesake, anyway=True)


def test_what_still_has_open_sites_is_not_closed(connection: Connection, layout: Layout) -> None:
    path = layout.register
    sites.add(connection, path, replace(MARKET, unit="19789"))
    for close, id_ in ((units.close, "19789"), (units.close, "474"), (organisations.close, "cho")):
        with pytest.raises(NotAProvince, match="open"):
            close(connection, path, id_, AT_MS)
    sites.close(connection, path, "cho-dong-ba", AT_MS)
    with pytest.raises(NotAProvince, match="is closed"):
        sites.gate_of(connection, "cho-dong-ba", "Cổng 1")
    units.close(connection, path, "19789", AT_MS)
    organisations.close(connection, path, "cho", AT_MS)
    assert sites.every(connection, closed=False) == []
    one = units.find(connection, "19789")
    assert one is not None
    assert one.closed_ms == AT_MS


def test_a_site_code_survives_typing_and_a_wrong_letter_is_told() -> None:
    code = site_codes.new()
    for text in (code, f"{site_codes.PREFIX}{code}", site_codes.shown(code).lower(), f" {code[:8]} {code[8:]} "):
        assert site_codes.read(text) == code
    told = 0
    for at, letter in enumerate(code):
        wrong = code[:at] + ("A" if letter != "A" else "B") + code[at + 1 :]
        try:
            told += site_codes.read(wrong) != wrong
        except ValueError:
            told += 1
    assert told == len(code)  # one in a million would pass: 20 bits are looked at


def test_every_category_has_a_name_in_both_languages() -> None:
    assert all(named(category, language).strip() for category in Category for language in ("vi", "en"))
    assert set(Category) > ONE_OFF


@given(st.text(max_size=40))
def test_a_key_of_a_key_is_the_key_itself(text: str) -> None:
    assert places.key(places.key(text)) == places.key(text)
    assert places.key(text.upper()) == places.key(text.upper().lower())


def test_a_site_is_not_opened_again_beside_another_of_its_name(connection: Connection, layout: Layout) -> None:
    first, other = replace(MARKET, id="cho-cu"), replace(MARKET, id="cho-moi", address="9 Đường khác")
    sites.add(connection, layout.register, replace(first, code=site_codes.new()))
    sites.close(connection, layout.register, "cho-cu", AT_MS)
    sites.add(connection, layout.register, replace(other, code=site_codes.new()))
    with pytest.raises(AlreadyThere, match="cho-moi"):
        sites.close(connection, layout.register, "cho-cu", None)
    sites.close(connection, layout.register, "cho-moi", AT_MS)
    sites.close(connection, layout.register, "cho-cu", None)
    assert [one.id for one in sites.every(connection, closed=False)] == ["cho-cu"]
