"""The administrator's page of accounts: masked, what is done there counts at once and is noted first, nobody changes themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from old_province import here
from page_world import Answered
from province_world import founded
from web_world import PASSWORD, Site, Visitor, enlist, roll_of, served_pages

from province.accounts import second
from province.accounts.account import Account, Role, Unfit
from province.records import audit
from province.store import database
from province.web import people
from province.web.people_words import WORDS


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    layout = founded(tmp_path_factory.mktemp("people") / "province")
    assert here("org", "add", layout.root, "--id", "xe-buyt", "--name", "Xe buýt").returncode == 0
    with served_pages(layout) as site:
        yield site


def found(site: Site, phone: str) -> Account | None:
    with closing(database.connect(site.layout.register)) as connection:
        member = roll_of(site.layout).by_phone(connection, phone)
    return None if member is None else member.account


def lines(site: Site) -> int:
    """How many the audit log has."""
    with closing(database.connect(site.layout.register)) as connection:
        return sum(1 for _line in audit.lines(connection))


def seen(browser: Visitor, id_: str) -> str:
    return browser.get(f"/vi/people/{id_}").text.partition('name="seen" value="')[2].partition('"')[0]


def changed(browser: Visitor, id_: str, change: str, **form: str) -> Answered:
    """A form of somebody's page, filled in and sent."""
    return browser.post(f"/vi/people/{id_}/{change}", {"token": browser.token(), "seen": seen(browser, id_), **form})


def test_an_account_is_made_listed_masked_changed_and_removed(site: Site) -> None:
    admin = site.browser(Role.ADMIN)
    form = {"token": admin.token(), "name": "Trần Văn Minh", "phone": "0944000001, 0944000002", "role": "operator", "org": "xe-buyt"}
    for wrong, said in (
        ({"org": "nowhere"}, "Không có cơ quan này"),
        ({"phone": "113"}, "số điện thoại Việt Nam"),
        ({"role": "king"}, "Hãy chọn vai trò"),
        ({"org": ""}, "Hãy nhập địa bàn hoặc cơ quan"),
        ({"role": "admin"}, "không gắn với cơ quan"),
        ({"role": "keeper", "org": ""}, "ít nhất một địa điểm"),
        ({"phone": site.phones[Role.ADMIN]}, "thuộc về một tài khoản"),
        ({"name": " "}, "Họ và tên"),
    ):
        before = lines(site)
        refused = admin.post("/vi/people/add", {**form, **wrong})
        assert (refused.status, said in refused.text, lines(site)) == (400, True, before)
    made = admin.post("/vi/people/add", form)
    password = made.text.partition('<p class="secret"><code>')[2].partition("</code>")[0]
    one = found(site, "0944000002")
    assert one is not None
    assert (one.name, one.role, one.org, one.commands) == ("Trần Văn Minh", Role.OPERATOR, "xe-buyt", False)
    theirs = site.browser()
    assert theirs.login("0944000001", password).status == 303
    assert ">Xe buýt<" in theirs.get("/vi/account").text

    for page in ("/vi/people?role=operator", "/en/people?role=operator", f"/vi/people/{one.id}"):
        text = admin.get(page).text
        assert (one.id in text, "Trần Văn ***" in text, "09440 ***" in text) == (True, True, True), page
        assert not re.search("Minh|0944000001|0944000002", text), page
        assert ">Xe buýt<" in text, page  # its organisation by its name
    assert one.id not in admin.get("/vi/people?role=tracer").text
    assert one.id not in admin.get("/vi/people?site=cho-dong-ba").text

    path = f"/vi/people/{one.id}"
    assert changed(admin, one.id, "role", role="reporter").status == 400  # a field left empty gives no more
    assert found(site, "0944000002") == one
    assert changed(admin, one.id, "role", role="operator", org="xe-buyt", commands="1").status == 303
    assert theirs.get("/vi/account").status == 303
    renewed = changed(admin, one.id, "password").text.partition('<p class="secret"><code>')[2].partition("</code>")[0]
    assert [theirs.login("0944000001", each).status for each in (password, renewed)] == [403, 303]
    assert changed(admin, one.id, "phone", phone="0944000003", how="add").status == 303
    assert changed(admin, one.id, "phone", phone="0944000001", how="remove").status == 303
    assert (found(site, "0944000001"), found(site, "0944000003")) == (None, found(site, "0944000002"))
    with closing(database.connect(site.layout.register)) as connection:
        roll_of(site.layout).set_second(connection, one.id, second.new_secret())
        assert changed(admin, one.id, "second").status == 303
        member = roll_of(site.layout).find(connection, one.id)
        assert member is not None
        assert member.totp is None
    noted = lines(site)
    assert changed(admin, one.id, "remove", sure="no").status == 400
    assert changed(admin, one.id, "phone", phone="0944000099", how="remove").status == 400
    assert lines(site) == noted
    assert changed(admin, one.id, "remove", sure=one.id).status == 303
    assert (found(site, "0944000002"), admin.get(path).status) == (None, 404)
    log = here("audit", "list", site.layout.root, "--limit", "50").stdout
    own = found(site, site.phones[Role.ADMIN])
    assert own is not None
    for action in ("added", "role", "password", "phone", "second", "removed"):
        assert re.search(rf"{own.id}.*account-{action}.*{one.id} operator xe-buyt", log), action


def test_of_two_administrators_who_change_an_account_the_second_is_told(site: Site) -> None:
    one = enlist(site.layout, Role.REPORTER, "0944000021")
    admin = site.browser(Role.ADMIN)
    before = seen(admin, one.id)
    assert changed(admin, one.id, "role", role="operator", org="xe-buyt").status == 303
    changes = {
        "role": {"role": "reporter", "whole": "1"},
        "password": {},
        "second": {},
        "phone": {"phone": "0944000022", "how": "add"},
        "remove": {"sure": one.id},
    }
    noted = lines(site)
    for stale in (before, ""):
        for change, form in changes.items():
            refused = changed(admin, one.id, change, **form, seen=stale)
            assert (refused.status, "Có người vừa đổi tài khoản này" in refused.text) == (400, True)
            assert "secret" not in refused.text
    assert lines(site) == noted  # none of what was refused
    now = found(site, "0944000021")
    assert now is not None
    assert (now.role, now.org, found(site, "0944000022")) == (Role.OPERATOR, "xe-buyt", None)
    with ThreadPoolExecutor(8) as many:
        mark, token = seen(admin, one.id), admin.token()
        form = {"token": token, "seen": mark, "role": "reporter"}
        answers = [
            many.submit(admin.post, f"/vi/people/{one.id}/role", {**form, **reach}) for reach in ({"org": "xe-buyt"}, {"whole": "1"}) * 2
        ]
        assert sorted(each.result().status for each in answers) == [303, 400, 400, 400]


def test_of_two_administrators_who_remove_each_other_one_is_left(tmp_path: Path) -> None:
    with served_pages(founded(tmp_path / "province")) as site:
        first, second_ = site.browser(Role.ADMIN), enlist(site.layout, Role.ADMIN, "0944000031")
        other, own = site.browser(), found(site, site.phones[Role.ADMIN])
        assert own is not None
        assert other.login("0944000031").status == 303
        pairs = (first, second_.id), (other, own.id)
        forms = [(asks, whom, {"token": asks.token(), "seen": seen(asks, whom), "sure": whom}) for asks, whom in pairs]
        with ThreadPoolExecutor(2) as both:
            for asks, whom, form in forms:
                both.submit(asks.post, f"/vi/people/{whom}/remove", form)
        with closing(database.connect(site.layout.register)) as connection:
            [left] = roll_of(site.layout).some(connection, role=Role.ADMIN)[0]
            with pytest.raises(Unfit, match="last administrator"):
                roll_of(site.layout).change(connection, replace(left.account, role=Role.REPORTER))
            with pytest.raises(Unfit, match="last administrator"):
                roll_of(site.layout).remove(connection, left.account.id)


def test_nobody_changes_themselves(site: Site) -> None:
    admin, own = site.browser(Role.ADMIN), found(site, site.phones[Role.ADMIN])
    assert own is not None
    for change in ("role", "password", "second", "phone", "remove"):
        form = {"token": admin.token(), "role": "tracer", "unit": "46", "phone": "0944000009", "sure": own.id}
        assert admin.post(f"/vi/people/{own.id}/{change}", form).status == 403
    assert found(site, site.phones[Role.ADMIN]) == own
    assert site.browser().login(site.phones[Role.ADMIN], PASSWORD).status == 303


def test_more_than_fifty_stand_on_pages(site: Site) -> None:
    for number in range(60):
        enlist(site.layout, Role.KEEPER, f"0933{number:06}", sites=frozenset({"ben-xe"}))
    admin = site.browser(Role.ADMIN)
    pages = [admin.get(f"/vi/people?site=ben-xe&page={page}").text for page in (1, 2, 3)]
    assert [text.count("<tr>") - 1 for text in pages] == [50, 10, 0]
    assert "60 tài khoản" in pages[0]
    assert "site=ben-xe&amp;page=2" in pages[0]
    for odd in ("page=0", "page=-1", "page=99999999", "page=x", "role=king", "site=%27%20OR%201=1"):
        assert admin.get(f"/vi/people?{odd}").status == 200


def test_whatever_can_be_wrong_is_said_in_both_languages() -> None:
    root = Path(people.__file__).parents[1]
    said = {
        key
        for file in (*(root / "accounts").glob("*.py"), root / "web" / "people.py")
        for key in re.findall(r'(?:Unfit|Taken)\(\s*"([a-z-]+)"', file.read_text("utf-8"))
    }
    assert said | {"org", "site"} == {key.removeprefix("wrong.") for key in WORDS["vi"] if key.startswith("wrong.")}
