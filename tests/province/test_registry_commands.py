"""The registry's commands, as an operator types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import register_of_version_3
from old_province import Ran, here
from province_world import founded, settings
from sqlalchemy import select

from province.base.layout import Layout
from province.registry import organisations, places, site_codes, sites
from province.store import database, migrating, registry_tables

MARKET = (
    "--id", "cho-dong-ba", "--org", "cho", "--name", "Chợ Đông Ba", "--category", "market", "--address", "2 Trần Hưng Đạo",
    "--gate", "Cổng chính", "--gate", "Cổng sau", "--new-org", "--unit", "19789",
)  # fmt: skip


@pytest.fixture
def layout(tmp_path: Path, register_in: Callable[[Layout], Layout]) -> Layout:
    """A province as far as its registry needs one; founding it whole takes a second."""
    made = Layout(tmp_path / "province")
    made.root.mkdir()
    made.write_settings(settings())
    database.create(made.register)
    return register_in(made)


def ran(layout: Layout, noun: str, verb: str, *words: object) -> Ran:
    return here(noun, verb, layout.root, *words)


def done(layout: Layout, noun: str, verb: str, *words: object) -> str:
    one = ran(layout, noun, verb, *words)
    assert one.returncode == 0, one.stderr
    return one.stdout


def stand_up(layout: Layout) -> None:
    done(layout, "unit", "add", "--id", "46", "--level", "province", "--name", "Thừa Thiên Huế")
    done(layout, "unit", "add", "--id", "19789", "--level", "commune", "--name", "Phường Đông Ba", "--parent", "46")
    done(layout, "org", "add", "--id", "so-cong-thuong", "--name", "Sở Công Thương", "--sector", "monitoring", "--unit", "46")
    done(layout, "site", "add", *MARKET, "--monitored-by", "so-cong-thuong")


def test_a_province_is_written_down_and_shown(layout: Layout) -> None:
    stand_up(layout)
    assert "Phường Đông Ba" in done(layout, "unit", "list", "--within", "46", "--level", "commune")
    assert [json.loads(line)["id"] for line in done(layout, "org", "list", "--json").splitlines()] == ["cho", "so-cong-thuong"]
    assert "Chợ Đông Ba" in done(layout, "org", "show", "cho")
    [line] = done(layout, "site", "list", "--within", "46", "--json").splitlines()
    one = json.loads(line)
    assert (one["unit"], one["monitored_by"], one["gates"]) == ("19789", "so-cong-thuong", ["Cổng chính", "Cổng sau"])
    shown = done(layout, "site", "show", one["code"])
    assert "Phường Đông Ba, Thừa Thiên Huế" in shown
    assert one["code"] in shown
    assert json.loads(done(layout, "site", "show", "cho-dong-ba", "--json")) == one


def test_a_place_again_names_the_one_that_stands_there_and_a_closed_one_can_come_back(layout: Layout) -> None:
    stand_up(layout)
    again = ("--id", "cho-2", "--org", "khac", *MARKET[4:])
    refused = ran(layout, "site", "add", *again)
    assert (refused.returncode, "site cho-dong-ba of cho" in refused.stderr) == (2, True), refused.stderr
    done(layout, "site", "close", "cho-dong-ba")
    done(layout, "site", "add", *again)
    undone = ran(layout, "site", "close", "cho-dong-ba", "--undo")
    assert (undone.returncode, "site cho-2 of khac" in undone.stderr) == (2, True)
    assert "cho-dong-ba" not in done(layout, "site", "list")
    assert "cho-dong-ba" in done(layout, "site", "list", "--closed")


def test_a_mistyped_organisation_is_refused_and_not_made(layout: Layout) -> None:
    stand_up(layout)
    place = ("--id", "cho-2", "--name", "Chợ An Cựu", "--category", "market", "--address", "1 An Cựu", "--gate", "1")
    refused = ran(layout, "site", "add", *place, "--org", "cho-o")
    assert (refused.returncode, "org 'cho-o': not an organisation" in refused.stderr) == (2, True)
    assert "cho-o" not in done(layout, "org", "list", "--json")
    assert "cho-2" not in done(layout, "site", "list")
    done(layout, "site", "add", *place, "--org", "cho")


def test_what_is_not_there_is_named(layout: Layout) -> None:
    for noun, verb, *words in (
        ("unit", "show", "9"), ("unit", "close", "9"), ("unit", "list", "--within", "9"), ("org", "show", "khong"),
        ("org", "close", "khong"), ("site", "show", "khong"), ("site", "close", "khong"), ("site", "list", "--within", "9"),
        ("org", "add", "--id", "a", "--name", "A", "--unit", "9"), ("org", "add", "--id", "a", "--name", "A", "--parent", "khong"),
        ("site", "add", *MARKET), ("site", "add", *MARKET[:-2], "--begins", "tomorrow"),
    ):  # fmt: skip
        one = ran(layout, noun, verb, *words)
        assert one.returncode == 2
        assert "gate-province" in one.stderr
        assert any(word in one.stderr for word in ("9", "khong", "tomorrow"))
        assert "Traceback" not in one.stderr


def check_carried_over(layout: Layout) -> None:
    assert here("store", "upgrade", layout.root).returncode == 0
    with closing(database.connect(layout.register)) as connection:
        found = sites.every(connection)
        assert [(one.id, one.org, one.name, str(one.category), one.address) for one in found] == sorted(register_of_version_3.SITES)
        assert {one.gates for one in found} == {("Cổng chính", "Cổng sau")}
        assert len({site_codes.read(one.code) for one in found}) == len(found)
        assert [one.id for one in organisations.every(connection)] == ["bus-co", "cho-dong-ba"]
        keys = {row["id"]: row["place_key"] for row in connection.rows(select(registry_tables.site))}
        assert keys == {one.id: places.place_key(one.name, one.address) for one in found}
    again = ran(layout, "site", "add", "--id", "cho-2", "--org", "khac", *MARKET[4:8], "--address", "2 Tran Hung Dao Hue", "--gate", "1")
    assert (again.returncode, "site cho-dong-ba of cho-dong-ba" in again.stderr) == (2, True), again.stderr


def test_the_sites_of_a_register_of_version_3_are_carried_over_whole(tmp_path: Path) -> None:
    layout = founded(tmp_path / "province")
    layout.register.unlink()
    register_of_version_3.make(layout.register)
    check_carried_over(layout)


def test_the_sites_of_a_register_of_version_4_are_carried_over_whole(
    layout: Layout, register_in: Callable[[Layout], Layout], monkeypatch: pytest.MonkeyPatch
) -> None:
    layout.register.unlink(missing_ok=True)
    with monkeypatch.context() as then:
        then.setattr(migrating, "SCHEMA_VERSION", 4)
        if not database.elsewhere(layout.register):
            database.create(layout.register)
        register_in(layout)
    with closing(database.connect_any(layout.register)) as connection:
        assert database.version(connection) == 4
        for site in register_of_version_3.SITES:
            connection.execute("INSERT INTO site VALUES (?, ?, ?, ?, ?)", site)
            for gate in ("Cổng chính", "Cổng sau"):
                connection.execute("INSERT INTO gate VALUES (?, ?)", (site[0], gate))
    check_carried_over(layout)
