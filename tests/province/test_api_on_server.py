"""The API on a register in a file and on a server: few connections; all of a list, a page at a time; nothing breaks it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import astuple
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from api_world import Clockwork, World, serving
from postgres_world import Server
from province_world import founded, scanner
from sqlalchemy import insert

from province.api.app import ENDPOINTS
from province.api.clients import Scope
from province.api.document import PATH
from province.api.paces import UNKNOWN_AT_ONCE
from province.base.layout import Layout
from province.records.day_counts import COLUMNS
from province.registry import sites, units
from province.registry.categories import Category
from province.registry.site import new_site
from province.registry.units import Level
from province.reports.counting import Names, counts
from province.store import database
from province.store.report_tables import day_count

DAY = date(2021, 10, 5)
COUNTED = [
    ("an-uong", "Phở", 1, 2, 3, 4), ("checkin", "s-0", 0, 0, 5, 6), ("cho", "Chợ", 7, 0, 0, 0), ("checkin", "s-1", 0, 0, 1, 0),
    ("checkin", "s-2", 0, 0, 0, 1), ("an-uong", "Bún", 0, 0, 0, 0), ("an-uong", "Chợ", 5, 0, 0, 0), ("checkin", "s-9", 0, 0, 4, 5),
    ("checkin", "Chợ", 0, 1, 0, 0),
]  # fmt: skip
PROVINCES = {Scope.METRICS_READ, Scope.REGISTRY_WRITE}
NOBODYS = "gate1.tool." + "x" * 43


@pytest.fixture(scope="module", params=["file", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    layout = founded(tmp_path_factory.mktemp("api") / "province")
    if request.param == "postgresql":
        request.getfixturevalue("postgres").moved_here(layout)
    fill(layout, tmp_path_factory.mktemp("scanners"))
    with serving(layout, Clockwork()) as served:
        yield World(layout, served)


def fill(layout: Layout, folder: Path) -> None:
    """Units, places of which some have one name or none any more, scanners, and counts of a day; some where nobody registered a place."""
    for org, name in (("cho", "b-2"), ("cho", "b-10"), ("an-uong", "z"), ("cho-2", "a")):
        scanner(layout, folder, name, org)
    path = layout.register
    with closing(database.connect(path)) as connection:
        for one in (
            units.unit("46", Level.PROVINCE, "Huế"),
            units.unit("9", Level.COMMUNE, "A", "46"),
            units.unit("10", Level.COMMUNE, "B", "46"),
        ):
            units.add(connection, path, one)
        for number, (org, name) in enumerate(
            [("an-uong", "Phở"), ("cho", "Chợ"), ("cho", "Hàng 1"), ("an-uong", "Bún"), ("cho", "Chợ"), ("x", "X")]
        ):
            sites.add(connection, path, new_site(f"s-{number}", org, name, Category.RESTAURANT, f"{number} Lê Lợi", ("Cửa",)))
            if number == 1:
                sites.close(connection, path, "s-1", 1)
        with database.transaction(connection, path):
            connection.many(insert(day_count), [
                dict(zip(("day", "org", "site", *COLUMNS), (DAY.isoformat(), *one), strict=True)) for one in COUNTED
            ])  # fmt: skip


@pytest.fixture
def on_server(postgres: Server, tmp_path: Path) -> Iterator[World]:
    layout = postgres.moved_here(founded(tmp_path / "province"))
    with serving(layout, Clockwork()) as served:
        yield World(layout, served)


def sessions(world: World) -> set[int]:
    """The server's processes for this province's register."""
    url = database.elsewhere(world.layout.register)
    assert url is not None
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'gate-province' AND datname = current_database()"
        return {pid for (pid,) in connection.execute(query)}


def test_many_at_once_share_a_few_connections(on_server: World) -> None:
    good, other = on_server.token(*Scope), on_server.token(Scope.METRICS_READ, name="other")
    seen: set[int] = set()

    def asked(number: int) -> int:
        status = on_server.get(f"{PATH}/sites", (good, other, NOBODYS)[number % 3]).status
        seen.update(sessions(on_server))
        return status

    with ThreadPoolExecutor(16) as pool:
        told = list(pool.map(asked, range(60)))
    assert {told[first::3][0] for first in range(3)} == {200, 403, 401}
    assert [set(told[first::3]) for first in range(3)] == [{200}, {403}, {401}]
    assert 1 <= len(seen) <= 8
    idle = sessions(on_server)
    assert [asked(number) for number in range(6)] == [200, 403, 401] * 2
    assert sessions(on_server) == idle


def paged(world: World, path: str, listed: str, limit: int, org: str | None = None) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The pages, and all that is on them."""
    token, after, pages = world.token(*(set(Scope) - PROVINCES), org=org), "", list[dict[str, Any]]()
    while not pages or pages[-1]["next"] is not None:
        pages.append(world.json(f"{path}?limit={limit}{after}", token))
        assert len(pages[-1][listed]) <= limit
        after = f"&after={pages[-1]['next']}"
    return pages, [one for page in pages for one in page[listed]]


@pytest.mark.parametrize("org", [None, "cho"])
def test_lists_come_a_page_at_a_time_each_of_them_once(world: World, org: str | None) -> None:
    for path, listed in (("/units", "units"), ("/organisations", "organisations"), ("/sites", "sites"), ("/devices", "devices")):
        [_page], whole = paged(world, path, listed, 1000, org)
        assert len(whole) >= (1 if path == "/organisations" and org else 2)
        for limit in (1, 2, len(whole)):
            assert paged(world, path, listed, limit, org)[1] == whole
    assert world.get(f"{PATH}/units?after=nowhere", world.token(*Scope)).status == 404


@pytest.mark.parametrize("org", [None, "cho"])
def test_a_days_counts_are_the_reports_however_long_a_page(world: World, org: str | None) -> None:
    with closing(database.connect(world.layout.register)) as connection:
        known = {one.id: one for one in sites.every(connection)}
        tallies, elsewhere = Names(known.values()).gather(counts(connection, DAY, DAY))
    right = {id_: astuple(tally) for id_, tally in tallies.items() if org in {None, known[id_].org}}
    assert right.keys() == ({"s-0", "s-1", "s-2", "s-4"} if org is None else {"s-1", "s-2", "s-4"})
    for limit in (1, 2, 3, 4, 1000):
        pages, found = paged(world, f"/counts/{DAY}", "counts", limit, org)
        assert {one["site"]: tuple(one[name] for name in COLUMNS) for one in found} == right
        assert (len(found), [one["site"] for one in found]) == (len(right), sorted(right))
        assert {one["site"]: one["org"] for one in found} == {id_: known[id_].org for id_ in right}
        assert pages[0]["elsewhere"] == (elsewhere.passages if org is None else 0) == (15 if org is None else 0)
        assert {page["elsewhere"] for page in pages[1:]} <= {None if org is None else 0}


def test_who_tries_tokens_is_not_looked_up_for_ever_and_others_are(world: World) -> None:
    now = [0.0]
    with serving(world.layout, lambda: now[0]) as served:
        tried = World(world.layout, served)
        good = tried.token(Scope.REGISTRY_READ)
        assert tried.get(f"{PATH}/sites", good).status == 200
        statuses = [tried.get(f"{PATH}/sites", NOBODYS[:-2] + f"{number:02}").status for number in range(UNKNOWN_AT_ONCE + 2)]
        assert statuses == [401] * (UNKNOWN_AT_ONCE - 1) + [429] * 3
        assert tried.get("/metrics", NOBODYS).status == 429
        assert tried.get(f"{PATH}/sites", "no token").status == 401
        assert tried.get(f"{PATH}/sites", good).status == 200
        now[0] += 1.0
        assert tried.get(f"{PATH}/sites", NOBODYS).status == 401


NAMES = ("99999999999999999999", "a%0A")  # of nothing
STRANGE = ("%00", "%ED%A0%80", "a" * 5000, "-1", *NAMES, "%F0%9F%90%8C", "..%2F..")
WRONG_TEXTS = ("\0", "a\0b", "\ud800", "x" * 60_000, " ")


def test_whatever_is_named_is_told_what_is_wrong(world: World) -> None:
    token = world.token(*Scope)
    with world.connected() as at:
        for strange in STRANGE:
            paths = [one.path.replace("{site}", strange).replace("{day}", strange) for one in ENDPOINTS if "{" in one.path]
            for one in ENDPOINTS:
                if one.method == "GET":
                    there = one.path.replace("{site}", "cho").replace("{day}", "2021-10-05")
                    paths += [f"{there}?{each.name}={strange}" for each in one.parameters if not each.in_path]
            told = {path[:60]: world.ask_on(at, "GET", PATH + path, token).status for path in paths}
            assert set(told.values()) <= ({200, 400, 404} if strange in NAMES else {400, 404}), told
        for day in ("9999-12-31", "0001-01-01"):
            assert world.ask_on(at, "GET", f"{PATH}/counts/{day}", token).status == 200


def test_whatever_is_registered_is_told_what_is_wrong(world: World) -> None:
    token = world.token(*Scope)
    good: dict[str, object] = {
        "id": "pho-co", "org": "an-uong", "name": "Phở Cồ", "category": "restaurant", "address": "7 Lê Lợi", "gates": ["Cửa"],
    }  # fmt: skip
    wrongs: list[dict[str, object]] = [
        {field: text} for field in ("id", "org", "name", "address", "unit", "plate", "route", "monitored_by") for text in WRONG_TEXTS
    ]
    wrongs += [{"gates": ["\0"]}, {"gates": ["\ud800"]}, {"begins_ms": 2**64}, {"begins_ms": 1e999}, {"begins_ms": -1}]
    with world.connected() as at:
        for wrong in wrongs:
            answer = world.ask_on(at, "POST", f"{PATH}/sites", token, {**good, **wrong})
            assert answer.status in {400, 422}, (wrong, answer)
        for body in (b"\xff", b"[" * 60_000, b"9" * 60_000, b"\x00", b'{"id": "\xed\xa0\x80"}'):
            assert world.ask_on(at, "POST", f"{PATH}/sites", token, body).status == 400, body[:9]
