"""A change whose line of the audit log the keystore could not note: it stands, so what came of it is shown, with a warning."""

from __future__ import annotations

import re
from base64 import b32decode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from old_province import here
from page_world import Answered
from province_world import founded
from web_world import PASSWORD, Site, Visitor, changes_noted, enlist, roll_of, served_pages

from province.accounts import second
from province.accounts.account import Role
from province.accounts.passwords import Check
from province.accounts.roll import Member
from province.base.clock import now_ms
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.records import audit, audit_check
from province.store import database

WARNED = "nơi giữ khóa của tỉnh chưa ghi được"
NEW = "một mật khẩu thật dài"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    roles = (Role.ADMIN, Role.TRACER)
    with served_pages(founded(tmp_path_factory.mktemp("headless") / "province"), roles=roles) as site:
        yield site


@pytest.fixture
def site(whole: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Pages of a province whose keystore takes no head of the log any more; afterwards the next line makes up for all."""
    fill(monkeypatch)
    yield whole
    monkeypatch.undo()
    admin = whole.browser(Role.ADMIN)
    one = enlist(whole.layout, Role.REPORTER, f"09550001{len(lines(whole.layout)):02}")
    assert WARNED not in changed(admin, one.id, "password").text
    with closing(database.connect(whole.layout.register)) as connection:
        assert not audit_check.verify(connection, Keystore(whole.layout.keystore)).problems


def fill(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_anything: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(audit, "write_atomically", full)


def lines(layout: Layout) -> list[audit.Line]:
    with closing(database.connect(layout.register)) as connection:
        return list(audit.lines(connection))


def found(layout: Layout, id_: str) -> Member | None:
    with closing(database.connect(layout.register)) as connection:
        return roll_of(layout).find(connection, id_)


def changed(browser: Visitor, id_: str, change: str, **form: str) -> Answered:
    seen = browser.get(f"/vi/people/{id_}").text.partition('name="seen" value="')[2].partition('"')[0]
    return browser.post(f"/vi/people/{id_}/{change}", {"token": browser.token(), "seen": seen, **form})


def secret_of(page: Answered) -> str:
    return page.text.partition('<p class="secret"><code>')[2].partition("</code>")[0]


def followed(browser: Visitor, answer: Answered) -> str:
    assert answer.status == 303, answer.text
    return browser.get(dict(answer.headers)["location"]).text


def test_who_administers_sees_the_password_they_gave(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    one, admin = enlist(site.layout, Role.REPORTER, "0955000001"), site.browser(Role.ADMIN)
    answer = changed(admin, one.id, "password")
    member = found(site.layout, one.id)
    assert member is not None
    assert (answer.status, WARNED in answer.text, Check().is_of(secret_of(answer), member.hashed)) == (200, True, True)
    assert "No space left on device" in caplog.text
    form = {"token": admin.token(), "name": "Trần Văn Minh", "phone": "0955000002", "role": "reporter", "whole": "1"}
    made = admin.post("/vi/people/add", form)
    assert (made.status, WARNED in made.text) == (200, True)
    assert site.browser().login("0955000002", secret_of(made)).status == 303
    assert WARNED in followed(admin, changed(admin, one.id, "role", role="admin"))
    assert WARNED in followed(admin, changed(admin, one.id, "remove", sure=one.id))
    assert found(site.layout, one.id) is None
    assert [action for action, _by in changes_noted(site.layout, one.id)] == ["account-password", "account-role", "account-removed"]
    assert WARNED not in admin.get("/vi/people").text


def test_who_changes_their_own_stays_in_and_has_the_codes_for_paper(site: Site) -> None:
    one = enlist(site.layout, Role.REPORTER, "0955000003")
    theirs = site.browser()
    assert theirs.login("0955000003").status == 303
    form = {"token": theirs.token(), "current": PASSWORD, "new": NEW, "again": NEW}
    assert WARNED in followed(theirs, theirs.post("/vi/account/password", form))
    page = theirs.get("/vi/account/second").text
    kept = bytes.fromhex(_hex_of(re.findall(r"<code>([^<]+)</code>", page)[0]))
    code = second.code_at(kept, now_ms() // 30_000)
    answer = theirs.post("/vi/account/second", {"token": theirs.token(), "code": code})
    codes = re.findall(r"<code>([^<]+)</code>", answer.text)
    assert (answer.status, WARNED in answer.text, len(codes)) == (200, True, second.RECOVERY_CODES)
    again = {"token": theirs.token(), "password": NEW, "code": codes[0]}
    assert WARNED in followed(theirs, theirs.post("/vi/account/second/again", again))
    member = found(site.layout, one.id)
    assert member is not None
    assert (member.totp, theirs.get("/vi/account").status) == (None, 200)


def _hex_of(shown: str) -> str:
    text = shown.replace(" ", "")
    return b32decode(text + "=" * (-len(text) % 8)).hex()


def test_a_case_is_closed_and_its_officer_told(whole: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    tracer = whole.browser(Role.TRACER)
    form = {"token": tracer.token("/vi/tracing"), "number": "001099012345", "reason": "ca 117", "days": "21"}
    assert tracer.post("/vi/tracing/open", form).status == 303
    fill(monkeypatch)
    shown = tracer.get("/vi/tracing/1")
    assert (shown.status, WARNED in shown.text) == (503, False)  # a look shows nothing
    assert WARNED in followed(tracer, tracer.post("/vi/tracing/1/close", {"token": form["token"]}))
    assert tracer.get("/vi/tracing/1").status == 404  # closed
    monkeypatch.undo()
    assert tracer.post("/vi/tracing/open", form).status == 303


def test_a_command_tells_the_password_although(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = founded(tmp_path / "province")
    fill(monkeypatch)
    ran = here("account", "add", layout.root, "--role", "admin", "--name", "Lê Hùng", "--phone", "0955000009")
    assert (ran.returncode, "is entered" in ran.stderr) == (1, True)
    told = dict(line.split(maxsplit=1) for line in ran.stdout.splitlines())
    member = found(layout, told["account"])
    assert member is not None
    assert Check().is_of(told["password"].split()[0], member.hashed)
