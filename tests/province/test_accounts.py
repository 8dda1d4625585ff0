"""The roll of accounts: found by phone, closed at rest, one tracing officer a unit."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace

import pytest
from sqlalchemy import insert
from web_world import PASSWORD, enlist, roll_of, served_pages

from province.accounts import second
from province.accounts.account import Role
from province.accounts.passwords import Check, hashed
from province.base.errors import AlreadyThere, NotAProvince
from province.base.layout import Layout
from province.store import database
from province.store.schema import entry
from province.web.watching import Watch


def test_an_account_is_found_by_each_of_its_numbers_and_by_no_others(layout: Layout) -> None:
    roll = roll_of(layout)
    lan = enlist(layout, Role.KEEPER, "0912345678", name="Nguyễn Thị Lan", sites=frozenset({"cho-a", "cho-b"}))
    hung = enlist(layout, Role.OPERATOR, "0987654321", name="Lê Hùng", org="bus-co", commands=True)
    with closing(database.connect(layout.register)) as connection:
        roll.add_phone(connection, lan.id, "0911111111")
        for number in ("0912345678", "+84 912 345 678", "0911111111"):
            found = roll.by_phone(connection, number)
            assert found is not None
            assert found.account == lan
            assert Check().is_of(PASSWORD, found.hashed)
        assert roll.by_phone(connection, "0900000000") is None
        with pytest.raises(AlreadyThere):
            roll.add_phone(connection, hung.id, "0911111111")
        roll.remove_phone(connection, lan.id, "0912345678")
        assert roll.by_phone(connection, "0912345678") is None
        with pytest.raises(NotAProvince):
            roll.remove_phone(connection, lan.id, "0911111111")
        assert [member.account for member in roll.every(connection)] == sorted([lan, hung], key=lambda one: one.name != lan.name)
        roll.remove(connection, lan.id)
        assert (roll.by_phone(connection, "0911111111"), roll.find(connection, lan.id)) == (None, None)


def test_a_unit_has_one_tracing_officer(layout: Layout) -> None:
    first = enlist(layout, Role.TRACER, "0912345678", unit="46-01")
    enlist(layout, Role.TRACER, "0912345679", unit="46")
    with pytest.raises(AlreadyThere, match=first.id):
        enlist(layout, Role.TRACER, "0912345670", unit="46-01")
    with closing(database.connect(layout.register)) as connection:
        assert roll_of(layout).by_phone(connection, "0912345670") is None  # all or nothing


def test_nobody_stands_in_the_register_unsealed(layout: Layout) -> None:
    enlist(layout, Role.REPORTER, "0912345678", name="Trần Văn Minh")
    kept = b"".join(file.read_bytes() for file in layout.root.rglob("*") if file.is_file())
    for told in ("0912345678", "912345678", "Trần Văn Minh", "Minh", PASSWORD):
        assert told.encode() not in kept


def test_a_code_lets_in_once_and_another_second_step_or_role_is_another_mark(layout: Layout) -> None:
    roll, one = roll_of(layout), enlist(layout, Role.REPORTER, "0912345678")
    secret, at_ms = second.new_secret(), 1_700_000_000_000
    codes = second.recovery_codes()
    with closing(database.connect(layout.register)) as connection:

        def mark() -> str:
            found = roll.find(connection, one.id)
            assert found is not None
            return found.mark

        marks = [mark()]
        assert not roll.take_code(connection, one.id, second.code_at(secret, at_ms // 30_000), at_ms)
        roll.set_second(connection, one.id, secret, 7, codes)
        marks.append(mark())
        now = second.code_at(secret, at_ms // 30_000)
        assert [roll.take_code(connection, one.id, code, at_ms) for code in (now, now, codes[3], codes[3], "", "0")] == [
            True, False, True, False, False, False,
        ]  # fmt: skip
        assert roll.codes_left(connection, one.id) == 9
        assert mark() == marks[-1]  # who is in stays in
        roll.set_second(connection, one.id, secret, 7, second.recovery_codes())
        roll.change(connection, replace(one, role=Role.ADMIN))
        marks.append(mark())
        roll.set_password(connection, one.id, hashed(PASSWORD))
        marks.append(mark())
        assert len(set(marks)) == len(marks)
        assert roll.all_phones(connection) == {one.id: ["0912345678"]}


def test_the_pages_stand_on_it_wherever_it_is(layout: Layout) -> None:
    with served_pages(layout, roles=(Role.ADMIN, Role.KEEPER)) as site:
        admin, keeper = site.browser(Role.ADMIN), site.browser(Role.KEEPER)
        for _ in range(3):
            assert [admin.get("/vi/people").status, keeper.get("/vi/account").status, keeper.get("/vi/people").status] == [200, 200, 403]
        listed = admin.get("/vi/people?site=cho-dong-ba").text
        assert "1 tài khoản" in listed


def test_open_pages_are_told_that_an_entry_came(layout: Layout) -> None:
    told = threading.Event()
    watch = Watch(layout, told.set)
    watch.start()
    try:
        assert told.wait(20)  # it has begun
        told.clear()
        row = {"id": 1, "org": "hue", "device": "cong-1", "log": b"l", "seq": 1, "hash": b"h", "prev": b"p", "status": "registered"}
        with closing(database.connect(layout.register)) as connection, database.transaction(connection, layout.register):
            connection.execute(insert(entry), {**row, "forked": 0, "registered_ms": 1})
        assert told.wait(20)
    finally:
        watch.stop()
