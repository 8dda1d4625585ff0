"""The fleet's page takes the province's accounts: an operator's own organisation, with the second step; and takes over its own file's."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from old_province import here
from page_world import open_desk, until
from province_world import founded
from web_world import PASSWORD, Clock, enlist, roll_of

from province.accounts import second
from province.accounts.account import Role
from province.base.layout import Layout
from province.fleet.accounts import AccountsFile
from province.fleet.register_accounts import RegisterAccounts
from province.store import database


def test_an_operators_account_comes_in_with_its_second_step_and_nobody_elses(layout: Layout) -> None:
    clock = Clock()
    accounts = RegisterAccounts(layout, AccountsFile(layout), now_s=clock.now_s, now_ms=clock.now_ms)
    assert (accounts.enter("0912345678", PASSWORD), accounts.find("nobody")) == (None, None)
    hung = enlist(layout, Role.OPERATOR, "0912345678", org="xe-buyt", commands=True)
    enlist(layout, Role.ADMIN, "0987654321")
    assert accounts.enter("0912345678", PASSWORD) is None  # no second step yet
    loose = RegisterAccounts(layout, AccountsFile(layout), password_only=True)
    assert (loose.enter("0912345678", PASSWORD) is not None, loose.enter("0987654321", PASSWORD)) == (True, None)
    secret, roll = second.new_secret(), roll_of(layout)
    with closing(database.connect(layout.register)) as connection:
        roll.set_second(connection, hung.id, secret)
        code = second.code_at(secret, clock.now_ms() // 30_000)
        assert accounts.enter("0912345678", "wrong", code) is None
        found = accounts.enter("+84912345678", PASSWORD, code)
        assert found is not None
        assert (found.name, found.org, found.commands) == (hung.id, "xe-buyt", True)
        assert accounts.find(hung.id) == found
        assert accounts.enter("0912345678", PASSWORD, code) is None
        roll.remove(connection, hung.id)
    clock.later(2.0)
    assert accounts.find(hung.id) is None


def test_on_the_page_they_see_their_organisation_and_their_password_is_the_one_they_had(tmp_path: Path) -> None:
    with open_desk(founded(tmp_path / "province"), 8) as desk:
        phone, layout = "0912345678", desk.layout
        assert desk.browser("hung").get("/vi/").status == 200
        moved = here("login", "move", layout.root, "hung", "--phone", "-", "--as", "Lê Hùng", typed=phone)
        assert moved.returncode == 0, moved.stderr
        assert "hung" not in {each["name"] for each in json.loads(here("login", "list", layout.root, "--json").stdout)}
        [listed] = json.loads(here("account", "list", layout.root, "--json").stdout)
        assert (listed["org"], listed["role"], listed["commands"], listed["name"]) == ("xe-buyt", "operator", True, "Lê ***")
        browser = desk.browser()
        assert browser.login(phone, desk.passwords["hung"]).status == 403
        secret, codes = second.new_secret(), second.recovery_codes()
        with closing(database.connect(layout.register)) as connection:
            roll_of(layout).set_second(connection, listed["id"], secret, 0, codes)
        form = {"name": phone, "password": desk.passwords["hung"], "code": codes[0]}
        assert browser.post("/vi/login", form).status == 303
        shown = browser.get("/vi/").text
        assert ("xe-buyt" in shown, "cho-hue" in shown) == (True, False)
        assert here("account", "remove", layout.root, listed["id"]).returncode == 0
        until(lambda: browser.get("/vi/").status == 303)  # within seconds


@pytest.mark.parametrize("words,said", [((), "--phone is missing"), (("--phone", "113"), "must be a Vietnamese number")])
def test_nobody_is_lost_in_moving(layout: Layout, words: tuple[str, ...], said: str) -> None:
    assert here("login", "add", layout.root, "lan", "--org", "cho-hue").returncode == 0
    ran = here("login", "move", layout.root, "lan", *words)
    assert (ran.returncode, said in ran.stderr) == (2, True), ran.stderr
    enlist(layout, Role.ADMIN, "0912345678")
    assert here("login", "move", layout.root, "lan", "--phone", "0912345678").returncode == 2  # another's number
    assert [each["name"] for each in json.loads(here("login", "list", layout.root, "--json").stdout)] == ["lan"]
