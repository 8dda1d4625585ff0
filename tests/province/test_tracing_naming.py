"""Whoever met the case on several days is opened once, and again only where a day says something new of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from tracing_world import MINUTE_MS, Hand, for_once, passed, someone

from edge_agent.wire.entry import Method, RecordedPerson
from edge_agent.wire.keyring import day_of
from province.base.clock import now_ms
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.records.views import day_bounds_ms
from province.store import database
from province.tracing import opening
from province.tracing.contacts import Contact
from province.tracing.rules import Rules
from province.tracing.trace import Trace

F0, COLLEAGUE = someone(1), someone(2)
NINE_DIGITS = replace(COLLEAGUE, old_id="012345678")
DAYS = 5


@pytest.fixture
def write(old_layout: Layout) -> Iterator[Hand]:
    with closing(database.connect(old_layout.register)) as connection, for_once(connection, Keystore(old_layout.keystore)) as hand:
        hand.site("co-quan", "office")
        yield hand


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows that were opened for who it was."""
    found: list[int] = []
    real = opening.named

    def counted(*args: object) -> Iterator[object]:
        for one in real(*args):  # type: ignore[arg-type]  # whatever it is given
            found.append(one.row_id)
            yield one

    monkeypatch.setattr(opening, "named", counted)
    return found


def meet(write: Hand, codes: list[RecordedPerson], methods: list[Method], *, earlier_release: bool = False) -> list[int]:
    """The case and a colleague are at the office on each day from 8:00, ten minutes longer together on each; says the colleague's rows."""
    rows = []
    for number, (code, method) in enumerate(zip(codes, methods, strict=True)):
        begin_ms = day_bounds_ms(day_of(now_ms()) - timedelta(days=DAYS + 1 - number))[0] + 480 * MINUTE_MS
        write.put("co-quan", begin_ms, passed(F0, "in"))
        write.put("co-quan", begin_ms + (number + 1) * 10 * MINUTE_MS, passed(F0, "out"))
        rows.append(write.put("co-quan", begin_ms, passed(code, "in", method=method), earlier_release=earlier_release))
    return rows


def contact(write: Hand) -> Contact:
    trace = Trace(write.connection, write.keystore, Rules(), now_ms())
    [one] = trace.contacts(trace.movements(F0.id_number)).found
    return one


def test_a_colleague_of_five_days_is_opened_on_the_last_and_told_for_each(write: Hand, opened: list[int]) -> None:
    methods = [Method.CAMERA, Method.PAPER, Method.CAMERA, Method.SERIAL, Method.CAMERA]
    rows = meet(write, [COLLEAGUE] * DAYS, methods)
    one = contact(write)
    assert opened == rows[-1:]
    assert one.minutes == 10 + 20 + 30 + 40 + 50
    assert [each.methods for each in one.encounters] == [frozenset({str(method)}) for method in methods]
    assert one.person == COLLEAGUE


def test_a_day_with_another_number_is_opened_too_and_both_numbers_are_one_person(write: Hand, opened: list[int]) -> None:
    rows = meet(write, [NINE_DIGITS, COLLEAGUE, NINE_DIGITS, COLLEAGUE, COLLEAGUE], [Method.CAMERA] * DAYS)
    one = contact(write)
    assert opened == [rows[4], rows[2]]  # the first day's code is that of the third
    assert (one.minutes, one.ids) == (150, frozenset({COLLEAGUE.id_number, "012345678"}))
    assert one.person == COLLEAGUE


def test_what_an_earlier_release_registered_is_opened_on_each_day_for_how_it_was_recorded(write: Hand, opened: list[int]) -> None:
    rows = meet(write, [COLLEAGUE] * DAYS, [Method.PAPER] * DAYS, earlier_release=True)
    assert {each.methods for each in contact(write).encounters} == {frozenset({"paper"})}
    assert sorted(opened) == rows
