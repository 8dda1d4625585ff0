"""The API before a register on a server: few connections, however many ask, and nothing for whoever has no token."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from api_world import Clockwork, World, serving
from postgres_world import Server
from province_world import founded

from province.api.app import ENDPOINTS
from province.api.clients import Scope
from province.api.document import PATH
from province.api.paces import UNKNOWN_AT_ONCE
from province.store import database

NOBODYS = "gate1.tool." + "x" * 43


@pytest.fixture(scope="module", params=["file", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    layout = founded(tmp_path_factory.mktemp("api") / "province")
    if request.param == "postgresql":
        request.getfixturevalue("postgres").moved_here(layout)
    with serving(layout, Clockwork()) as served:
        yield World(layout, served)


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
