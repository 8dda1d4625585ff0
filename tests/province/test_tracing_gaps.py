"""What a trace cannot look at is said on the page and in exports: days without keys, entries that wait unopened, damaged passages."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta

import pypdfium2
import pytest
from old_province import here
from openpyxl import load_workbook
from sqlalchemy import update
from tracing_world import CASE, MINUTE_MS, Hand, hand, passed, someone
from web_world import served_pages

from edge_agent.wire.entry import Clock, RecordedPerson
from edge_agent.wire.keyring import day_of
from province.accounts.account import Role
from province.base.clock import now_ms
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.records.retention import DEFAULT_DAYS, kept_days
from province.records.views import day_bounds_ms
from province.store import database, schema
from province.tracing.gaps import Gaps
from province.tracing.gaps import told as told_gaps
from province.tracing.rules import Rules
from province.tracing.trace import Trace
from province.tracing.words import WORDS

TODAY = day_of(now_ms())


def at(days_ago: int, minute: int) -> int:
    return day_bounds_ms(TODAY - timedelta(days=days_ago))[0] + minute * MINUTE_MS


def hold(write: Hand, row_id: int, site: str, **more: object) -> None:
    """A row that is held, as the collector would have left it."""
    values = {"status": "held", "reason": "undated", "epoch": None, "clock": str(Clock.UNKNOWN), "direction": None, "site": site, **more}
    write.connection.execute(update(schema.entry).where(schema.entry.c.id == row_id).values(values))


@pytest.fixture
def full_of_holes(old_layout: Layout) -> Layout:
    """A case at a market five days ago, and there someone whose row is damaged; two held; days destroyed, damaged and missing."""
    with hand(old_layout) as write:
        write.site("cho", "market", "Chợ Đông Ba")
        for person in (CASE, someone(2)):
            write.put("Chợ Đông Ba", at(5, 500), passed(person, "in"))
        row_id = write.put("Chợ Đông Ba", at(5, 500), passed(someone(3), "in"))
        write.connection.execute(update(schema.entry).where(schema.entry.c.id == row_id).values(body=b"damaged"))
        write.put("Chợ Đông Ba", at(8, 500), passed(someone(4), "in"))
        for site, org in (("Chợ Đông Ba", "huyen-a"), ("cho", "checkin"), ("Chợ khác", "huyen-a")):
            hold(write, write.put(site, at(4, 500), passed(someone(5), "in"), org=org), site)
        hold(write, write.put("Chợ Đông Ba", at(25, 500), passed(someone(5), "in")), "Chợ Đông Ba")  # before the window
    keystore = Keystore(old_layout.keystore)
    for days_ago in (15, 14, 12):
        keystore.destroy(TODAY - timedelta(days=days_ago), TODAY)
    keystore.path((TODAY - timedelta(days=8)).isoformat()).write_bytes(b"damaged")
    keystore.path((TODAY - timedelta(days=7)).isoformat()).unlink()  # nobody was anywhere on that day
    return old_layout


def told(days_ago: int) -> str:
    return f"{TODAY - timedelta(days=days_ago):%d/%m/%Y}"


def test_a_trace_says_which_days_and_entries_it_could_not_read(full_of_holes: Layout) -> None:
    with closing(database.connect(full_of_holes.register)) as connection:
        keystore = Keystore(full_of_holes.keystore)
        trace = Trace(connection, keystore, Rules(), now_ms())
        moved = trace.movements(CASE.id_number)
        met = trace.contacts(moved)
        keystore.destroy(TODAY - timedelta(days=11), TODAY)  # while the report was made
        found = trace.gaps(moved, met)
    assert [each.person.name for each in met.found] == [someone(2).name]
    assert found == Gaps(tuple(TODAY - timedelta(days=days_ago) for days_ago in (15, 14, 12, 11, 8)), held=2, unopened=1)


def test_a_passage_of_the_case_that_does_not_open_is_counted(old_layout: Layout) -> None:
    with hand(old_layout) as write:
        row_id = write.put("cho", at(5, 500), passed(CASE, "in"))
        write.put("cho", at(6, 500), passed(CASE, "in"))
        write.connection.execute(update(schema.entry).where(schema.entry.c.id == row_id).values(body=b"damaged"))
        trace = Trace(write.connection, write.keystore, Rules(), now_ms())
        moved = trace.movements(CASE.id_number)
        assert trace.gaps(moved, trace.contacts(moved)) == Gaps(unopened=1)


def test_check_ins_that_may_be_the_cases_are_left_apart_and_counted(old_layout: Layout) -> None:
    by_code = replace(CASE, scheme="national", name="NGUYEN VAN AN", phone="0912345678")
    with hand(old_layout) as write:
        write.put("cho", at(5, 500), passed(by_code, "in"))
        for name in ("Nguyễn Văn An", "Nguyễn Văn Ân", "nguyen van an", "Trần Văn An"):
            write.put("cho", at(5, 510), passed(RecordedPerson("self", "*", name, phone="+84 912 345 678"), "in"))
        write.put("cho", at(5, 510), passed(replace(someone(2), name="Nguyễn Văn An", phone="0912345678"), "in"))
        write.put("cho", at(5, 510), passed(RecordedPerson("self", "*", "Nguyễn Văn An", phone="0912345679"), "in"))
        trace = Trace(write.connection, write.keystore, Rules(), now_ms())
        moved = trace.movements(CASE.id_number)
        met = trace.contacts(moved)
        found = trace.gaps(moved, met)
    assert (len(moved.person.seen), len(met.found), found) == (1, 5, Gaps(alike=3))
    assert [words.split()[0] for words in told_gaps(found, WORDS["en"])] == ["3"]


def test_page_and_exports_say_it(full_of_holes: Layout) -> None:
    days = f"{told(15)}–{told(14)}, {told(12)}, {told(8)}"
    said = (f"hay hỏng): {days}.", "2 lượt gửi", "1 lượt không mở được")
    with served_pages(full_of_holes, roles=(Role.TRACER,)) as site:
        tracer = site.browser(Role.TRACER)
        form = {"token": tracer.token("/vi/tracing"), "number": CASE.id_number, "reason": "ca bệnh 117", "days": "21"}
        assert tracer.post("/vi/tracing/open", form).status == 303
        page = tracer.get("/vi/tracing/1").text
    assert [each for each in said if each not in page] == []
    out = full_of_holes.root
    for name in ("case.csv", "case.pdf", "case.xlsx"):
        assert here("trace", "export", full_of_holes.root, 1, "--out", out / name).returncode == 0
    rows = list(csv.reader(io.StringIO((out / "case.csv").read_text("utf-8-sig"))))
    assert ([row[0] for row in rows[-3:]], len({len(row) for row in rows})) == (["!"] * 3, 1)
    with closing(pypdfium2.PdfDocument(out / "case.pdf")) as document:
        text = document[0].get_textpage().get_text_range()
    for each in said:
        assert each in " ".join(row[-1] for row in rows[-3:])
        assert each in text
    cells = [str(cell.value) for row in load_workbook(out / "case.xlsx")["Ca bệnh"] for cell in row]
    assert all(any(each in cell for cell in cells) for each in said)
    ran = here("trace", "show", full_of_holes.root, 1, "--json")
    assert json.loads(ran.stdout)["unread"] == {"days": [f"{TODAY - timedelta(days=n)}" for n in (15, 14, 12, 8)], "held": 2, "unopened": 1}


@pytest.fixture
def keystore(old_layout: Layout) -> Keystore:
    return Keystore(old_layout.keystore)


def test_how_long_days_are_kept_shows_by_the_last_that_was_destroyed(keystore: Keystore) -> None:
    assert kept_days(keystore, TODAY) == DEFAULT_DAYS
    for days_ago in (16, 15):
        keystore.destroy(TODAY - timedelta(days=days_ago), TODAY)
    assert kept_days(keystore, TODAY) == 14
    assert kept_days(keystore, date.fromordinal(TODAY.toordinal() + 1)) == 15
