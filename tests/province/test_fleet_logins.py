"""The fleet's page takes the province's accounts: an operator's own organisation, with the second step; and takes over its own file's."""

from __future__ import annotations

import json
import sys
import unicodedata
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from old_province import here
from page_world import open_desk, until
from province_world import founded
from web_world import PASSWORD, Clock, enlist, roll_of

from province.accounts import second
from province.accounts.account import Role
from province.base.layout import Layout
from province.fleet.accounts import AccountsFile
from province.fleet.register_accounts import RegisterAccounts
from province.keys.identifiers import Identifier, canonical
from province.store import database
from province.web.sessions import FREE_TRIES, LONGEST_WAIT_S, MustWait

PHONE, OTHER_PHONE = "0912345678", "0912345679"
ODD = [  # of every category one character that may stand between the digits of a number
    next(char for char in map(chr, range(sys.maxunicode)) if unicodedata.category(char) == each and not canonical(Identifier.PHONE, char))
    for each in (
        "Cc", "Cf", "Cn", "Co", "Mc", "Me", "Mn", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Sc", "Sk", "Sm", "So", "Zl", "Zp", "Zs",
    )
]  # fmt: skip


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


def _with_codes(layout: Layout, phone: str, org: str | None = None) -> tuple[str, list[str]]:
    """An operator's account with its second step set up: its id, and codes on paper."""
    one, codes = enlist(layout, Role.OPERATOR, phone, org=org, commands=org is None), second.recovery_codes()
    with closing(database.connect(layout.register)) as connection:
        roll_of(layout).set_second(connection, one.id, second.new_secret(), 0, codes)
    return one.id, codes


def _waits_s(accounts: RegisterAccounts) -> float:
    with pytest.raises(MustWait) as raised:
        accounts.enter(PHONE, PASSWORD, "000000")
    return raised.value.wait_s


def test_one_account_is_counted_once_by_whichever_number_it_is_tried(layout: Layout) -> None:
    clock = Clock()
    accounts = RegisterAccounts(layout, AccountsFile(layout), now_s=clock.now_s, now_ms=clock.now_ms)
    id_, codes = _with_codes(layout, PHONE)
    with closing(database.connect(layout.register)) as connection:
        roll_of(layout).add_phone(connection, id_, OTHER_PHONE)
    spelled = [PHONE, OTHER_PHONE, "+84 912 345 678", *(f"0912{char}345678" for char in ODD)]
    assert {accounts.counted_as(each) for each in spelled} == {accounts.counted_as(PHONE)}
    strangers = {accounts.counted_as(f"0987{char}654321") for char in ODD}
    assert len(strangers) == 1, "a number of nobody's is counted as one too"
    assert accounts.counted_as("lan") != accounts.counted_as("minh")
    for number in range(FREE_TRIES + 1):
        assert accounts.enter(spelled[number], PASSWORD, "000000") is None
    for each in spelled:
        with pytest.raises(MustWait):
            accounts.enter(each, PASSWORD, codes[0])
    assert accounts.enter(PHONE, "wrong", codes[0]) is None, "who has not the password learns nothing of the wait"
    for _ in range(9):
        clock.later(_waits_s(accounts))
        assert accounts.enter(PHONE, PASSWORD, "000000") is None
    assert _waits_s(accounts) > LONGEST_WAIT_S, "codes are waited for longer than passwords"
    clock.later(3600.0)
    assert accounts.enter(PHONE, PASSWORD, codes[0]) is not None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.text(st.characters(), max_size=2), min_size=9, max_size=9))
def test_whatever_is_typed_that_finds_an_account_is_counted_as_that_one(layout: Layout, pieces: list[str]) -> None:
    roll, accounts = roll_of(layout), RegisterAccounts(layout, AccountsFile(layout))
    typed = "".join(digit + piece for digit, piece in zip(PHONE, [*pieces, ""], strict=True))
    with closing(database.connect(layout.register)) as connection:
        one = roll.by_phone(connection, PHONE) or roll.find(connection, enlist(layout, Role.OPERATOR, PHONE, org="xe-buyt").id)
        assert one is not None
        found = roll.by_phone(connection, typed)
    assert (accounts.counted_as(typed) == accounts.counted_as(PHONE)) == (found is not None)


def test_a_code_is_guessed_no_faster_by_odd_spellings_or_with_an_account_of_ones_own(tmp_path: Path) -> None:
    with open_desk(founded(tmp_path / "province"), 2) as desk:
        _with_codes(desk.layout, PHONE)
        _own, codes = _with_codes(desk.layout, OTHER_PHONE, "xe-buyt")
        statuses = []
        for number, char in enumerate(ODD[:12]):
            statuses.append(desk.browser().post("/vi/login", {"name": f"0912{char}345678", "password": PASSWORD, "code": "000000"}).status)
            if number % 3 == 2:
                mine = {"name": OTHER_PHONE, "password": PASSWORD, "code": codes[number // 3]}
                statuses.append(desk.browser().post("/vi/login", mine).status)
        assert statuses.count(403) <= FREE_TRIES + 1, statuses
        assert statuses[-1] == 429, "a right login says nothing of the others at its address"
