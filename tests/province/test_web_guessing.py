"""Who guesses waits, and shuts nobody out; sessions end by idleness and age; what is typed is never more than text."""

from __future__ import annotations

import html
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from page_world import Answered
from province_world import founded
from web_world import PASSWORD, Clock, Site, enlist, served_pages

from province.accounts.account import Role
from province.web.sessions import FREE_TRIES, LONGEST_WAIT_S

HOSTILE = some.one_of(
    some.text(max_size=60),
    some.sampled_from((
        "' OR 1=1 --", '"; DROP TABLE account; --', "<script>alert(1)</script>", "{{ 7*7 }}", "%s%s%n", "a\r\nset-cookie: x=1",
        "\x00", "0912000000\n", "../../keystore", "${jndi:ldap://x}", "𝟎𝟗𝟏𝟐", "\ud7ff\u202e",
    )),
)  # fmt: skip
BRIEFLY = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[Site]:
    with served_pages(founded(tmp_path_factory.mktemp("guessing") / "province"), now_s=clock.now_s, at_ms=clock.now_ms) as site:
        yield site


def test_a_stranger_who_guesses_shuts_nobody_out(site: Site, clock: Clock) -> None:
    enlist(site.layout, Role.REPORTER, "0977000001")
    owner = site.browser()
    assert owner.login("0977000001").status == 303
    stranger = site.browser()
    for _ in range(40):  # he never lets go: each time he may he tries
        answer = stranger.login("0977000001", "wrong")
        clock.later(float(answer.headers.get("retry-after", 0)))
        assert answer.status in {403, 429}
        assert float(answer.headers.get("retry-after", 0)) <= LONGEST_WAIT_S + 1
    assert stranger.login("0977000001", PASSWORD).status == 429  # the right one is not looked at meanwhile
    known = site.browser()
    known.cookie = owner.cookie.partition("; ")[2]  # the mark alone, no session
    assert known.cookie.startswith("__Host-gate-known=")
    assert known.login("0977000001").status == 303
    another = site.browser(Role.ADMIN)
    assert another.get("/vi/account").status == 200
    clock.later(LONGEST_WAIT_S + 1)
    assert site.browser().login("0977000001").status == 303  # a new browser of theirs waits five minutes at most


def test_a_mark_opens_nothing_and_is_its_accounts_alone(site: Site, clock: Clock) -> None:
    enlist(site.layout, Role.REPORTER, "0977000002")
    enlist(site.layout, Role.REPORTER, "0977000003")
    one = site.browser()
    one.login("0977000002")
    mark = one.cookie.partition("; ")[2]
    for cookie in (mark, mark[:-1], mark.replace("-known=", "-known=x")):
        thief = site.browser()
        thief.cookie = cookie
        assert thief.get("/vi/account").status == 303
        assert [thief.login("0977000003", "wrong").status for _ in range(7)][-1] == 429
        clock.later(3 * 3600)


def test_one_address_is_slowed_whatever_numbers_it_tries(site: Site, clock: Clock) -> None:
    clock.later(3600)
    stranger = site.browser()
    tried = [stranger.login(f"09660000{number:02}", "wrong").status for number in range(33)]
    assert (tried[:30], tried[-1]) == ([403] * 30, 429)
    clock.later(3600)
    assert stranger.login("0966000000", "wrong").status == 403


def test_a_number_of_nobodys_costs_the_same_work(site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    clock.later(3600)
    looked: list[str] = []
    verify = Argon2id.verify_phc_encoded

    class Counted:
        @staticmethod
        def verify_phc_encoded(password: bytes, kept: str) -> None:
            looked.append(kept.rpartition("$")[0].rpartition("$")[0])
            verify(password, kept)

    monkeypatch.setattr("province.accounts.passwords.Argon2id", Counted)
    answers = [site.browser().login(phone, "wrong password") for phone in ("0955000000", site.phones[Role.ADMIN])]
    assert len(looked) == 2
    assert len(set(looked)) == 1  # of the same cost
    assert answers[0].text == answers[1].text
    assert {answer.status for answer in answers} == {403}


def test_a_session_ends_by_idleness_and_by_age(site: Site, clock: Clock) -> None:
    clock.later(3600)
    admin, keeper = site.browser(Role.ADMIN), site.browser(Role.KEEPER)
    for _ in range(3):
        clock.later(3000)
        assert admin.get("/vi/account").status == 200
    clock.later(3601)
    assert (admin.get("/vi/account").status, keeper.get("/vi/account").status) == (303, 200)  # a keeper's page stands open all day
    clock.later(12 * 3600 - 3 * 3000 - 3601 + 1)
    assert keeper.get("/vi/account").status == 303


def test_a_cookie_that_was_there_before_is_never_let_in(site: Site) -> None:
    planted = "__Host-gate=planted-by-somebody-else"
    victim, thief = site.browser(), site.browser()
    victim.cookie = thief.cookie = planted
    assert victim.login(site.phones[Role.ADMIN]).status == 303
    assert planted not in victim.cookie
    assert thief.get("/vi/account").status == 303
    before = site.browser(Role.ADMIN)
    old = before.cookie
    assert before.login(site.phones[Role.ADMIN]).status == 303
    assert before.cookie.partition("; ")[0] != old.partition("; ")[0]
    thief.cookie = old
    assert thief.get("/vi/account").status == 303  # the one it had is over


@BRIEFLY
@given(phone=HOSTILE, password=HOSTILE)
def test_what_is_typed_at_the_login_is_text(site: Site, clock: Clock, phone: str, password: str) -> None:
    clock.later(3600)
    answer = site.browser().login(phone, password)
    assert (answer.status, "set-cookie" in answer.headers) == (403, False)
    assert answer.text == site.browser().login("0955000001", "wrong").text  # nothing of it is on the page
    assert site.browser(Role.ADMIN).get("/vi/account").status == 200  # and the accounts are there


@BRIEFLY
@given(current=HOSTILE, new=HOSTILE, token=HOSTILE)
def test_what_is_typed_in_a_form_is_text(site: Site, clock: Clock, current: str, new: str, token: str) -> None:
    clock.later(3600)
    browser = site.browser(Role.REPORTER)
    own = browser.token()
    assert browser.post("/vi/account/password", {"token": token, "current": PASSWORD, "new": new, "again": new}).status == 403
    answer = browser.post("/vi/account/password", {"token": own, "current": current, "new": new, "again": new})
    assert answer.status == 400
    assert browser.post("/vi/account/second", {"token": own, "code": current}).status == 400
    assert browser.post(f"/vi/account/second/again?x={'y' * 9}", {"token": own, "password": current, "code": new}).status == 400
    assert "<script>alert" not in answer.text


@BRIEFLY
@given(values=some.lists(HOSTILE, min_size=7, max_size=7), role=some.sampled_from([*map(str, Role), "king"]))
def test_what_an_administrator_types_is_text(site: Site, clock: Clock, values: list[str], role: str) -> None:
    clock.later(3600)
    admin = site.browser(Role.ADMIN)
    before = admin.get("/en/people").text.partition(" accounts")[0].rpartition(">")[2]
    fields = dict(zip(("name", "phone", "sites", "unit", "org", "commands", "x"), values, strict=True))
    answer = admin.post("/en/people/add", {**fields, "role": role, "token": admin.token()})
    assert answer.status == 400
    assert answer.text.count("<script") == 1
    asked = values[2:5]
    listed = admin.get(f"/en/people?{urlencode(dict(zip(('site', 'role', 'page'), asked, strict=True)))}")
    assert listed.status == (400 if any("\0" in value for value in asked) else 200)
    assert admin.get(f"/en/people/x{quote(values[0], safe='')}").status in {303, 400, 404}
    assert admin.get("/en/people").text.partition(" accounts")[0].rpartition(">")[2] == before


@BRIEFLY
@given(
    name=some.text(some.characters(exclude_categories=["Cc", "Cs", "Cf", "Zs", "Zl", "Zp", "Co", "Cn"]), min_size=1, max_size=30)
    | some.sampled_from(("<img src=x onerror=alert(1)>", "{{ config }}", "' OR 1=1 --", '"><script>'))
)
def test_a_name_is_shown_as_it_is_and_runs_nothing(site: Site, clock: Clock, name: str) -> None:
    clock.later(3600)
    number = f"08{abs(hash(name)) % 10**8:08}"
    one = enlist(site.layout, Role.REPORTER, number, name=name)
    browser = site.browser()
    assert browser.login(number).status == 303
    text = browser.get("/vi/account").text
    assert f"<h1>{html.escape(one.name)}</h1>".replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in text
    assert text.count("<script") == 1
    assert html.unescape(text).count(one.name) >= 2


@pytest.mark.parametrize(
    "headers,status",
    [
        ({"Host": "evil.example"}, 400), ({"Cookie": "__Host-gate=\xff; =; ;;x"}, 303), ({"Accept-Language": "x" * 8000}, 303),
        ({"X-Forwarded-For": "1.2.3.4"}, 303), ({"Content-Length": "-1"}, 413),
    ],
)  # fmt: skip
def test_headers_that_no_browser_sends_break_nothing(site: Site, headers: dict[str, str], status: int) -> None:
    assert site.browser().get("/vi/account", **headers).status in {status, 400}


def test_an_open_session_guesses_its_password_no_faster_than_a_login(site: Site, clock: Clock) -> None:
    enlist(site.layout, Role.KEEPER, "0955000077")
    browser = site.browser()
    assert browser.login("0955000077").status == 303
    token = browser.token()

    def tried(current: str) -> Answered:
        new = "bốn cây mít trước nhà"
        return browser.post("/vi/account/password", {"token": token, "current": current, "new": new, "again": new})

    def change(current: str) -> int:
        return tried(current).status

    assert [change("wrong") for _ in range(12)] == [400] * (FREE_TRIES + 1) + [429] * (11 - FREE_TRIES)
    waits = tried(PASSWORD)
    assert (waits.status, int(waits.headers["retry-after"]) > 0) == (429, True), "not looked at meanwhile"
    assert ("Hãy chờ" in waits.text, "không đúng" in waits.text) == (True, False)
    clock.later(3600.0)
    assert browser.login("0955000077").status == 303
    token = browser.token()
    assert change(PASSWORD) == 303
