"""The pages of tracing as a browser asks them: who may see what, what a case shows, its exports, its approval; every look is audited."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from markupsafe import escape
from tracing_world import CASE, a_busy_week, hand, passed, someone
from web_world import Site, Visitor, enlist, roll_of, served_pages

from edge_agent.wire.keyring import day_of
from province.accounts import noting
from province.accounts.account import Role
from province.base.clock import now_ms
from province.base.errors import NotAProvince
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.looks.looking import Looker
from province.records import audit, audit_check
from province.records.views import day_bounds_ms
from province.store import database
from province.tracing import rules
from province.tracing.approving import CLI
from province.tracing.desk import Desk
from province.tracing.words import WORDS
from province.web.languages import LANGUAGES

REASON = "ca bệnh 117"


@pytest.fixture
def site(old_layout: Layout) -> Iterator[Site]:
    with hand(old_layout) as write:
        a_busy_week(write, day_bounds_ms(day_of(now_ms()) - timedelta(days=8))[0])
    with served_pages(old_layout, roles=(Role.TRACER, Role.ADMIN)) as site:
        yield site


def opened(tracer: Visitor, number: str = CASE.id_number, **more: str) -> str:
    """Opens a case, and says where it went."""
    form = {"token": tracer.token("/vi/tracing"), "number": number, "reason": REASON, "days": "21", **more}
    return dict(tracer.post("/vi/tracing/open", form).headers).get("location", "")


def actions(layout: Layout) -> list[tuple[str, str]]:
    with closing(database.connect(layout.register)) as connection:
        assert not audit_check.verify(connection, Keystore(layout.keystore)).problems
        return [(line.action, line.reason) for line in audit.lines(connection)]


def test_a_tracer_opens_a_case_and_sees_who_shared_air(site: Site) -> None:
    tracer = site.browser(Role.TRACER)
    assert opened(tracer) == "/vi/tracing/1"
    page = tracer.get("/vi/tracing/1").text
    for told in (CASE.name, CASE.id_number, "Công ty Dệt may Hương Giang", "Nguyễn Văn 100", "<svg", "Thành phố Huế", "không có lượt ra"):
        assert told in page
    assert re.search(r"\d+ lần đến, tại \d+ địa điểm", page)
    assert "Nơi cùng có mặt" in page
    assert "<script>" not in page
    assert "style=" not in page
    for form, head in (("xlsx", "PK"), ("pdf", "%PDF"), ("csv", "\ufeffHuyện")):
        answer = tracer.get(f"/vi/tracing/1/export/{form}")
        assert (answer.status, answer.text[: len(head)]) == (200, head)
    assert tracer.get("/vi/tracing/1/export/exe").status == 404
    for number in (2, 2**63, 99999999999999999999):
        assert tracer.get(f"/vi/tracing/{number}").status == 404
    assert actions(site.layout) == [
        ("trace-open", REASON), ("trace-show", f"case 1: {REASON}"), *[("trace-export", f"case 1: {REASON}")] * 3,
    ]  # fmt: skip


def test_a_number_of_several_people_is_told_on_the_page_and_at_an_export(old_layout: Layout) -> None:
    at_ms = day_bounds_ms(day_of(now_ms()) - timedelta(days=8))[0]
    with hand(old_layout) as write:
        for number in (1, 2):
            write.put("cho", at_ms + number * 3_600_000, passed(someone(number, phone="0912345671"), "in"))
    with served_pages(old_layout, roles=(Role.TRACER,)) as site:
        tracer = site.browser(Role.TRACER)
        assert opened(tracer, "0912345671") == "/vi/tracing/1"
        for path in ("/vi/tracing/1", "/vi/tracing/1/export/csv"):
            answer = tracer.get(path)
            assert (answer.status, "nhiều người" in answer.text, "--id" in answer.text) == (400, True, False), path


def test_who_administers_sees_no_person(site: Site) -> None:
    opened(site.browser(Role.TRACER))
    admin = site.browser(Role.ADMIN)
    for path in ("/vi/tracing", "/vi/tracing/1"):
        page = admin.get(path)
        assert (page.status, CASE.id_number in page.text, CASE.name in page.text) == (200, False, False)
    assert admin.get("/vi/tracing/1/export/csv").status == 403


@pytest.mark.parametrize("two_officers", [False, True], ids=["open", "waiting"])
def test_a_case_of_another_unit_is_nowhere(site: Site, two_officers: bool) -> None:
    (site.layout.root / "tracing.toml").write_text(f"second_officer = {str(two_officers).lower()}\n")
    browsers = {}
    for number, unit in enumerate(("19789", "19819", "474", "476")):
        enlist(site.layout, Role.TRACER, f"091300000{number}", unit=unit)
        browsers[unit] = site.browser()
        assert browsers[unit].login(f"091300000{number}").status == 303
    browsers["46"] = site.browser(Role.TRACER)
    opened(browsers["19789"])
    before = actions(site.layout)
    for other in ("19819", "476"):
        browser = browsers[other]
        token = browser.token("/vi/tracing")
        assert "/tracing/1" not in browser.get("/vi/tracing").text + browser.get("/vi/").text
        assert [browser.get(f"/vi/tracing/1{what}").status for what in ("", "/export/xlsx", "/export/pdf", "/export/csv")] == [404] * 4
        assert [browser.post(f"/vi/tracing/1/{what}", {"token": token}).status for what in ("approve", "close")] == [404] * 2
    assert actions(site.layout) == before
    for own in ("19789", "474", "46"):
        assert "/tracing/1" in browsers[own].get("/vi/tracing").text
        assert browsers[own].get("/vi/tracing/1").status == 200


def test_another_officer_approves_where_the_province_wants_two(site: Site) -> None:
    (site.layout.root / "tracing.toml").write_text("second_officer = true\n")
    enlist(site.layout, Role.TRACER, "0913000000", unit="474")
    tracer, second = site.browser(Role.TRACER), site.browser()
    assert second.login("0913000000").status == 303
    opened(tracer)
    waiting = tracer.get("/vi/tracing/1").text
    assert ("Chờ duyệt" in waiting, CASE.name in waiting, "/approve" in waiting) == (True, False, False)
    assert tracer.get("/vi/tracing/1/export/csv").status == 404
    own = tracer.post("/vi/tracing/1/approve", {"token": tracer.token("/vi/tracing")})
    assert (own.status, "cần một cán bộ khác duyệt" in own.text) == (403, True)
    assert [urgent in page.get("/vi/").text for page in (tracer, second) for urgent in ("chờ bạn duyệt", "chờ người khác duyệt")] == [
        False, True, True, False,
    ]  # fmt: skip
    assert second.post("/vi/tracing/1/approve", {"token": "x"}).status == 403
    assert CASE.name not in tracer.get("/vi/tracing/1").text
    assert second.post("/vi/tracing/1/approve", {"token": second.token("/vi/tracing")}).status == 303
    assert second.post("/vi/tracing/1/approve", {"token": second.token("/vi/tracing")}).status == 403  # it waits no more
    assert [action for action, _reason in actions(site.layout)].count("trace-approve") == 1  # what was refused is in no line
    assert CASE.name in tracer.get("/vi/tracing/1").text
    assert tracer.post("/vi/tracing/1/close", {"token": tracer.token("/vi/tracing")}).status == 303
    assert tracer.get("/vi/tracing/1").status == 404  # whose it was is forgotten too


def test_an_approval_that_the_keystore_could_not_note_counts_and_says_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    (site.layout.root / "tracing.toml").write_text("second_officer = true\n")
    enlist(site.layout, Role.TRACER, "0913000000", unit="474")
    tracer, second = site.browser(Role.TRACER), site.browser()
    assert second.login("0913000000").status == 303
    opened(tracer)
    token = second.token("/vi/tracing")

    def full(*_anything: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(audit, "write_atomically", full)
    approved = second.post("/vi/tracing/1/approve", {"token": token})
    assert (approved.status, "headless=1" in approved.headers["location"]) == (303, True)
    monkeypatch.undo()
    assert CASE.name in tracer.get("/vi/tracing/1").text
    assert [action for action, _reason in actions(site.layout)][:2] == ["trace-open", "trace-approve"]


def refused(browser: Visitor, why: str) -> None:
    """Who may not approve case 1 is not asked to, and is told why, before and after."""
    assert "/tracing/1" not in browser.get("/vi/").text
    for language in LANGUAGES:
        said = str(escape(WORDS[language][f"approve.not.{why}"]))
        page = browser.get(f"/{language}/tracing/1")
        assert (page.status, said in page.text, "/approve" in page.text) == (200, True, False)
        answer = browser.post(f"/{language}/tracing/1/approve", {"token": browser.token("/vi/tracing")})
        assert (answer.status, said in answer.text) == (403, True)


@pytest.mark.parametrize("change", ["password", "second", "phone"])
def test_an_account_that_another_changed_of_late_approves_nothing(site: Site, change: str) -> None:
    (site.layout.root / "tracing.toml").write_text("second_officer = true\n")
    account = enlist(site.layout, Role.TRACER, "0913000000", unit="474")
    tracer, second, admin = site.browser(Role.TRACER), site.browser(), site.browser(Role.ADMIN)
    opened(tracer)
    assert admin.post("/vi/tracing/1/approve", {"token": admin.token("/vi/account")}).status == 403
    assert "/approve" not in admin.get("/vi/tracing/1").text
    with closing(database.connect(site.layout.register)) as connection:
        noting.note(connection, site.layout, roll_of(site.layout), ("an-admin", "web"), f"account-{change}", account, lambda: None)
    assert second.login("0913000000").status == 303
    assert second.post("/vi/tracing/1/approve", {"token": second.token("/vi/tracing")}).status == 403
    refused(second, "fresh")
    assert "Chờ duyệt" in tracer.get("/vi/tracing/1").text


def test_what_was_opened_at_the_command_line_is_approved_there(site: Site) -> None:
    (site.layout.root / "tracing.toml").write_text("second_officer = true\n")
    tracer = site.browser(Role.TRACER)
    with closing(database.connect(site.layout.register)) as connection:
        desk = Desk(
            site.layout, Keystore(site.layout.keystore), connection, rules.read(site.layout.tracing_rules), now_ms(), CLI,
        )  # fmt: skip
        desk.open(Looker("le.binh", REASON), CASE.id_number)
    assert tracer.post("/vi/tracing/1/approve", {"token": tracer.token("/vi/tracing")}).status == 403
    refused(tracer, "elsewhere")
    assert "cli:le.binh" in tracer.get("/vi/tracing/1").text


def test_of_two_who_decide_at_once_one_does(site: Site) -> None:
    (site.layout.root / "tracing.toml").write_text("second_officer = true\n")
    opened(site.browser(Role.TRACER))
    keystore = Keystore(site.layout.keystore)
    with closing(database.connect(site.layout.register)) as connection:
        desk = Desk(site.layout, keystore, connection, rules.read(site.layout.tracing_rules), now_ms())
        seen = desk.find(1)
        desk.approve(Looker("first", REASON), seen)
        with pytest.raises(NotAProvince, match="meanwhile"):
            desk.approve(Looker("later", REASON), seen)
        desk.close(Looker("first", REASON), seen)
        with pytest.raises(NotAProvince, match="already"):
            desk.close(Looker("later", REASON), seen)
        with pytest.raises(NotAProvince, match="meanwhile"):
            desk.approve(Looker("later", REASON), seen)
    assert [action for action, _reason in actions(site.layout)] == ["trace-open", "trace-approve", "trace-close"]


def test_what_is_typed_wrong_opens_nothing_and_is_not_repeated(site: Site) -> None:
    tracer = site.browser(Role.TRACER)
    own = {"token": tracer.token("/vi/tracing"), "number": CASE.id_number, "reason": REASON, "days": "21"}
    reasons, days = ({"reason": "ca của 001099012345"}, {"reason": "x"}), ({"days": "0"}, {"days": "²"})
    for wrong in ({"number": "--"}, {"number": "abc"}, {"number": "012345"}, {"number": "9" * 101}, *reasons, *days):
        answer = tracer.post("/vi/tracing/open", {**own, **wrong})
        assert (answer.status, 'role="alert"' in answer.text, CASE.id_number in answer.text) == (400, True, False)
    assert actions(site.layout) == []


def test_a_number_that_nobody_has_heads_no_empty_table(site: Site) -> None:
    tracer = site.browser(Role.TRACER)
    opened(tracer, "001099 999999")
    page = tracer.get("/vi/tracing/1").text
    assert ("Không thấy lượt nào" in page, 'id="contacts"' in page, 'href="#contacts"' in page) == (True, False, False)


def test_what_a_code_says_is_only_text_on_the_page(old_layout: Layout) -> None:
    rogue = replace(someone(9), name='<img src=x onerror="alert(1)">')
    at_ms = now_ms() - 3 * 86_400_000
    with hand(old_layout) as write:
        write.put('Chợ "<b>', at_ms, passed(CASE, "in"))
        write.put('Chợ "<b>', at_ms + 60_000, passed(rogue, "in"))
    with served_pages(old_layout, roles=(Role.TRACER,)) as site:
        tracer = site.browser(Role.TRACER)
        opened(tracer)
        page = tracer.get("/vi/tracing/1").text
    assert ("<img" in page, "&lt;img" in page, '"<b>' in page) == (False, True, False)
