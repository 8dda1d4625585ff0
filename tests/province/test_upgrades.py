"""A register of any version, with rows in each of its tables, becomes what a new one with the same rows is: in a file and on a server."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import rows_of_versions
import sqlalchemy as sa
from old_province import here
from postgres_world import Server
from province_world import settings
from rows_of_versions import COUNTS_WITHOUT_METHODS, ROWS, Row

from province.base.layout import Layout
from province.records import day_counts
from province.registry import site_codes
from province.store import database, migrating
from province.store.migrations import versions
from province.store.opened import Connection, RegisterRefused
from province.store.schema import SCHEMA_VERSION, metadata

Tables: TypeAlias = dict[str, list[tuple[Any, ...]]]
TODAY = date(2021, 10, 5)
FIRST = 4  # of both; test_store.py has a file of version 3 as its release made it
OLDER = range(FIRST, SCHEMA_VERSION)
SINCE = {
    "unit": 5, "organisation": 5, "account": 6, "account_phone": 6, "account_site": 6, "account_recovery": 6, "tracing_case": 7,
    "day_count": 8, "report_figure": 8, "report": 8, "report_post": 8, "api_client": 9,
}  # fmt: skip
_OF_SERVER = (
    # parts have names of their own for their indexes, counted on where names meet
    "SELECT tablename, regexp_replace(indexdef, 'INDEX \\S+ ON', 'INDEX ON') FROM pg_indexes WHERE schemaname = 'public'",
    """SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name FROM information_schema.columns
    WHERE table_schema = 'public'""",
    "SELECT CAST(conrelid AS regclass)::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
    "SELECT CAST(tgrelid AS regclass)::text, tgname FROM pg_trigger WHERE NOT tgisinternal",
)


@pytest.fixture(scope="module", params=["file", "postgresql"])
def kept_in(request: pytest.FixtureRequest) -> Callable[[Layout], None]:
    """Makes a register, of whatever version is the newest meanwhile."""
    if request.param == "file":
        return lambda layout: database.create(layout.register)
    server: Server = request.getfixturevalue("postgres")
    return lambda layout: database.create(layout.register, server.database(), TODAY)


def a_province(folder: Path, kept_in: Callable[[Layout], None]) -> Layout:
    """As much of one as `store upgrade` needs."""
    made = Layout(folder)
    made.root.mkdir()
    made.write_settings(settings())
    kept_in(made)
    return made


@pytest.fixture(scope="module")
def new(kept_in: Callable[[Layout], None], tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A province whose register is new, and stays empty."""
    return a_province(tmp_path_factory.mktemp("new") / "province", kept_in)


def put_in(connection: Connection, rows: dict[str, list[Row]]) -> None:
    """Puts rows in, of the columns that the tables have."""
    there = sa.inspect(connection.sqlalchemy)
    for table in metadata.sorted_tables:
        if table.name not in rows or not there.has_table(table.name):
            continue
        columns: list[sa.ColumnClause[Any]] = [sa.column(one["name"]) for one in there.get_columns(table.name)]
        of_then = sa.table(table.name, *columns)
        for row in rows[table.name]:
            connection.execute(sa.insert(of_then).values({one.name: row[one.name] for one in columns if one.name in row}))


def everything(connection: Connection) -> Tables:
    """All rows of all tables, by the newest version's columns."""
    return {
        table.name: sorted((tuple(row) for row in connection.execute(sa.select(*table.columns))), key=repr)
        for table in metadata.sorted_tables
    }


def form(connection: Connection) -> list[list[str]]:
    """What the database says of its tables, as text."""
    words = ("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL",) if connection.is_file else _OF_SERVER
    return [sorted(repr(tuple(row)) for row in connection.execute(sa.text(one))) for one in words]


def as_carried_over(version: int, upgraded: Connection) -> dict[str, list[Row]]:
    """The rows that a new register is to have: those of a version, and what the upgrade makes of them."""
    rows = {table: put for table, put in ROWS.items() if version >= SINCE.get(table, FIRST)}
    if version < 8:
        rows["entry"] = [row | {"method": None} for row in rows["entry"]]
        rows["day_count"] = COUNTS_WITHOUT_METHODS
    if version < 5:
        codes = dict(upgraded.execute(sa.text("SELECT id, code FROM site")).all())
        assert len({site_codes.read(code) for code in codes.values()}) == len(ROWS["site"])
        kept = ("id", "org", "name", "category", "address", "place_key")
        rows["site"] = [{name: row[name] for name in kept} | {"code": codes[row["id"]]} for row in ROWS["site"]]
        rows["organisation"] = [{"id": id_, "name": id_, "sector": "other"} for id_ in sorted({row["org"] for row in ROWS["site"]})]
    return rows


def test_there_are_rows_for_every_column_of_every_table() -> None:
    for table in metadata.sorted_tables:
        for column in table.columns:
            values = [row[column.name] for row in ROWS[table.name]]
            assert any(value is not None for value in values), f"{table.name}.{column.name}"
    files = [int(file.name[1:5]) for file in Path(versions.__file__).parent.glob("v*.py")]
    assert sorted(files) == [FIRST - 1, *OLDER, SCHEMA_VERSION]


@pytest.mark.parametrize("version", OLDER)
def test_an_upgraded_register_is_what_a_new_one_with_its_rows_is(
    version: int, new: Layout, kept_in: Callable[[Layout], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as then:
        then.setattr(migrating, "SCHEMA_VERSION", version)
        old = a_province(tmp_path / "old", kept_in)
    with closing(database.connect_any(old.register)) as connection, database.transaction(connection, old.register):
        assert database.version(connection) == version
        put_in(connection, ROWS)
    ran = here("store", "upgrade", old.root)
    assert (ran.returncode, f"it was {version}" in ran.stdout) == (0, True), ran.stderr

    with closing(database.connect(old.register)) as upgraded, closing(database.connect(new.register)) as fresh:
        fresh.begin()  # never committed
        put_in(fresh, as_carried_over(version, upgraded))
        assert everything(upgraded) == everything(fresh)
        assert form(upgraded) == form(fresh)
        counted = day_counts.recounted(upgraded)
        assert day_counts.kept(upgraded) == counted == day_counts.recounted(fresh)
        assert len(counted) == len(rows_of_versions.COUNTS)
        for statement in ("UPDATE audit SET fields = hash", "DELETE FROM audit"):
            with pytest.raises((sqlite3.IntegrityError, RegisterRefused)):
                upgraded.execute(sa.text(statement))
