"""What tracing makes of clocks that nobody knows, copied cards, crowds and codes that hide their number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracing_world import MINUTE_MS, Hand, for_once, passed, someone

from edge_agent.wire.entry import Clock, Direction, RecordedPerson
from edge_agent.wire.keyring import day_of
from province.base.clock import now_ms
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.looks.subjects import SeveralPeople
from province.records.views import day_bounds_ms
from province.store import database
from province.tracing.contacts import Contacts
from province.tracing.rules import Rules
from province.tracing.stays import Passed, Rule, stays, together_ms
from province.tracing.trace import Movements, Trace

F0, OTHER = someone(1, phone="0912345671"), someone(2)
RULE = Rule(60, 840)
BASE_MS = day_bounds_ms(day_of(now_ms()) - timedelta(days=5))[0]


@pytest.fixture
def write(old_layout: Layout) -> Iterator[Hand]:
    keystore = Keystore(old_layout.keystore)
    with closing(database.connect(old_layout.register)) as connection, for_once(connection, keystore) as hand:
        hand.site("cho", "market")
        yield hand


def traced(write: Hand, number: str = F0.id_number, rules: Rules | None = None) -> tuple[Movements, Contacts]:
    trace = Trace(write.connection, write.keystore, rules or Rules(), now_ms())
    moved = trace.movements(number)
    return moved, trace.contacts(moved)


def at(minute: int) -> int:
    return BASE_MS + minute * MINUTE_MS


def test_an_unknown_clock_widens_a_stay_to_its_neighbours_in_the_log(write: Hand) -> None:
    write.put("cho", at(500), passed(someone(3), "in"))
    write.put("cho", 1000, passed(F0, "in"), clock=Clock.UNKNOWN, registered_ms=at(900), epoch=day_of(at(0)).isoformat())
    write.put("cho", at(700), passed(someone(3), "out"))
    write.put("cho", at(730), passed(F0, "out"))
    write.put("cho", at(510), passed(OTHER, "in"), device="cong-2")
    write.put("cho", at(540), passed(OTHER, "out"), device="cong-2")
    moved, met = traced(write)
    [visit] = moved.visits
    assert (visit.stay.begin_ms, visit.stay.end_ms, visit.stay.is_unsure) == (at(500), at(730), True)
    assert {each.person.name: (each.minutes, each.encounters[0].is_unsure) for each in met.found} == {
        someone(3).name: (200, True), OTHER.name: (30, True),
    }  # fmt: skip


def test_a_contact_whose_clock_is_unknown_is_found_all_the_same(write: Hand) -> None:
    write.put("cho", at(500), passed(F0, "in"))
    write.put("cho", at(560), passed(F0, "out"))
    write.put("cho", at(450), passed(someone(3), "in"), device="cong-2")
    write.put(
        "cho", 1000, passed(OTHER, "in"), device="cong-2", clock=Clock.UNKNOWN, registered_ms=at(4000), epoch=day_of(at(0)).isoformat()
    )
    write.put("cho", at(520), passed(someone(3), "out"), device="cong-2")
    _moved, met = traced(write)
    assert {each.person.name: each.minutes for each in met.found} == {someone(3).name: 20, OTHER.name: 60}


def test_a_corrected_time_counts(write: Hand) -> None:
    write.put(
        "cho", 1000, passed(F0, "in"), clock=Clock.UNKNOWN, registered_ms=at(900), epoch=day_of(at(0)).isoformat(), corrected_ms=at(500)
    )
    moved, _met = traced(write)
    assert [(each.stay.begin_ms, each.stay.is_unsure) for each in moved.visits] == [(at(500), False)]


def test_a_copied_card_shows(write: Hand) -> None:
    write.put("cho", at(500), passed(F0, "in"), forked=True)
    moved, _met = traced(write)
    assert [each.stay.is_forked for each in moved.visits] == [True]


def test_a_crowd_is_named_as_far_as_the_rules_say_the_longest_together_first(write: Hand) -> None:
    write.put("cho", at(500), passed(F0, "in"))
    for number in range(30):
        write.put("cho", at(500 + number), passed(someone(100 + number), "in"))
    moved, met = traced(write, rules=Rules(contacts_most=10))
    assert [each.person.name for each in met.found] == [someone(100 + number).name for number in range(10)]
    assert met.unnamed == {moved.visits[0].place: 20}


def test_who_was_there_too_shortly_is_no_contact(write: Hand) -> None:
    write.put("cho", at(500), passed(F0, "in"))
    write.put("cho", at(546), passed(OTHER, "in"))
    write.put("cho", at(544), passed(someone(3), "in"))
    _moved, met = traced(write, rules=Rules(least_ms=15 * MINUTE_MS))
    assert [each.person.name for each in met.found] == [someone(3).name]


def test_a_number_hidden_in_part_joins_no_strangers(write: Hand) -> None:
    write.put("cho", at(500), passed(F0, "in"))
    for name in ("Lê Thị Hoa", "Trần Văn Bình"):
        write.put("cho", at(510), passed(replace(OTHER, id_number="001099******", name=name), "in"))
    _moved, met = traced(write)
    assert {each.person.name: each.minutes for each in met.found} == {"Lê Thị Hoa": 50, "Trần Văn Bình": 50}


def test_a_familys_phone_leads_to_nobody_in_particular(write: Hand) -> None:
    write.put("cho", at(500), passed(F0, "in"))
    write.put("cho", at(510), passed(replace(OTHER, phone=F0.phone), "in"))
    with pytest.raises(SeveralPeople, match="2 people"):
        traced(write, F0.phone or "")
    _moved, met = traced(write)
    assert [each.person.name for each in met.found] == [OTHER.name]


def typed(name: str, phone: str) -> RecordedPerson:
    return RecordedPerson("self", "*", name, phone=phone)


def test_a_case_that_checked_in_by_name_and_phone_is_found_by_any_number(write: Hand) -> None:
    write.put("cho", at(500), passed(F0, "in"))
    write.put("cho", at(530), passed(F0, "out"))
    write.put("quan", at(600), passed(typed("nguyễn  văn 1", "+84912345671"), "in"))
    write.put("quan", at(700), passed(typed("NGUYỄN VĂN 1", "0912 345 671"), "out"))
    write.put("quan", at(600), passed(typed("Nguyễn Văn 1", "0912345672"), "in"))  # a namesake with another phone
    for number in (F0.id_number, F0.phone or ""):
        moved, met = traced(write, number)
        assert [(each.place.site, each.stay.begin_ms, each.stay.end_ms) for each in moved.visits] == [
            ("cho", at(500), at(530)), ("quan", at(600), at(700)),
        ]  # fmt: skip
        assert [each.person.phone for each in met.found] == ["0912345672"]


def test_a_contact_by_name_and_phone_is_one_with_the_number_they_also_gave(write: Hand) -> None:
    with_number = replace(typed("Lê Thị Hoa", "0933333333"), id_number=OTHER.id_number)
    write.put("cho", at(500), passed(F0, "in"))
    write.put("cho", at(560), passed(F0, "out"))
    write.put("cho", at(400), passed(with_number, "in"))
    write.put("cho", at(700), passed(typed("lê thị hoa", "0933333333"), "out"))
    write.put("quan", at(600), passed(F0, "in"))
    write.put("quan", at(600), passed(typed("Lê Thị Hoa", "0933333333"), "in"))
    for name in ("Lê Thị Hòa", "le thi hoa"):  # of the family, or who can say
        write.put("quan", at(600), passed(typed(name, "0933333333"), "in"))
    _moved, met = traced(write)
    told = {(each.person.name, each.person.id_number, each.minutes, len(each.places)) for each in met.found}
    assert told == {("Lê Thị Hoa", OTHER.id_number, 120, 2), ("Lê Thị Hòa", "*", 60, 1), ("le thi hoa", "*", 60, 1)}


@given(
    true=st.tuples(st.integers(0, 500), st.integers(0, 500)), wide=st.tuples(*[st.integers(0, 90)] * 4), other=st.integers(-100, 600),
    with_exit=st.booleans(),
)  # fmt: skip
def test_an_unsure_stay_holds_every_stay_that_may_have_been(
    true: tuple[int, int], wide: tuple[int, int, int, int], other: int, *, with_exit: bool
) -> None:
    came, went = sorted(true)
    sure = [Passed(1, came, came, Direction.IN, seq=1), Passed(2, went, went, Direction.OUT, seq=2)][: 1 + with_exit]
    bounds = [(came - wide[0], came + wide[1]), (went - wide[2], went + wide[3])]
    blurred = [one._replace(early_ms=low, late_ms=high) for one, (low, high) in zip(sure, bounds, strict=False)]
    if with_exit and blurred[1].early_ms < blurred[0].early_ms:
        return  # in another order nothing says that they belong together
    theirs = stays([Passed(3, other, other, Direction.IN)], RULE)
    assert together_ms(stays(blurred, RULE), theirs) >= together_ms(stays(sure, RULE), theirs)
