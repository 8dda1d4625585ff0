"""Who was erased is on no board again, when an older register is put back by `cp`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from board_world import MARKED, World, world_of
from province_world import founded
from web_world import Site, enlist, served_pages

from province.accounts.account import Role
from province.base.clock import now_ms
from province.keys.keystore import Keystore
from province.records import erasures
from province.registry.categories import Category
from province.store import database
from province.store.opened import Connection

PHONE = "0988000002"


@pytest.fixture
def hospital(tmp_path: Path) -> World:
    made = world_of(founded(tmp_path / "province"), tmp_path, Category.HOSPITAL, "benh-vien")
    made.arrive(made.made(MARKED, ago_ms=5000))
    return made


@pytest.fixture
def site(hospital: World) -> Iterator[Site]:
    with served_pages(hospital.layout, roles=()) as site:
        enlist(hospital.layout, Role.SPECIAL, PHONE, sites=frozenset({"benh-vien"}))
        yield site


def erase(world: World) -> None:
    keystore = Keystore(world.layout.keystore)
    with closing(database.connect(world.layout.register)) as connection:
        erasures.note(keystore, connection.execute("SELECT * FROM entry WHERE kind = 'passage'").fetchall())
        assert erasures.reapply(connection, world.layout.register, keystore, now_ms()) == 1


def test_a_register_put_back_by_cp_shows_nobody_who_was_erased(hospital: World, site: Site, tmp_path: Path) -> None:
    register, backup = hospital.layout.register, tmp_path / "backup"
    browser = site.browser()
    assert browser.login(PHONE).status == 303
    assert MARKED.name in browser.get("/vi/board/benh-vien").text
    with closing(database.connect(register)) as connection:
        connection.fold()
    shutil.copyfile(register, backup)
    erase(hospital)
    assert MARKED.name not in browser.get("/vi/board/benh-vien").text
    with closing(database.connect(register)) as connection:
        connection.fold()
    shutil.copyfile(backup, register)  # the file stays the same, as with cp; its content does not
    page = browser.get("/vi/board/benh-vien")
    assert (page.status, MARKED.name in page.text, "benh-vien" in page.text) == (200, False, True)


def test_the_notes_are_gone_through_only_where_something_may_have_changed(hospital: World, monkeypatch: pytest.MonkeyPatch) -> None:
    keystore, gone_through = Keystore(hospital.layout.keystore), list[int]()
    reapply = erasures.reapply

    def counted(connection: Connection, path: Path, keystore: Keystore, at_ms: int) -> int:
        gone_through.append(reapply(connection, path, keystore, at_ms))
        return gone_through[-1]

    monkeypatch.setattr(erasures, "reapply", counted)
    checked = erasures.Reapplied(hospital.layout, keystore)
    with closing(database.connect(hospital.layout.register)) as connection:
        for _each in range(3):
            checked.check(connection, now_ms())
        assert gone_through == [0]
        erasures.note(keystore, connection.execute("SELECT * FROM entry WHERE kind = 'passage'").fetchall())  # and no more than noted
        checked.check(connection, now_ms())
        assert gone_through == [0, 1]
