"""The fleet's page over TLS: who sees what, what forms do, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from page_world import Desk, judge, open_desk, told, until
from province_world import founded

from edge_agent.serving.guard import HEADERS
from edge_agent.wire.telemetry import Outbox
from province.base.clock import now_ms
from province.fleet.accounts import AccountsFile
from province.fleet.orders import new_ref
from province.watch.fleet_store import FleetStore

HERS, THEIRS = "cho-hue/may-002", "xe-buyt/may-001"
PAGES = (
    "/vi/", "/en/", "/vi/alerts", f"/vi/device/{HERS}", f"/vi/device/{HERS}/order/identify", "/vi/fleet.csv", "/vi/alerts/1",
    "/vi/orders/x",
)  # fmt: skip
STREAMS = ("/vi/stream/fleet", "/vi/stream/alerts", f"/vi/stream/device/{HERS}", "/vi/stream/orders/x")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder: Path = tmp_path_factory.mktemp("page")
    with open_desk(founded(folder / "province")) as desk:
        yield desk


def test_without_a_password_nothing_is_shown(desk: Desk) -> None:
    stranger = desk.browser()
    for path in PAGES:
        answer = stranger.get(path)
        assert (answer.status, answer.headers.get("location", "")[-6:], "may-" in answer.text) == (303, "/login", False), path
    assert [stranger.get(path).status for path in STREAMS] == [204] * len(STREAMS)
    assert stranger.post(f"/vi/device/{HERS}/order/close", {"ref": new_ref()}).status == 303
    assert HEADERS.items() <= stranger.get("/vi/login").headers.items()


def test_another_organisations_device_is_nowhere(desk: Desk) -> None:
    lan, hung = desk.browser("lan"), desk.browser("hung")
    alert = next(alert for alert in desk.store.alerts("xe-buyt"))
    form = {"token": lan.hidden(f"/vi/device/{HERS}/order/identify")["token"], "ref": new_ref()}
    for path in (
        f"/vi/device/{THEIRS}", f"/en/device/{THEIRS}/order/identify", f"/vi/stream/device/{THEIRS}", f"/vi/alerts/{alert.number}",
    ):  # fmt: skip
        assert lan.get(path).status == 404, path
        assert "/stream/" in path or hung.get(path).status == 200, path
    assert lan.post(f"/vi/device/{THEIRS}/order/identify", form).status == 404
    assert lan.post(f"/vi/alerts/{alert.number}", {**form, "note": "mine now"}).status == 404
    assert desk.store.alerts("xe-buyt")[-1].acknowledged_ms is None
    everything = [
        lan.get(path).text for path in ("/vi/?order=name", "/vi/?q=xe-buyt", "/vi/fleet.csv", "/vi/alerts", "/vi/alerts?history=1")
    ]
    assert not any("xe-buyt/" in text or "may-001" in text for text in everything)
    assert "cho-hue" in everything[2]
    with lan.stream("/vi/stream/fleet") as following:
        assert "xe-buyt" not in following()[1]
    staff = desk.browser("truc-ban")
    assert {status for path in (HERS, THEIRS) if (status := staff.get(f"/vi/device/{path}").status)} == {200}


def test_a_command_of_another_organisation_is_nowhere(desk: Desk) -> None:
    hung, lan = desk.browser("hung"), desk.browser("lan")
    form = {**hung.hidden(f"/vi/device/{THEIRS}/order/identify"), "reason": "find it"}
    sent = hung.post(f"/vi/device/{THEIRS}/order/identify", form)
    assert sent.status == 303
    where = sent.headers["location"]
    assert hung.get(where).status == 200
    assert [lan.get(path).status for path in (where, where.replace("/vi/", "/vi/stream/"))] == [404, 404]
    stolen = {**lan.hidden(f"/vi/device/{HERS}/order/identify"), "ref": form["ref"]}
    assert lan.post(f"/vi/device/{HERS}/order/identify", stolen).status == 400


def test_who_may_only_look_is_offered_no_command_and_sends_none(desk: Desk) -> None:
    minh = desk.browser("minh")
    assert "/order/" not in minh.get(f"/vi/device/{HERS}").text
    assert minh.get(f"/vi/device/{HERS}/order/close").status == 404
    token = minh.hidden("/vi/")["token"]
    assert minh.post(f"/vi/device/{HERS}/order/close", {"token": token, "ref": new_ref()}).status == 404
    assert desk.browser("lan").get(f"/vi/device/{HERS}/order/set-config").status == 404


def test_a_form_from_elsewhere_is_refused(desk: Desk) -> None:
    lan, other = desk.browser("lan"), desk.browser("lan")
    path = f"/vi/device/{HERS}/order/identify"
    own, others = lan.hidden(path), other.hidden(path)
    assert own["token"] != others["token"]
    assert lan.post(path, {**own, "token": others["token"]}).status == 403
    assert lan.post(path, {"ref": own["ref"]}).status == 403
    assert lan.post(path, own, Origin="https://evil.example").status == 403
    assert lan.get("/vi/", Host="evil.example").status == 400
    assert lan.post(path, own, Content_Type="multipart/form-data").status == 400
    assert lan.ask("PUT", path).status == 400
    assert lan.post(path, {**own, "reason": "x" * 9000}).status == 413


def test_an_alert_is_taken_on_once_with_name_time_and_note(desk: Desk) -> None:
    lan, minh = desk.browser("lan"), desk.browser("minh")
    alert = next(each for each in desk.store.alerts("cho-hue") if each.acknowledged_ms is None)
    path = f"/vi/alerts/{alert.number}"
    before_ms = now_ms()
    assert lan.post(path, {**lan.hidden(path), "note": "đã gọi <b>chợ</b>\n"}).status == 303
    taken = next(each for each in desk.store.alerts("cho-hue") if each.number == alert.number)
    assert (taken.acknowledged_by, taken.acknowledged_note) == ("lan", "đã gọi <b>chợ</b>")
    assert before_ms <= (taken.acknowledged_ms or 0) <= now_ms()
    minh.post(path, {"token": minh.hidden("/vi/")["token"], "note": "too late"})
    assert next(each for each in desk.store.alerts("cho-hue") if each.number == alert.number) == taken
    shown = minh.get(f"/vi/device/{alert.name}").text
    assert "&lt;b&gt;chợ" in shown
    assert "<b>chợ" not in shown


def test_what_a_device_tells_is_on_the_page_by_itself_and_only_what_has_changed(desk: Desk) -> None:
    lan = desk.browser("lan")
    name = next(device for device in desk.devices if str(device) == "cho-hue/may-003")
    with lan.stream("/vi/stream/fleet?q=may-003") as following, FleetStore(desk.layout.fleet_store) as writer:
        what, html = following()
        assert (what, html.count("<tr id=")) == ("whole", 1)
        at_ms = now_ms()
        writer.told(name, told(2, at_ms, outbox=Outbox(7, 100, 20, 1.0)), None, at_ms)
        what, html = following()
        assert what == "parts"
        assert 'id="r.cho-hue.may-003"' in html
        assert ">7</td>" in html
        writer.told(name, told(2, at_ms, outbox=Outbox(4000, 100, 4000, 90.0)), None, at_ms)
        judge(writer, at_ms, only=name)
        while "Tồn đọng" not in html:
            what, html = following()


def test_who_is_removed_is_out_at_once_and_so_is_what_they_look_at(tmp_path: Path) -> None:
    with open_desk(founded(tmp_path / "province"), 4) as desk:
        lan, minh = desk.browser("lan"), desk.browser("minh")
        with lan.stream("/vi/stream/fleet") as following:
            assert following()[0] == "whole"
            accounts = AccountsFile(desk.layout)
            accounts.remove("lan")
            renewed = accounts.renew("minh")
            desk.store.told(desk.devices[1], told(9, now_ms()), None, now_ms())
            with pytest.raises(EOFError):
                following()
        assert [each.get("/vi/").status for each in (lan, minh)] == [303, 303]
        assert minh.login("minh", desk.passwords["minh"]).status == 403
        assert minh.login("minh", renewed).status == 303


def test_who_guesses_waits_and_the_right_password_is_not_looked_at_meanwhile(tmp_path: Path) -> None:
    with open_desk(founded(tmp_path / "province"), 1) as desk:
        stranger = desk.browser()
        tried = [stranger.login("lan", "wrong").status for _ in range(7)]
        assert tried == [403] * 6 + [429]
        waits = stranger.login("lan", desk.passwords["lan"])
        assert (waits.status, int(waits.headers["retry-after"]) > 0) == (429, True)


def test_a_page_that_is_left_is_left(desk: Desk) -> None:
    lan = desk.browser("lan")
    cookie, token = lan.cookie, lan.hidden("/vi/")["token"]
    assert lan.post("/vi/leave", {"token": "x"}).status == 403
    assert lan.post("/vi/leave", {"token": token}).status == 303
    lan.cookie = cookie
    assert lan.get("/vi/").status == 303


def test_a_spreadsheet_runs_nothing(tmp_path: Path) -> None:
    with open_desk(founded(tmp_path / "province"), 2) as desk:
        desk.store.registered([replace(each, site="=HYPERLINK(1)") for each in desk.store.devices(None)])
        staff = desk.browser("truc-ban")
        until(lambda: "HYPERLINK" in staff.get("/vi/fleet.csv").text)
        assert ",'=HYPERLINK(1)," in staff.get("/vi/fleet.csv").text


@pytest.mark.parametrize(
    "path", ["/vi/nowhere", "/fr/", "/vi/device/cho-hue/nobody", "/vi/device/A/B", "/static/../app.py", "/vi/orders/none"]
)
def test_what_is_not_there_says_so_in_words(desk: Desk, path: str) -> None:
    answer = desk.browser("lan").get(path)
    assert answer.status == 404
    assert "Không có trang hoặc máy này" in answer.text
