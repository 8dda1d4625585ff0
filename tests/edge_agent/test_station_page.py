"""The station page as phones meet it: over real TLS, beside a real control socket."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import gate_fixtures
import pytest
from gate_world import Enrolled
from station_world import COUNTERS, LANES, WAIT_S, Site, open_site

from edge_agent.serving.guard import MAX_BODY_BYTES, MAX_HEAD_BYTES
from edge_agent.station import pin
from edge_agent.station.app import COOKIE
from edge_agent.station.guesses import FREE
from edge_agent.station.words import LANGUAGES

enrolled = gate_fixtures.enrolled
PAGES = ("gate", "paper", "health", "reader")
SOMEBODY = {"way": "0", "name": "Nguyễn Văn Thử", "id_number": "001099012345", "birth_date": "15/03/1999", "sex": "male", "phone": ""}
PASSAGE = {
    "type": "passage", "lane": "cong-2", "direction": "out", "known": "lane", "method": "paper", "verdict": "accepted-ask", "seq": 3,
    "masked": {"name": "Nguyễn <b>***", "number": "0010990 ***"}, "at_ms": 1_634_000_000_000,
    "presence": {"inside": 11, "came": 30, "went": 19},
}  # fmt: skip


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with open_site(Enrolled(folder / "state", folder / "run").settings(*LANES)) as site:
        yield site


@pytest.fixture
def site(shared: Site) -> Site:
    """A page that others have used: the next test finds it as they left it, but for what firmware was asked."""
    shared.firmware.asked.clear()
    shared.firmware.answers = {"verdict": "accepted"}
    return shared


@pytest.fixture
def own_site(enrolled: Enrolled) -> Iterator[Site]:
    with open_site(enrolled.settings(*LANES)) as site:
        yield site


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_the_pin_nothing_is_shown(site: Site, language: str) -> None:
    phone = site.phone(entered=False)
    assert phone.get("/").headers["location"] == "/vi/pin"
    for page in PAGES:
        assert phone.get(f"/{language}/{page}").headers["location"] == f"/{language}/pin"
    assert phone.get(f"/{language}/stream/gate").status == 204
    assert phone.post(f"/{language}/paper", SOMEBODY).headers["location"] == f"/{language}/pin"
    assert phone.post(f"/{language}/reader", {"lane": "cong-1"}).headers["location"] == f"/{language}/pin"
    assert site.firmware.asked == []


def test_the_pin_lets_a_phone_in_until_it_leaves(site: Site) -> None:
    phone = site.phone(entered=False)
    assert phone.enter("12345678").status == 403
    entered = phone.enter(f" {pin.shown(site.digits)} ")
    assert (entered.status, entered.headers["location"]) == (303, "/vi/gate")
    cookie = entered.headers["set-cookie"].lower()
    assert cookie.startswith(COOKIE.lower())
    assert all(word in cookie for word in ("secure", "httponly", "samesite=strict", "path=/"))
    assert [phone.get(f"/vi/{page}").status for page in PAGES] == [200] * 4
    kept = phone.cookie
    assert phone.post("/vi/leave", {"token": "another"}).status == 403
    assert phone.post("/vi/leave", {"token": phone.form("/vi/gate")["token"]}).headers["location"] == "/vi/pin"
    phone.cookie = kept
    assert phone.get("/vi/gate").headers["location"] == "/vi/pin"


def test_a_new_pin_puts_everybody_out(own_site: Site) -> None:
    phone = own_site.phone()
    digits = pin.make(own_site.state)
    assert phone.get("/vi/gate").status == 303
    assert phone.enter(own_site.digits).status == 403
    assert phone.enter(digits).status == 303


def test_where_no_pin_was_made_nobody_gets_in(enrolled: Enrolled) -> None:
    with open_site(enrolled.settings(*LANES), made=False) as site:
        phone = site.phone(entered=False)
        assert "gate-agent station pin" in phone.get("/vi/pin").text
        assert phone.enter("").status == 200
        assert phone.get("/vi/gate").status == 303


def test_who_guesses_waits_and_the_right_pin_is_not_looked_at_meanwhile(own_site: Site, caplog: pytest.LogCaptureFixture) -> None:
    phone = own_site.phone(entered=False)
    assert [phone.enter("00000000").status for _ in range(FREE + 1)] == [403] * (FREE + 1)
    waiting, again = phone.enter(own_site.digits), phone.enter(own_site.digits)
    assert again.status == 429
    told = [record.getMessage() for record in caplog.records if "guesses" in record.getMessage()]
    assert told == [f"station page: somebody guesses the PIN and has to wait; {FREE + 1} wrong ones since the page began"]
    assert waiting.status == 429
    assert int(waiting.headers["retry-after"]) > 20


def test_the_gate_is_shown_as_firmware_says(site: Site) -> None:
    phone = site.phone()
    site.until(lambda: len(site.firmware.server._listeners) > 0)
    site.firmware.says(COUNTERS)
    site.firmware.says(PASSAGE)
    site.until(lambda: "0010990" in phone.get("/vi/gate").text)
    text = phone.get("/vi/gate").text
    assert "Nguyễn &lt;b&gt;***" in text  # masked by firmware, and no markup of whoever showed the code
    assert re.findall(r"<dd>(\d+)</dd>", text) == ["11", "30", "19"]
    assert "07:53:20" in text  # Vietnam time
    assert "cần xem" in text
    english = phone.get("/en/gate").text
    assert "The gate is open" in english
    assert "paper" in english


def test_a_declaration_reaches_firmware_whole_and_the_form_is_empty_after(site: Site) -> None:
    phone = site.phone()
    fields = phone.form("/vi/paper")
    answer = phone.post("/vi/paper", {**SOMEBODY, **fields})
    assert "Đã ghi nhận và niêm phong" in answer.text
    assert "Thử" not in answer.text.partition("<main")[2].partition("</main>")[0]
    person = {"name": "Nguyễn Văn Thử", "id_number": "001099012345", "birth_date": "1999-03-15", "sex": "male"}
    expected = {"type": "declare", "ref": fields["ref"], "lane": "cong-1", "direction": "in", "person": person}
    assert site.firmware.asked == [expected]


@pytest.mark.parametrize("why", ["fields", "closed", "passback", "outbox-full", "of-a-later-release"])
def test_a_refusal_is_told_and_what_was_typed_stays(site: Site, why: str) -> None:
    phone = site.phone()
    fields = phone.form("/en/paper")
    site.firmware.answers = {
        "verdict": "refused",
        "why": why,
        "fields": {"birth_date": "in-the-future", "lane": "wrong"} if why == "fields" else None,
    }
    answer = phone.post("/en/paper", {**SOMEBODY, **fields})
    assert 'role="alert"' in answer.text
    assert 'value="Nguyễn Văn Thử"' in answer.text
    assert f'value="{fields["ref"]}"' in answer.text  # sent again it is the same declaration
    assert ("A day in the future." in answer.text) == (why == "fields")


def test_somebody_without_a_health_pass_is_recorded_and_the_keeper_is_asked_to_look(site: Site) -> None:
    phone = site.phone()
    for health, asks in (("valid", False), ("not-shown", True)):
        site.firmware.answers = {"verdict": "accepted", "health": health}
        text = phone.post("/en/paper", {**SOMEBODY, **phone.form("/en/paper")}).text
        assert "Recorded and sealed." in text
        assert ("Look at this person" in text) is asks


@pytest.mark.parametrize(
    "warnings, told",
    [
        (["sex-mismatch", "year-mismatch"], ["the number says another sex", "the number says another year of birth"]),
        (["keeper", "of-a-later-release"], []),
        ("sex-mismatch", []),
    ],
)
def test_what_differs_between_number_and_form_is_told_beside_the_record(site: Site, warnings: object, told: list[str]) -> None:
    phone = site.phone()
    site.firmware.answers = {"verdict": "accepted", "warnings": warnings}
    text = phone.post("/en/paper", {**SOMEBODY, **phone.form("/en/paper")}).text
    assert "Recorded and sealed." in text
    assert text.count("Compare with the document") == len(told)
    assert all(each in text for each in told)


def test_firmware_that_does_not_answer_is_told_as_what_it_is_and_the_same_form_can_be_sent_again(own_site: Site) -> None:
    phone = own_site.phone()
    fields = phone.form("/en/paper")
    own_site.firmware.answers = {"verdict": "of-a-later-release"}
    unknown = phone.post("/en/paper", {**SOMEBODY, **fields})
    own_site.firmware.server.stop()
    not_sent = phone.post("/en/paper", {**SOMEBODY, **fields})
    assert "Not known whether it was recorded" in unknown.text
    assert "Not sent" in not_sent.text
    assert f'value="{fields["ref"]}"' in unknown.text
    assert f'value="{fields["ref"]}"' in not_sent.text


def test_a_form_from_elsewhere_is_refused(site: Site) -> None:
    phone = site.phone()
    own, others = phone.form("/vi/paper"), site.phone().form("/vi/paper")
    assert phone.post("/vi/paper", {**SOMEBODY, **others}).status == 403
    assert phone.post("/vi/reader", {"lane": "cong-1", "token": others["token"]}).status == 403
    for origin in ("https://evil.example", f"https://{phone.host}", f"http://{phone.host}:{phone.port}", "null", ""):
        assert phone.post("/vi/paper", {**SOMEBODY, **own}, Origin=origin).status == 403
    assert site.firmware.asked == []
    assert phone.post("/vi/paper", {**SOMEBODY, **own}).status == 200


def test_a_name_that_is_not_ours_is_refused_so_that_no_site_can_be_rebound_to_us(site: Site) -> None:
    phone = site.phone()
    for host in ("evil.example", f"evil.example:{phone.port}", "localhost", "gate.local.evil.example", ""):
        assert phone.get("/vi/gate", Host=host).status == 400
    for host in (phone.host, f"{phone.host.upper()}:{phone.port}", f"192.168.1.7:{phone.port}"):
        assert phone.get("/vi/gate", Host=host).status == 200


@pytest.mark.parametrize("path", ["/vi/pin", "/vi/gate", "/vi/no-such", "/static/station.css", "/xx/gate", "/"])
def test_every_answer_carries_what_browsers_should_keep_to(site: Site, path: str) -> None:
    headers = site.phone(entered=False).get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "unsafe" not in headers["content-security-policy"]
    assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
    assert headers["cache-control"] in ("no-store", "no-cache")
    assert "server" not in headers


def test_too_much_is_refused_and_nothing_else_than_get_and_post_is_known(site: Site) -> None:
    phone = site.phone()
    assert phone.ask("POST", "/vi/paper", "x" * (MAX_BODY_BYTES + 1)).status == 413
    assert phone.get("/vi/gate", X_Long="x" * (MAX_HEAD_BYTES - 1000)).status == 200
    for path, header in (("/vi/gate", "x" * MAX_HEAD_BYTES), ("/vi/gate?" + "x" * MAX_HEAD_BYTES, ""), ("/vi/" + "x" * MAX_HEAD_BYTES, "")):
        assert phone.get(path, X_Long=header).status == 413
    assert phone.ask("POST", "/vi/paper", "&".join(f"a{number}=1" for number in range(100))).status == 400
    assert phone.ask("POST", "/vi/paper", "{}", Content_Type="application/json").status == 400
    assert phone.ask("POST", "/vi/pin", "pin=%ff%fe").status == 400
    assert [phone.ask(method, "/vi/gate").status for method in ("PUT", "DELETE", "OPTIONS", "TRACE")] == [400] * 4
    for path in ("/static/../app.py", "/static/%2e%2e%2fapp.py", "/static/pin.json", "/vi/stream/paper", "/vi/%2e%2e/gate"):
        assert phone.get(path).status == 404


def test_older_tls_and_plain_http_get_nothing(site: Site) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", site.station.port), WAIT_S) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain)
    with socket.create_connection(("127.0.0.1", site.station.port), WAIT_S) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"HTTP" not in plain.recv(1000)


def test_a_reader_test_shows_what_kind_of_code_was_read(site: Site) -> None:
    phone = site.phone()
    form = phone.form("/vi/reader")
    assert phone.post("/vi/reader", {"token": form["token"], "lane": "no-such"}).status == 303
    assert phone.post("/vi/reader", {"token": form["token"], "lane": "cong-1"}).headers["location"] == "/vi/reader"
    site.until(lambda: site.firmware.asked != [])
    assert site.firmware.asked == [{"type": "reader-test", "lane": "cong-1", "seconds": 20}]
    site.firmware.says({"type": "reader-tested", "lane": "cong-1", "kind": "person-code", "scheme": "cccd", "took_ms": 12.4})
    site.until(lambda: "CCCD" in phone.get("/vi/reader").text)
    site.firmware.says({"type": "reader-test", "lane": "cong-1", "state": "ended", "why": "time"})
    site.until(lambda: "Đã thử xong" in phone.get("/vi/reader").text)


def test_how_the_device_is(site: Site) -> None:
    phone = site.phone()
    site.until(lambda: len(site.firmware.server._listeners) > 0)
    site.firmware.says({**COUNTERS, "sources": {"cong-1": "fault"}, "why": {"cong-1": "no <port>"}, "clock": "unknown", "gate": "<script>"})
    site.until(lambda: "does not read" in phone.get("/en/health").text)
    text = phone.get("/en/health").text
    assert "To look at: 4" in text  # the lane, the clock, the connection, an outbox that is not there
    assert all(told in text for told in ("no &lt;port&gt;", "last code 09:01:00", "0.1.0, up 26 hours"))
    assert "<script>" not in phone.get("/en/gate").text.partition("<main")[2]


def test_the_page_ends_with_its_agent_and_leaves_key_and_pin_closed_to_others(enrolled: Enrolled, tmp_path: Path) -> None:
    with open_site(enrolled.settings(*LANES)) as site:
        assert site.phone().get("/vi/gate").status == 200
        port = site.station.port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 1.0)
    files = [file for file in (tmp_path / "state" / "station").iterdir() if file.is_file()]
    assert {file.name for file in files} >= {"tls.key", "tls.pem", "pin.json"}
    assert {oct(file.stat().st_mode & 0o777) for file in files} == {"0o600"}
    assert site.digits.encode() not in b"".join(file.read_bytes() for file in files)
