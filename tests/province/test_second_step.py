"""The second step: set up before all else, each code taken once, codes on paper, codes sent to phones, a lost phone."""

from __future__ import annotations

import html
import json
import re
import sys
from base64 import b32decode
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from old_province import here
from province_world import founded
from web_world import PASSWORD, Clock, Site, Visitor, changes_noted, enlist, roll_of, served_pages

from province.accounts import second
from province.accounts.account import Role
from province.store import database
from province.web.codes import ByCommand, ByWebhook, NotSent
from province.web.door import TWO_STEPS, Policy


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[Site]:
    layout = founded(tmp_path_factory.mktemp("second") / "province")
    with served_pages(layout, policy=TWO_STEPS, now_s=clock.now_s, at_ms=clock.now_ms, roles=()) as site:
        yield site


def code_of(secret: bytes, clock: Clock) -> str:
    return second.code_at(secret, clock.now_ms() // 1000 // 30)


def set_up(browser: Visitor, clock: Clock) -> tuple[bytes, list[str]]:
    """Sets up the second step as a person does; the secret and the codes for paper."""
    page = browser.get("/en/account/second").text
    secret = b32decode(re.sub(r"\s", "", page.partition("<code>")[2].partition("</code>")[0]))
    token = browser.token("/en/account/second")
    assert browser.post("/en/account/second", {"token": token, "code": "000 000"}).status == 400
    shown = browser.post("/en/account/second", {"token": token, "code": code_of(secret, clock)})
    assert shown.status == 200
    return secret, re.findall(r"<li><code>(.+)</code>", shown.text)


def second_step(browser: Visitor, code: str) -> int:
    page = browser.get("/en/login/code")
    token = page.text.partition('name="token" value="')[2].partition('"')[0]
    return browser.post("/en/login/code", {"token": token, "code": code}).status


def test_it_is_set_up_before_all_else_and_asked_for_from_then_on(site: Site, clock: Clock) -> None:
    enlist(site.layout, Role.ADMIN, "0912345601")
    browser = site.browser()
    assert browser.login("0912345601").headers["location"] == "/vi/"
    assert browser.get("/vi/account").headers["location"] == "/vi/account/second"
    assert browser.post("/vi/account/sessions", {"token": browser.token("/vi/account/second")}).headers["location"] == "/vi/account/second"
    secret, codes = set_up(browser, clock)
    assert (browser.get("/vi/account").status, len(set(codes))) == (200, 10)

    other = site.browser()
    assert other.login("0912345601").headers["location"] == "/vi/login/code"
    assert other.get("/vi/account").status == 303
    assert second_step(other, code_of(secret, clock)) == 403  # it was taken when it was set up
    clock.later(30)
    fresh = code_of(secret, clock)
    assert second_step(other, f"{fresh[:3]} {fresh[3:]}") == 303
    assert other.get("/vi/account").status == 200
    third = site.browser()
    third.login("0912345601")
    assert second_step(third, fresh) == 403
    assert [second_step(third, codes[0].upper()), third.get("/vi/account").status] == [303, 200]
    third.login("0912345601")
    assert second_step(third, codes[0]) == 403


def test_half_in_is_over_after_five_minutes_and_is_not_in(site: Site, clock: Clock) -> None:
    enlist(site.layout, Role.REPORTER, "0912345602")
    browser = site.browser()
    browser.login("0912345602")
    secret, _codes = set_up(browser, clock)
    late = site.browser()
    late.login("0912345602")
    half = late.cookie
    clock.later(301)
    assert late.get("/vi/login/code").headers["location"] == "/vi/login"
    late.cookie = half.replace("__Host-gate-half", "__Host-gate")
    assert late.get("/vi/account").headers["location"] == "/vi/login"
    late.login("0912345602")
    with closing(database.connect(site.layout.register)) as connection:
        found = roll_of(site.layout).by_phone(connection, "0912345602")
        assert found is not None
        roll_of(site.layout).set_password(connection, found.account.id, "another one, quite long")
    assert second_step(late, code_of(secret, clock)) == 303
    assert late.get("/vi/account").headers["location"] == "/vi/login"  # the password was another by then


def test_who_guesses_codes_waits(site: Site, clock: Clock) -> None:
    enlist(site.layout, Role.REPORTER, "0912345603")
    browser = site.browser()
    browser.login("0912345603")
    secret, _codes = set_up(browser, clock)
    thief = site.browser()
    thief.login("0912345603")
    assert [second_step(thief, f"{number:06}") for number in range(7)] == [403] * 6 + [429]
    clock.later(31)
    owner = site.browser()
    owner.cookie = browser.cookie  # who has come in here before is not kept waiting by another
    owner.login("0912345603")
    assert second_step(owner, code_of(secret, clock)) == 303


def test_on_another_phone_it_is_set_up_anew_with_password_and_code_or_by_the_administrator(site: Site, clock: Clock) -> None:
    one = enlist(site.layout, Role.REPORTER, "0912345604")
    browser = site.browser()
    browser.login("0912345604")
    secret, codes = set_up(browser, clock)
    form = {"token": browser.token("/vi/account/second"), "password": PASSWORD, "code": codes[1]}
    for wrong in ({"password": "x"}, {"code": codes[2] + "x"}):
        assert browser.post("/vi/account/second/again", {**form, **wrong}).status == 400
    guesses = [browser.post("/vi/account/second/again", {**form, "code": "000000"}) for _ in range(6)]
    assert [each.status for each in guesses] == [400] * 5 + [429]
    assert ("Hãy chờ" in guesses[-1].text, int(guesses[-1].headers["retry-after"]) > 0) == (True, True)
    clock.later(10.0)
    assert browser.post("/vi/account/second/again", form).status == 303
    again, _codes = set_up(browser, clock)
    assert again != secret
    assert changes_noted(site.layout, one.id) == [
        (action, one.id) for action in ("account-second-set", "account-second", "account-second-set")
    ]
    assert here("account", "second", site.layout.root, one.id).returncode == 0
    assert browser.get("/vi/account").headers["location"] == "/vi/login"
    browser.login("0912345604")
    assert browser.get("/vi/account").headers["location"] == "/vi/account/second"


@dataclass
class Outbox:
    """Keeps what is sent."""

    sent: list[tuple[str, str]] = field(default_factory=list)
    broken: bool = False

    def send(self, phone: str, text: str) -> None:
        if self.broken:
            raise NotSent("the gateway is away")
        self.sent.append((phone, text))


def test_a_code_is_sent_to_the_phone_and_taken_once(tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    box = Outbox()
    with served_pages(
        founded(tmp_path / "province"), policy=Policy(sender=box), now_s=clock.now_s, at_ms=clock.now_ms, roles=(Role.ADMIN,)
    ) as site:
        browser, phone = site.browser(), site.phones[Role.ADMIN]
        assert browser.login(phone).headers["location"] == "/vi/login/code"
        [(to, text)] = box.sent
        code = re.findall(r"\d{6}", text)[0]
        assert (to, code in browser.get("/vi/login/code").text) == (phone, False)
        assert [second_step(browser, "12345"), second_step(browser, code), browser.get("/vi/account").status] == [403, 303, 200]
        browser.login(phone)
        assert second_step(browser, code) == 403
        token = browser.get("/vi/login/code").text.partition('name="token" value="')[2].partition('"')[0]
        again = [browser.post("/vi/login/send", {"token": token}).status for _ in range(3)]
        assert again == [200, 200, 429]
        assert len(box.sent) == 4
        assert second_step(browser, re.findall(r"\d{6}", box.sent[-1][1])[0]) == 303
        clock.later(7200)
        box.broken = True
        answer = browser.login(phone)
        assert (answer.status, "Chưa gửi được mã" in answer.text, phone in answer.text) == (503, True, False)
        assert "the gateway is away" not in html.unescape(answer.text)
        assert ("the gateway is away" in caplog.text, phone in caplog.text) == (True, False)  # for who looks after it


def test_a_program_of_the_provinces_own_is_told_number_and_text(tmp_path: Path) -> None:
    told = tmp_path / "told"
    ByCommand([sys.executable, "-c", f"import sys; open({str(told)!r}, 'w').write(sys.stdin.read())"]).send("0912345678", "mã 123456")
    assert json.loads(told.read_text()) == {"phone": "0912345678", "text": "mã 123456"}
    for words in ([sys.executable, "-c", "raise SystemExit(3)"], [str(tmp_path / "nowhere")]):
        with pytest.raises(NotSent) as raised:
            ByCommand(words).send("0912345678", "mã 123456")
        assert "0912345678" not in str(raised.value)
    with pytest.raises(NotSent):
        ByWebhook("http://127.0.0.1:1/send").send("0912345678", "mã 123456")


@pytest.mark.parametrize("at_s,code", [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (2000000000, "279037")])
def test_codes_are_those_of_rfc_6238(at_s: int, code: str) -> None:
    secret = b"12345678901234567890"
    assert second.step_of(secret, code, at_s * 1000, 0) == at_s // 30
    assert second.step_of(secret, code, (at_s + 30) * 1000, 0) == at_s // 30
    assert second.step_of(secret, code, (at_s + 90) * 1000, 0) is None
    assert second.step_of(secret, code, at_s * 1000, at_s // 30) is None
