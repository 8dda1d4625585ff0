"""The page that a poster opens: what a visitor types becomes one sealed entry, or is said to be wrong, and is nowhere else."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from checkin_world import BUS, FILE_OF_ENTRIES, MARKET, TYPED, Page, made, served
from hypothesis import given
from hypothesis import strategies as st
from old_province import here

from edge_agent.wire import envelope
from edge_agent.wire.entry import Direction, Kind, Known, Method, encode_body
from province.base.errors import NotAProvince
from province.base.layout import Layout
from province.checkin import booking, visitor
from province.checkin.app import Paces
from province.registry import site_codes, sites
from province.registry.categories import Category
from province.registry.site import new_site
from province.store import database
from province.web.pace import Pace


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Path]:
    return made(tmp_path_factory.mktemp("checkin"))


@pytest.fixture
def page(made_once: tuple[Layout, Path]) -> Iterator[Page]:
    with served(*made_once) as page:
        yield page


def entries(page: Page) -> list[envelope.SealedEntry]:
    """What the page has recorded, without opening it."""
    with closing(sqlite3.connect(page.state / FILE_OF_ENTRIES)) as outbox:
        return [envelope.peek(sealed) for (sealed,) in outbox.execute("SELECT envelope FROM sealed ORDER BY ordinal")]


def passages(page: Page) -> list[envelope.SealedEntry]:
    return [one for one in entries(page) if one.header.kind is Kind.PASSAGE]


def test_the_address_on_the_poster_leads_to_the_form_of_its_site(page: Page) -> None:
    phone = page.phone()
    for language, asked in (("vi", "vi-VN,vi;q=0.9,en;q=0.8"), ("en", "en-US,en"), ("en", "fr,de"), ("vi", "")):
        answer = phone.get(f"/S/{MARKET.code}", Accept_Language=asked)
        assert (answer.status, answer.headers["location"]) == (303, f"/{language}/s/{MARKET.code}")
    text = phone.get(f"/vi/s/{BUS.code}").text
    assert all(words in text for words in ("Xe 75B-012.34", "Phương tiện giao thông công cộng", "Bến xe", "Họ và tên"))
    assert "Public transport vehicle" in phone.get(f"/en/s/{BUS.code}").text
    typed = phone.get(f"/vi/?code={site_codes.shown(MARKET.code).lower()}")
    assert (typed.status, typed.headers["location"]) == (303, f"/vi/s/{MARKET.code}")


def test_a_check_in_is_an_entry_of_its_site_sealed_and_signed_before_the_visitor_is_told(
    page: Page, caplog: pytest.LogCaptureFixture
) -> None:
    phone, before = page.phone(), len(passages(page))
    with caplog.at_level(logging.DEBUG):
        done = phone.follow(phone.check_in(MARKET, id_number="001 099 012 345"))
    assert all(words in done.text for words in ("Đã ghi nhận: vào", "Chợ Đông Ba"))
    *_, entry = passages(page)
    assert len(passages(page)) == before + 1
    header = entry.header
    assert (str(header.name), header.site, header.gate) == ("checkin/page-1", "cho-dong-ba", booking.GATE)
    secrets = [TYPED["name"].encode(), b"0101234567", b"010 123 4567", b"001099012345"]
    files = [file for file in (*page.config.parent.rglob("*"), *page.layout.root.rglob("*")) if file.is_file()]
    assert [file for file in files if any(secret in file.read_bytes() for secret in secrets)] == []
    assert not any(secret.decode() in caplog.text + done.text for secret in secrets)


def test_a_form_sent_twice_is_one_entry_and_a_reload_sends_nothing(page: Page) -> None:
    phone = page.phone()
    form, before = {**phone.form(MARKET), **TYPED, "direction": "out"}, len(passages(page))
    first, second = (phone.post(f"/vi/s/{MARKET.code}", form) for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    assert "Đã ghi nhận: ra" in phone.follow(first).text
    assert "Đã ghi nhận: ra" in phone.follow(second).text
    assert len(passages(page)) == before + 1
    assert "Recorded: out" in phone.get(first.headers["location"].replace("/vi/", "/en/")).text


def test_the_same_form_with_other_words_is_another_entry(page: Page) -> None:
    phone, before = page.phone(), len(passages(page))
    form = {**phone.form(MARKET), **TYPED}
    for words in ({}, {"name": "Con Của Họ"}, {"direction": "out"}, {}, {"name": "Con Của Họ"}):
        said = "ra" if "direction" in words else "vào"
        assert f"Đã ghi nhận: {said}" in phone.follow(phone.post(f"/vi/s/{MARKET.code}", {**form, **words})).text
    assert len(passages(page)) == before + 3
    elsewhere = phone.post(f"/vi/s/{BUS.code}", form)
    assert BUS.name in phone.follow(elsewhere).text
    assert len(passages(page)) == before + 4


def test_what_was_recorded_is_shown_however_many_come_after(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booking, "_REMEMBERED", 1)
    phone, other = page.phone(), page.phone()
    first = phone.check_in(MARKET)
    other.check_in(MARKET, direction="out")
    other.check_in(BUS)
    assert "Đã ghi nhận: vào" in phone.follow(first).text


def test_nobody_makes_the_page_say_what_was_not_recorded(page: Page) -> None:
    phone = page.phone()
    there = urlsplit(phone.check_in(MARKET).headers["location"]).path
    direction, minute, signature = there.rpartition("/")[2].split("-", 2)
    form = f"/vi/s/{MARKET.code}"
    for forged in (f"out-{minute}-{signature}", f"{direction}-{int(minute) + 1}-{signature}", f"{direction}-{minute}-{'a' * 22}", "in"):
        assert phone.get(f"{form}/{forged}").headers["location"] == form
    assert phone.get(there.replace(MARKET.code, BUS.code)).headers["location"] == f"/vi/s/{BUS.code}"


@pytest.mark.parametrize(
    "typed, wrong",
    [
        ({"name": ""}, ["name"]), ({"name": "1234", "phone": "abc"}, ["name", "phone"]), ({"phone": ""}, ["phone"]),
        ({"id_number": "12"}, ["id_number"]), ({"direction": "up"}, ["direction"]), ({"name": "A*"}, ["name"]),
        ({"name": "x" * 5000}, ["name"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_recorded(page: Page, typed: dict[str, str], wrong: list[str]) -> None:
    before = len(passages(page))
    answer = page.phone().check_in(MARKET, "en", **typed)
    assert answer.status == 400
    for field in (*visitor.FIELDS, "direction"):
        assert (f'id="wrong-{field}"' in answer.text or (field == "direction" and "Tap “In”" in answer.text)) == (field in wrong)
    assert len(passages(page)) == before


def test_what_a_visitor_typed_is_text_in_their_form_and_no_markup(page: Page) -> None:
    answer = page.phone().check_in(MARKET, name='"><script>alert(1)</script>', phone="")
    assert answer.status == 400
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;" in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_codes_of_nobody_closed_places_and_forms_of_others_are_refused_in_words(page: Page) -> None:
    phone = page.phone()
    assert "Mã không đúng" in phone.get("/vi/s/ABCD").text
    stranger = phone.get(f"/vi/s/{site_codes.new()}")
    assert (stranger.status, "không phải của tỉnh" in stranger.text) == (404, True)
    assert phone.get("/xx/s/a").status == phone.get("/vi/login").status == phone.get("/a/b/c/d").status == 404
    form = {**phone.form(MARKET), **TYPED}
    assert phone.post(f"/vi/s/{MARKET.code}", form, Origin="https://elsewhere.example").status == 403
    assert phone.post(f"/vi/s/{MARKET.code}", {**form, "ref": "short"}).status == 400
    assert phone.ask("POST", f"/vi/s/{MARKET.code}", "x" * 9000).status == 413
    assert phone.get(f"/vi/s/{MARKET.code}/{'a' * 22}").status == 303  # nobody's
    over = new_site("cu", "cu", "Hội chợ", Category.EVENT, "Huế", ("Cổng",), begins_ms=1, ends_ms=2)
    with closing(database.connect(page.layout.register)) as connection:
        if sites.find(connection, "cu") is None:
            sites.add(connection, page.layout.register, over)
        code = next(one.code for one in sites.every(connection) if one.id == "cu")
    past = phone.get(f"/vi/s/{code}")
    assert (past.status, "đã đóng" in past.text) == (410, True)


def test_a_flood_from_one_address_or_at_one_poster_is_slowed_and_others_go_on(made_once: tuple[Layout, Path]) -> None:
    now_s = 1000.0
    paces = Paces(Pace(1000, 1.0), of_address=Pace(1000, 1.0), of_site=Pace(3, 60.0))
    with served(*made_once, paces=paces, now_s=lambda: now_s) as page:
        phone = page.phone()
        assert [phone.check_in(MARKET).status for _ in range(5)] == [303, 303, 303, 429, 429]
        slowed = phone.check_in(MARKET)
        assert "Nhiều người đang khai" in slowed.text
        assert TYPED["name"] in slowed.text  # what they typed is not lost
        assert phone.check_in(BUS).status == 303
        now_s += 60.0
        assert phone.check_in(MARKET).status == 303


def test_a_full_outbox_is_said_and_nobody_is_told_recorded(page: Page) -> None:
    phone, before = page.phone(), len(passages(page))
    with closing(sqlite3.connect(page.state / FILE_OF_ENTRIES, isolation_level=None)) as outbox:
        [(weighs,)] = outbox.execute("SELECT bytes FROM head")
        outbox.execute("UPDATE head SET bytes = ?", (2**40,))
        refused = phone.check_in(MARKET)
        outbox.execute("UPDATE head SET bytes = ?", (weighs,))
    assert (refused.status, "Chưa ghi nhận được" in refused.text) == (503, True)
    assert len(passages(page)) == before
    assert phone.check_in(MARKET).status == 303


def test_a_log_begins_with_a_boot_and_ends_with_a_close(made_once: tuple[Layout, Path]) -> None:
    with served(*made_once) as page:
        kind = entries(page)[-1].header.kind
        assert kind is Kind.BOOT
    ended = entries(page)
    assert ended[-1].header.kind is Kind.CLOSE
    assert all(after.header.seq == one.header.seq + 1 for one, after in pairwise(ended))


def test_a_page_needs_an_identity_of_its_own(made_once: tuple[Layout, Path], tmp_path: Path) -> None:
    layout, config = made_once
    assert here("checkin", "make", layout.root, config.parent).returncode == 2
    other = tmp_path / "other.toml"
    other.write_text(config.read_text("utf-8").replace("/state", "/nobody"))
    with pytest.raises(NotAProvince, match="Enrol this device"):
        booking.from_config(other)
    other.write_text("[device]\n")
    with pytest.raises(NotAProvince, match="lane"):
        booking.from_config(other)


TEXTS = st.text(max_size=30) | st.sampled_from(["in", "out", "0912345678", "Nguyễn Văn A"])


@given(st.dictionaries(st.sampled_from([*visitor.FIELDS, "direction", "else"]), TEXTS))
def test_whatever_is_typed_is_a_passage_that_can_be_sealed_or_names_its_fields(form: dict[str, str]) -> None:
    wrong: tuple[str, ...] = ()
    try:
        passage = visitor.read(form)
    except visitor.Unclear as unclear:
        wrong = unclear.fields
        assert wrong
    else:
        assert (passage.known, passage.method, passage.person.scheme) == (Known.BUTTON, Method.SELF, "self")
        assert passage.direction in Direction
        assert encode_body(passage)
    assert set(wrong) <= {*visitor.FIELDS, "direction"}
