"""Reports are made and sent in time, late rather than never, and nobody is sent one twice: with a real mail server that misbehaves."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import docx
import pytest
from aiosmtpd.controller import Controller
from hypothesis import given
from hypothesis import strategies as st
from old_province import here
from province_world import founded, free_port
from reports_world import DAY, lao_cai

from edge_agent.wire.keyring import VIETNAM
from province.base.errors import NotAProvince
from province.base.layout import Layout
from province.registry.organisations import Sector
from province.reports import addressees, plan, posting, shelf
from province.reports.office import Office
from province.reports.plan import BACK_DAYS, Task
from province.reports.shelf import Kind, Which
from province.store import database
from province.store.report_tables import report_post

REPORTING = {one.id for one in lao_cai().organisations if one.sector is not Sector.OTHER}


def at(text: str) -> int:
    """Milliseconds of a moment in Vietnam."""
    return int(datetime.fromisoformat(text).replace(tzinfo=VIETNAM).timestamp() * 1000)


@dataclass
class Letters:
    """A mail server: keeps letters, and answers each as told."""

    came: list[EmailMessage] = field(default_factory=list)
    answer: Callable[[Any], str] = lambda _server: "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        found = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(found, EmailMessage)
        self.came.append(found)
        return self.answer(server)


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
def layout(tmp_path: Path, letters: Letters) -> Iterator[Layout]:
    """A province that sends its reports to one office, and one department's forms to another."""
    made = founded(tmp_path / "province")
    lao_cai().put(made)
    controller = Controller(letters, "127.0.0.1", free_port())
    controller.start()
    common = f'server = "127.0.0.1"\nport = {controller.port}\nsecurity = "none"\nsender = "gate@tinh.example.vn"\n'
    made.reports_mail.write_text(
        f'[[mail]]\nname = "so-tttt"\nto = ["bcvctntt@tinh.example.vn"]\n{common}'
        f'[[mail]]\nname = "giao-duc"\nto = ["gd@tinh.example.vn"]\nreports = ["unit"]\norganisations = ["so-gddt"]\n{common}'
    )
    try:
        yield made
    finally:
        controller.stop()


class Clock:
    def __init__(self, text: str) -> None:
        self.now_ms = at(text)

    def __call__(self) -> int:
        return self.now_ms


def work(layout: Layout, text: str) -> None:
    """What an office that is started then does at once."""
    Office(layout, addressees.read(layout.reports_mail), Clock(text)).round()


def made(layout: Layout) -> set[tuple[str, str, date]]:
    with closing(database.connect(layout.register)) as connection:
        return {(str(one.which.kind), one.which.subject, one.which.day) for one in shelf.every(connection)}


def test_a_day_from_nothing_to_everything_sent_once(layout: Layout, letters: Letters) -> None:
    work(layout, "2021-10-05 08:59")
    assert made(layout) == set()
    work(layout, "2021-10-05 09:00")
    assert made(layout) == {("unit", one, DAY) for one in REPORTING}
    assert sorted(str(one["to"]) for one in letters.came) == ["bcvctntt@tinh.example.vn"] * 3 + ["gd@tinh.example.vn"]
    for moment in ("09:01", "11:30", "13:59"):
        work(layout, f"2021-10-05 {moment}")
    assert len(letters.came) == 4
    work(layout, "2021-10-05 14:00")
    work(layout, "2021-10-05 23:59")
    assert made(layout) == {("unit", one, DAY) for one in REPORTING} | {("province", "", DAY)}
    assert len(letters.came) == 5
    assert not any("muộn" in str(one["subject"]) for one in letters.came)


def test_a_letter_has_the_report_as_document_and_spreadsheet(layout: Layout, letters: Letters) -> None:
    work(layout, "2021-10-05 09:00")
    [letter] = [one for one in letters.came if one["to"] == "gd@tinh.example.vn"]
    assert letter["subject"] == "[gate-scanner] Phụ lục 2 – so-gddt – số liệu đến 24h00 ngày 04/10/2021"
    names = {part.get_filename(): part.get_content() for part in letter.iter_attachments()}
    assert names.keys() == {"phu-luc-2-so-gddt-2021-10-04.docx", "phu-luc-2-so-gddt-2021-10-04.xlsx"}
    assert docx.Document(io.BytesIO(names["phu-luc-2-so-gddt-2021-10-04.docx"])).paragraphs[0].text == "PHỤ LỤC 2"


def test_what_a_power_cut_let_pass_is_made_late_and_said_to_be(layout: Layout, letters: Letters, caplog: pytest.LogCaptureFixture) -> None:
    work(layout, "2021-10-05 14:00")  # a Tuesday
    before = len(letters.came)
    with caplog.at_level(logging.INFO):
        work(layout, "2021-10-08 18:00")
    days = {DAY + timedelta(days=days) for days in range(4)}
    assert {day for kind, _subject, day in made(layout) if kind == "unit"} == days
    assert {day for kind, _subject, day in made(layout) if kind == "province"} == days
    assert {day for kind, _subject, day in made(layout) if kind == "week"} == set()  # none before: nobody waits for one
    assert all("(gửi muộn)" in str(one["subject"]) for one in letters.came[before:])
    assert "made: report province of the province of 2021-10-06, late" in caplog.text
    work(layout, "2021-10-11 09:00")
    assert ("week", "", date(2021, 10, 10)) in made(layout)


def test_a_server_that_refuses_is_asked_again_and_gets_it_once(layout: Layout, letters: Letters, caplog: pytest.LogCaptureFixture) -> None:
    letters.answer = lambda _server: "451 not now"
    work(layout, "2021-10-05 09:00")
    assert len(letters.came) == 4
    work(layout, "2021-10-05 09:00:59")
    assert len(letters.came) == 4  # waits a minute
    letters.answer = lambda _server: "250 OK"
    work(layout, "2021-10-05 09:01")
    work(layout, "2021-10-05 10:00")
    assert len(letters.came) == 8
    assert "not sent to so-tttt (answered 451)" in caplog.text


def hang_up(server: Any) -> str:
    server.transport.abort()
    return "250 never told"


def test_what_may_have_arrived_is_not_sent_again_until_somebody_says_so(
    layout: Layout, letters: Letters, caplog: pytest.LogCaptureFixture
) -> None:
    letters.answer = hang_up
    work(layout, "2021-10-05 09:00")
    letters.answer = lambda _server: "250 OK"
    for moment in ("09:05", "12:00"):
        work(layout, f"2021-10-05 {moment}")
    assert len(letters.came) == 4
    assert "nobody knows whether it reached so-tttt" in caplog.text
    assert "late: report unit so-gddt of 2021-10-04 not sent to so-tttt" in caplog.text
    listed = here("report", "list", layout.root)
    assert listed.stdout.splitlines()[0].split() == ["report", "org", "day", "made", "sent", "to", "waiting", "nobody", "knows"]
    asked = here("report", "send", layout.root, "--day", "2021-10-04", "--org", "so-tttt")
    assert (asked.returncode, "again to 1" in asked.stdout) == (0, True), asked.stderr
    with closing(database.connect(layout.register)) as connection:  # it is by today's clock that it was asked for
        connection.execute(report_post.update().where(report_post.c.trying_ms.is_(None)).values(next_ms=0))
    work(layout, "2021-10-05 12:01")
    assert len(letters.came) == 5
    assert here("report", "send", layout.root, "--day", "2021-10-04", "--org", "so-tttt").returncode == 2


def test_a_cut_while_a_letter_is_handed_over_sends_none_twice(layout: Layout, letters: Letters, monkeypatch: pytest.MonkeyPatch) -> None:
    class Cut(BaseException):
        pass

    office = Office(layout, addressees.read(layout.reports_mail), Clock("2021-10-05 09:00"))
    handing, posting_hand_over = [], posting.hand_over

    def hand_over(*args: Any) -> int:
        handing.append(posting_hand_over(*args))
        raise Cut

    monkeypatch.setattr(posting, "hand_over", hand_over)
    with pytest.raises(Cut):
        office.round()
    monkeypatch.undo()
    assert len(letters.came) == 1
    work(layout, "2021-10-05 09:10")
    assert len(letters.came) == 4
    assert len({str(one["message-id"]) for one in letters.came}) == 4


def test_a_new_reporting_organisation_gets_the_days_form_too(layout: Layout) -> None:
    work(layout, "2021-10-05 09:00")
    told = here("org", "add", layout.root, "--id", "so-moi", "--name", "Sở mới", "--sector", "department")
    assert told.returncode == 0, told.stderr
    work(layout, "2021-10-05 10:00")
    assert ("unit", "so-moi", DAY) in made(layout)


def test_what_was_told_stays_as_it_was_told(layout: Layout, tmp_path: Path) -> None:
    work(layout, "2021-10-05 09:00")
    province = lao_cai()
    with closing(database.connect(layout.register)) as connection:
        before = shelf.read(connection, Which(Kind.UNIT, "so-tttt", DAY))
    province.passed.clear()
    province.put(layout)
    work(layout, "2021-10-05 15:00")
    with closing(database.connect(layout.register)) as connection:
        assert shelf.read(connection, Which(Kind.UNIT, "so-tttt", DAY)) == before
    kept = here("report", "daily", layout.root, "--org", "so-tttt", "--day", "2021-10-04", "--kept", "--out", tmp_path / "out")
    assert kept.returncode == 0, kept.stderr
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "phu-luc-1-so-tttt-2021-10-04.docx", "phu-luc-1-so-tttt-2021-10-04.xlsx"
    }  # fmt: skip


@pytest.mark.parametrize(
    "text,problem",
    [
        ('[[mail]]\nname = "a"\n', "server = None"),
        ('[[mail]]\nname = "a"\nreports = ["yearly"]\n', "unit, province, week"),
        ('[[webhook]]\nurl = "https://x/"\n', "webhook: no such key"),
        ('[[mail]]\nname = "a"\ntroubles = []\n', "troubles: no such key"),
    ],
)
def test_what_is_wrong_with_the_addressees_is_said(layout: Layout, text: str, problem: str) -> None:
    layout.reports_mail.write_text(text)
    with pytest.raises(NotAProvince, match=r"reports\.toml") as raised:
        addressees.read(layout.reports_mail)
    assert problem in str(raised.value)


@given(st.datetimes(datetime(2021, 1, 1), datetime(2026, 1, 1)), st.lists(st.integers(1, 40), min_size=1, max_size=6))  # noqa: DTZ001
def test_every_day_is_made_once_whenever_the_office_was_away(begin: datetime, hours: list[int]) -> None:
    now_ms = int(begin.replace(tzinfo=VIETNAM).timestamp() * 1000)
    done: list[tuple[Kind, date]] = []
    for away in hours:
        newest = {kind: max((day for one, day in done if one is kind), default=None) for kind in Kind}
        new: list[Task] = [one for one in plan.tasks(now_ms, newest) if (one.kind, one.day) not in done]
        assert all(one.due_ms > now_ms - (BACK_DAYS + 2) * 86_400_000 for one in new)
        done += [(one.kind, one.day) for one in new]
        assert now_ms < plan.next_ms(now_ms) <= now_ms + 86_400_000
        now_ms += away * 3_600_000
    assert len(set(done)) == len(done)
    for kind in (Kind.UNIT, Kind.PROVINCE):
        days = sorted(day for one, day in done if one is kind)
        assert days == [days[0] + timedelta(days=number) for number in range(len(days))] if days else True
    assert all(day.weekday() == 6 for kind, day in done if kind is Kind.WEEK)
