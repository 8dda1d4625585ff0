"""The tables: migrations make what schema.py says; an earlier release's register is brought there in place, whole or not at all."""

from __future__ import annotations

import sqlite3
import warnings
from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest
import register_of_version_3
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from old_province import here
from sqlalchemy.dialects import sqlite

from province.base.layout import Layout
from province.records import clock_truth, views
from province.store import database, migrating, schema
from province.store.migrations.versions import v0003_first
from province.store.opened import Connection
from province.store.schema import SCHEMA_VERSION, entry

LAST_OF_A_SITE = sa.select(entry).where(entry.c.site == sa.bindparam("site")).order_by(clock_truth.best_ms.desc()).limit(50)

_TABLES = [
    import_module(f"province.store.{file.stem}") for file in Path(schema.__file__).parent.glob("*_tables.py")
]  # whose import puts them all into schema.metadata


def told(connection: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    return sorted(connection.execute(f"SELECT * FROM {table}").fetchall())  # noqa: S608


def everything(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {table: told(connection, table) for table in tables}


def form(path: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        return set(connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL"))


def test_the_first_migration_makes_what_releases_made_before_it() -> None:
    assert register_of_version_3.TABLES == v0003_first._SQLITE


@pytest.fixture
def old(layout: Layout) -> Layout:
    """A province whose register an earlier release made."""
    layout.register.unlink()
    register_of_version_3.make(layout.register)
    return layout


def test_the_migrations_make_what_the_schema_says(layout: Layout) -> None:
    with closing(database.connect(layout.register)) as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SQLAlchemy cannot read indexes of expressions back from SQLite
        found = compare_metadata(MigrationContext.configure(connection.sqlalchemy), schema.metadata)
    # SQLite's INTEGER PRIMARY KEY is never NULL though it does not say so, and what a foreign key does is not read back
    kinds = {one[0][0] if isinstance(one, list) else one[0] for one in found}
    assert kinds <= {"modify_nullable", "add_fk", "remove_fk"}, found
    with closing(sqlite3.connect(layout.register)) as beneath:
        [(sql,)] = beneath.execute("SELECT sql FROM sqlite_schema WHERE name = 'entry_by_time'")
        assert "coalesce(corrected_ms, wall_ms)" in sql
        [(sql,)] = beneath.execute("SELECT sql FROM sqlite_schema WHERE name = 'token'")
        assert "REFERENCES entry(id) ON DELETE CASCADE" in sql


def test_a_register_of_version_3_is_named_and_then_upgraded_in_place(old: Layout, tmp_path: Path) -> None:
    before = everything(old.register)
    refused = here("entries", old.root)
    assert (refused.returncode, "gate-province store upgrade" in refused.stderr) == (2, True), refused.stderr
    assert here("store", "show", old.root).returncode == 1
    assert everything(old.register) == before

    ran = here("store", "upgrade", old.root)
    assert (ran.returncode, f"version {SCHEMA_VERSION} now; it was 3" in ran.stdout) == (0, True), ran.stderr
    after = everything(old.register)
    assert after.pop("alembic_version") == [(f"{SCHEMA_VERSION:04}",)]
    assert after.pop("token") == sorted((*row, "2021-10-05") for row in before.pop("token"))
    assert after.pop("day_count") == register_of_version_3.DAY_COUNTS
    assert after.pop("entry") == [(*row, None) for row in before.pop("entry")]
    assert [site[:5] for site in after.pop("site")] == before.pop("site")  # test_registry.py looks at the rest
    assert {table: rows for table, rows in after.items() if table in before} == before
    assert not any(after[table] for table in after.keys() - before.keys() - {"organisation"}), "tables of later releases"
    fresh = tmp_path / "fresh.sqlite"
    database.create(fresh)
    assert form(old.register) == form(fresh)
    with closing(database.connect(old.register)) as connection:
        [log] = views.logs(connection)
        assert (log.count, log.first, log.last, log.forks) == (register_of_version_3.ENTRIES, 1, register_of_version_3.ENTRIES - 1, 1)


def test_an_upgrade_twice_changes_nothing(old: Layout) -> None:
    assert here("store", "upgrade", old.root).returncode == 0
    once = everything(old.register)
    assert here("store", "upgrade", old.root).returncode == 0
    assert everything(old.register) == once
    assert here("store", "show", old.root).returncode == 0


def test_an_upgrade_that_fails_leaves_the_register_as_it_was(old: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    before = everything(old.register), form(old.register)
    bring_up = migrating._bring_up

    def cut_short(connection: Connection) -> None:
        bring_up(connection)
        raise sqlite3.OperationalError("disk full")

    monkeypatch.setattr(migrating, "_bring_up", cut_short)
    ran = here("store", "upgrade", old.root)
    assert ran.returncode == 1
    assert (everything(old.register), form(old.register)) == before


def test_the_audit_log_of_an_upgraded_register_still_refuses_changes(old: Layout) -> None:
    assert here("store", "upgrade", old.root).returncode == 0
    with closing(sqlite3.connect(old.register)) as connection:
        for statement in ("UPDATE audit SET fields = x'01'", "DELETE FROM audit"):
            with pytest.raises(sqlite3.IntegrityError, match="audit log"):
                connection.execute(statement)


@pytest.mark.parametrize(
    "query,index",
    [
        (views._ODD, "entry_odd"),
        (clock_truth._WITNESSES, "entry_clock"),
        (clock_truth._BLIND, "entry_blind"),
        (LAST_OF_A_SITE, "entry_by_site"),
    ],
)
def test_what_is_few_of_many_is_found_by_an_index_of_its_own(layout: Layout, query: sa.Select[tuple[object]], index: str) -> None:
    plan = plan_of(layout, query)
    assert any(f"INDEX {index}" in step for step in plan), plan


def plan_of(layout: Layout, query: sa.SelectBase) -> list[str]:
    """How SQLite would go about it without statistics: nobody makes them."""
    words = str(query.compile(dialect=sqlite.dialect()))
    with closing(sqlite3.connect(layout.register)) as connection:
        return [step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {words}", [1] * words.count("?"))]


def test_a_look_up_begins_with_the_token_and_reads_the_rows_it_leads_to(layout: Layout) -> None:
    steps = [step for step in plan_of(layout, views._marked(2, 5, in_parts=False)) if step.startswith(("SEARCH", "SCAN"))]
    assert steps == ["SEARCH token USING PRIMARY KEY (token=?)", "SEARCH entry USING INTEGER PRIMARY KEY (rowid=?)"] * 2
