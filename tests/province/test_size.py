"""The synthetic province: the same people each time, and rows made in bulk that are those of the real way."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import size_bulk
import size_real
import size_registry
import sqlalchemy as sa
from postgres_world import Server
from size_living import DAYS, NOW_MS, Spec, live, places
from size_world import SQLITE, World, WrongWorld, _founded, open_world

from edge_agent.wire.entry import Kind, decode_body
from edge_agent.wire.keyring import day_of
from edge_agent.wire.topics import DeviceName
from province.base.clock import now_ms
from province.base.layout import Layout
from province.boards.asked import Asked
from province.boards.board import Boards
from province.boards.passages import Sight, Who
from province.keys import wrapping
from province.keys.day_keys import DayKeys
from province.records import views
from province.registry import sites
from province.store import database, schema

SPEC = Spec(400)
NOT_THE_SAME = {"hash", "prev", "body", "registered_ms"}


def nothing(_word: str) -> None:
    """Nobody reads along."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A province with its sites and scanners, and nobody has passed."""

    def load(world: World) -> dict[str, float]:
        size_registry.register(world)
        return {}

    with open_world(tmp_path, SPEC, SQLITE, nothing, load) as made:
        yield made


def rows(layout: Layout, table: str) -> list[dict[str, Any]]:
    with closing(database.connect(layout.register)) as connection:
        return [dict(row) for row in connection.rows(sa.select(schema.metadata.tables[table]))]


def test_a_spec_gives_as_many_passages_as_asked_the_same_each_time() -> None:
    for entries in (1, 400, 5000):
        made, again = live(Spec(entries)), live(Spec(entries))
        assert len(made) == entries
        assert (made.at_ms == again.at_ms).all()
        assert (made.person == again.person).all()
        assert (np.diff(made.at_ms) >= 0).all()
        assert 0 <= made.at_ms[0] <= made.at_ms[-1] < NOW_MS
    assert (live(Spec(400, seed=2)).at_ms != live(SPEC).at_ms).any()
    with pytest.raises(ValueError, match="1 or more, got 0"):
        Spec(0)


def test_each_gates_passages_are_numbered_without_a_hole() -> None:
    made = live(Spec(5000))
    for gate in np.unique(made.gate):
        assert made.seq[made.gate == gate].tolist() == list(range(1, int((made.gate == gate).sum()) + 1))
    assert made.gate.max() < sum(len(place.gates) for place in places(Spec(5000)))
    assert sum(len(range(*made.of_day(day).indices(len(made)))) for day in range(DAYS)) == len(made)


def test_rows_made_in_bulk_are_those_of_the_real_way(world: World, tmp_path: Path) -> None:
    shutil.copytree(world.layout.root, tmp_path / "other" / "province")
    other = replace(world, layout=Layout(tmp_path / "other" / "province"))
    size_bulk.load(world, SPEC.entries)
    size_real.load(other, 0)
    made, came = rows(world.layout, "entry"), rows(other.layout, "entry")
    assert len(made) == SPEC.entries
    for bulk, real in zip(made, came, strict=True):
        assert {name: bulk[name] for name in bulk.keys() - NOT_THE_SAME} == {name: real[name] for name in real.keys() - NOT_THE_SAME}
        assert opened(world, bulk) == opened(world, real)
    for table in ("token", "day", "sure_day"):
        by = [tuple(row.items()) for row in rows(world.layout, table)]
        assert sorted(map(repr, by)) == sorted(repr(tuple(row.items())) for row in rows(other.layout, table))
    heads = [{row["log"]: (row["first_seq"], row["last_seq"]) for row in rows(layout, "ledger")} for layout in (world.layout, other.layout)]
    assert heads[0] == heads[1]


def opened(world: World, row: dict[str, Any]) -> object:
    keys = world.keystore.load(row["epoch"])
    assert isinstance(keys, DayKeys)
    about = wrapping.identity(DeviceName(row["org"], row["device"]), row["log"], row["seq"], row["hash"])
    return decode_body(Kind(row["kind"]), wrapping.unwrap(row["body"], about, keys.data_key))


def test_the_real_way_goes_on_where_the_bulk_ended_and_everybody_is_found(world: World) -> None:
    size_bulk.load(world, 250)
    size_real.load(world, 250)
    with world.register() as connection:
        assert all(state.gaps == () and state.alerts == () and state.first == 1 for state in views.logs(connection))
        for number in np.unique(world.passages.person).tolist():
            found = views.find(connection, world.keystore, world.people[number].id_number)
            assert len(found) == (world.passages.person == number).sum()


def test_a_kept_province_is_opened_again_and_no_other_in_its_place(world: World, tmp_path: Path) -> None:
    def never(_world: World) -> dict[str, float]:
        raise AssertionError

    with open_world(tmp_path, SPEC, SQLITE, nothing, never) as again:
        assert (again.layout, again.first_day) == (world.layout, world.first_day)
    with pytest.raises(WrongWorld, match="holds 400 entries"), open_world(tmp_path, Spec(401), SQLITE, nothing, never):
        pass


def test_on_a_server_a_day_is_a_part_with_every_index(postgres: Server, tmp_path: Path) -> None:
    url, first_day = postgres.database(), day_of(now_ms()) - timedelta(days=DAYS)
    world = World(_founded(tmp_path / "province", first_day, url), SPEC, first_day, {}, url, nothing)
    size_registry.register(world)
    size_bulk.load(world, SPEC.entries)
    with world.register() as connection:
        lie_in = connection.rows(sa.text("SELECT epoch, tableoid::regclass::text AS part, count(*) AS many FROM entry GROUP BY 1, 2"))
        assert {row["part"] for row in lie_in} == {f"entry_{date.fromisoformat(row['epoch']):%Y%m%d}" for row in lie_in}
        assert sum(row["many"] for row in lie_in) == SPEC.entries
        lacking = "SELECT FROM pg_index JOIN pg_class c ON c.oid = indrelid WHERE relname IN ('entry', 'token') AND NOT indisvalid"
        assert not connection.has(sa.text(lacking))
        for number in np.unique(world.passages.person)[:5].tolist():
            found = views.find(connection, world.keystore, world.people[number].id_number)
            assert len(found) == (world.passages.person == number).sum()
        place = max(world.places, key=lambda place: (world.passages.gate == place.first_gate).sum())
        [site] = [one for one in sites.every(connection) if (one.org, one.name) == (place.org, place.name)]
        board = Boards(world.layout, world.keystore, now_ms).look(connection, site, Asked(world.last_day), Sight.MASKED, "test", set())
        assert board.rows
        assert all(isinstance(passage.who, Who) and "***" in passage.who.name for passage in board.rows)


def test_every_measure_has_its_function_and_says_what_it_destroys() -> None:
    folder = Path(__file__).parents[1] / "size/measures"
    sys.path.append(str(folder.parents[1] / "bench"))
    try:
        for file in sorted(folder.glob("*.py")):
            spec = importlib.util.spec_from_file_location(f"measures_{file.stem}", file)
            assert spec is not None
            assert spec.loader is not None
            sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            assert callable(module.measure)
            assert module.__doc__
    finally:
        sys.path.pop()
