"""The province's pages over TLS: coming in, leaving, one's own account, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from province_world import founded
from web_world import PASSWORD, Site, changes_noted, enlist, roll_of, served_pages

from edge_agent.serving.guard import HEADERS
from province.accounts.account import Role
from province.accounts.passwords import hashed
from province.store import database


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served_pages(founded(tmp_path_factory.mktemp("web") / "province"), sections=lambda _world: ()) as site:
        yield site


def test_without_a_password_there_is_the_login_and_no_more(site: Site) -> None:
    stranger = site.browser()
    answer = stranger.get("/vi/account")
    assert (answer.status, answer.headers["location"]) == (303, "/vi/login")
    login = stranger.get("/en/login")
    assert login.status == 200
    assert HEADERS.items() <= login.headers.items()
    assert stranger.login("0912000000", "wrong").status == 403
    assert stranger.get("/vi/account").status == 303


@pytest.mark.parametrize("role", list(Role))
def test_every_role_has_its_own_account_in_both_languages(site: Site, role: Role) -> None:
    browser = site.browser(role)
    front = browser.get("/vi/")
    assert (front.status in {200, 303}, front.headers.get("location", "").endswith("/login")) == (True, False)
    shown, other = browser.get("/vi/account"), browser.get("/en/account")
    assert (shown.status, other.status) == (200, 200)
    assert ("Nguyễn Thị Lan" in shown.text, "0912000 ***" in shown.text or "09120 ***" in shown.text) == (True, True)
    assert site.phones[role] not in shown.text
    assert 'href="/en/account"' in shown.text


def test_the_cookie_is_the_browsers_alone(site: Site) -> None:
    browser = site.browser()
    cookie = browser.login(site.phones[Role.ADMIN]).headers["set-cookie"]
    name, *attributes = [part.strip().casefold() for part in cookie.split(";")]
    assert name.startswith("__host-gate")
    assert {"secure", "httponly", "samesite=strict", "path=/"} <= set(attributes)
    assert {"__Host-gate", "__Host-gate-known"} == {each.split("=")[0] for each in browser.cookie.split("; ")}


def test_a_new_password_puts_all_other_browsers_out(site: Site) -> None:
    one = enlist(site.layout, Role.REPORTER, "0988000001")
    first, second = site.browser(), site.browser()
    assert {first.login("0988000001").status, second.login("0988000001").status} == {303}
    new = "một mật khẩu thật dài"
    form = {"token": first.token(), "current": PASSWORD, "new": new, "again": new}
    for wrong in ({"current": "x"}, {"again": "y"}, {"new": "ngắn", "again": "ngắn"}, {"new": "1" * 20, "again": "1" * 20}):
        assert first.post("/vi/account/password", {**form, **wrong}).status == 400
    assert changes_noted(site.layout, one.id) == []
    assert first.post("/vi/account/password", form).status == 303
    assert changes_noted(site.layout, one.id) == [("account-password", one.id)]
    assert (first.get("/vi/account").status, second.get("/vi/account").status) == (200, 303)
    assert (second.login("0988000001").status, second.login("0988000001", new).status) == (403, 303)
    assert first.post("/vi/account/sessions", {"token": first.token()}).status == 303
    assert second.get("/vi/account").status == 303


def test_a_form_without_this_browsers_token_or_from_elsewhere_is_refused(site: Site) -> None:
    one, other = site.browser(Role.KEEPER), site.browser(Role.KEEPER)
    assert one.post("/vi/account/sessions", {"token": other.token()}).status == 403
    assert one.post("/vi/account/sessions", {}).status == 403
    assert one.post("/vi/account/sessions", {"token": one.token()}, Origin="https://evil.example").status == 403
    assert other.get("/vi/account").status == 200
    assert one.post("/vi/leave", {"token": "x"}).status == 403
    assert one.post("/vi/leave", {"token": one.token()}).status == 303
    assert one.get("/vi/account").status == 303


def test_who_is_removed_or_gets_another_role_is_out_at_once(site: Site) -> None:
    one = enlist(site.layout, Role.REPORTER, "0988000002")
    roll = roll_of(site.layout)
    browser = site.browser()
    assert browser.login("+84 988 000 002").status == 303
    with closing(database.connect(site.layout.register)) as connection:
        roll.add_phone(connection, one.id, "0988000003")
        assert browser.get("/vi/account").status == 200
        roll.set_password(connection, one.id, hashed(PASSWORD))
        assert browser.get("/vi/account").status == 303
        assert browser.login("0988000003").status == 303
        roll.remove(connection, one.id)
    assert (browser.get("/vi/account").status, browser.login("0988000002").status) == (303, 403)


@pytest.mark.parametrize("path", ["/vi/?gate=%00", "/vi/%00", "/vi/accounts?%00=x"])
def test_an_address_with_a_nul_is_refused(site: Site, path: str) -> None:
    assert site.browser(Role.ADMIN).get(path).status == 400


@pytest.mark.parametrize("path", ["/vi/nowhere", "/fr/account", "/static/web/nothing.css", "/static/../app.py", "/static/web/%2e%2e"])
def test_what_is_not_there_says_so_in_words(site: Site, path: str) -> None:
    answer = site.browser(Role.ADMIN).get(path)
    assert (answer.status, "Không có trang này" in answer.text) == (404, True)
    assert site.browser().get("/static/web/web.css").headers["content-type"].startswith("text/css")
