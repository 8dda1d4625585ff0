"""What the keeper types in: read whole, refused by field, and never repeated in a refusal."""

from __future__ import annotations

import unicodedata
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.wire.entry import Direction, Known
from firmware import declaration
from firmware.declaration import BadDeclaration, BadRequest, Problem
from firmware.directions import LaneRule, Mode
from firmware.person_codes import Person, Scheme, fields
from province.demo.synthetic import synthetic_people

LANES = {"vào": LaneRule(Mode.IN), "ra": LaneRule(Mode.OUT), "cửa": LaneRule(Mode.ALTERNATE), "nút": LaneRule(Mode.BUTTON, "in", "out")}
TODAY = date(2026, 11, 21)
PERSON = {"name": "Nguyễn Văn A", "id_number": "001099012345", "birth_date": "1999-03-15"}


def request(**changed: Any) -> dict[str, Any]:
    return {"type": "declare", "ref": "phone-1-0001", "lane": "vào", "direction": "in", "person": PERSON, **changed}


def problems(asked: dict[str, Any], today: date | None = TODAY) -> dict[str, Problem]:
    with pytest.raises(BadDeclaration) as refused:
        declaration.read(asked, LANES, today)
    return dict(refused.value.problems)


def test_what_people_write_in_their_own_way_is_kept_in_one() -> None:
    typed = {
        "name": "  " + unicodedata.normalize("NFD", "Nguyễn Văn A") + " ",
        "id_number": "001 099.012-345",
        "birth_date": "1999-03-15",
        "sex": "male",
        "phone": "(010) 012-3456",
        "card_number": "dn 4 01 0100000001",
    }
    read = declaration.read(request(person=typed), LANES, TODAY)
    assert (read.lane, read.way.direction, read.way.known) == ("vào", Direction.IN, Known.LANE)
    person = read.person
    assert (person.scheme, person.name, person.id_number) == (Scheme.PAPER, "Nguyễn Văn A", "001099012345")
    assert (person.birth_date, person.sex, person.phone, person.card_number) == ("1999-03-15", "male", "0100123456", "DN4010100000001")
    assert person.warnings == ()
    assert "Nguyễn" not in repr(read)
    assert "001099" not in repr(read)


def test_the_longest_name_is_read_however_its_marks_come() -> None:
    name = "Ệ" * fields.NAME_MAX_CHARS
    apart = unicodedata.normalize("NFD", name)
    assert len(apart) == 3 * len(name)
    assert declaration.read(request(person={**PERSON, "name": apart}), LANES, TODAY).person.name == name
    assert problems(request(person={**PERSON, "name": apart + "A"})) == {"name": Problem.WRONG}


@pytest.mark.parametrize("empty", [None, ""])
def test_what_may_be_left_out_may_be_sent_empty(empty: str | None) -> None:
    person = declaration.read(request(person={**PERSON, "sex": empty, "phone": empty, "card_number": empty}), LANES, TODAY).person
    assert (person.sex, person.phone, person.card_number) == (None, None, None)


@pytest.mark.parametrize("field", ["name", "id_number", "birth_date"])
def test_what_is_needed_is_missed_by_name(field: str) -> None:
    assert problems(request(person={**PERSON, field: ""})) == {field: Problem.MISSING}


@pytest.mark.parametrize(
    "lane, direction, known",
    [
        ("vào", "in", "lane"),
        ("vào", "out", None),
        ("ra", "out", "lane"),
        ("ra", "in", None),
        ("cửa", "out", "button"),
        ("nút", "in", "button"),
    ],
)
def test_a_lane_with_a_fixed_direction_has_no_other(lane: str, direction: str, known: str | None) -> None:
    asked = request(lane=lane, direction=direction)
    if known is None:
        assert problems(asked) == {"direction": Problem.WRONG}
    else:
        assert declaration.read(asked, LANES, TODAY).way.known == known


WRONG: list[tuple[str, object]] = [
    *(("name", each) for each in ("12345", "Văn\nA", "Văn \u202eA", "Nguyễn ***", "A" * 101, 7, "\ud800A")),
    *(("id_number", each) for each in ("00109901234", "0010990123456", "001099******", "٠٠١٠٩٩٠١٢٣٤٥", True, "<script>")),
    *(("birth_date", each) for each in ("2023-02-29", "15/03/1999", "1849", "1999-3-15")),
    *(("sex", each) for each in ("nam", ["male"])),
    *(("phone", each) for each in ("12", "+84+1012345", "0100123456789012", "010 012x456")),
    *(("card_number", each) for each in ("DN401", "ĐN4010100000001")),
]


@pytest.mark.parametrize("field, value", WRONG)
def test_each_field_that_is_wrong_is_named_and_not_repeated(field: str, value: object) -> None:
    asked = request(person={**PERSON, field: value})
    assert problems(asked) == {field: Problem.WRONG}
    with pytest.raises(BadDeclaration) as refused:
        declaration.read(asked, LANES, TODAY)
    assert str(refused.value) == f"{field}: wrong"
    assert (refused.value.__cause__, refused.value.__context__) == (None, None)


def test_all_that_is_wrong_is_told_at_once_and_unknown_fields_are_not_repeated() -> None:
    asked = request(lane="nowhere", direction="up", more=1, person={"name": "7", "Nguyễn Văn A": "here"})
    told = problems(asked)
    assert told == {
        "request": Problem.UNKNOWN_FIELD, "lane": Problem.WRONG, "direction": Problem.WRONG, "person": Problem.UNKNOWN_FIELD,
        "name": Problem.WRONG, "id_number": Problem.MISSING, "birth_date": Problem.MISSING,
    }  # fmt: skip


def test_nobody_is_born_tomorrow_where_the_day_is_known() -> None:
    tomorrow = request(person={**PERSON, "birth_date": "2026-11-22"})
    assert problems(tomorrow) == {"birth_date": Problem.IN_THE_FUTURE}
    assert problems(request(person={**PERSON, "birth_date": "2027"})) == {"birth_date": Problem.IN_THE_FUTURE}
    for later in ("2999-03-15", " 2999 ", "2101"):
        assert problems(request(person={**PERSON, "birth_date": later})) == {"birth_date": Problem.IN_THE_FUTURE}
        assert problems(request(person={**PERSON, "birth_date": later}), None) == {"birth_date": Problem.IN_THE_FUTURE}  # with no clock too
    assert problems(request(person={**PERSON, "birth_date": "1799"})) == {"birth_date": Problem.WRONG}
    assert declaration.read(tomorrow, LANES, None).person.birth_date == "2026-11-22"
    assert declaration.read(request(person={**PERSON, "birth_date": "2026"}), LANES, TODAY).person.birth_date == "2026"
    assert declaration.read(request(person={**PERSON, "birth_date": "2026-11-21"}), LANES, TODAY).person.birth_date == "2026-11-21"


def test_what_a_number_says_of_its_holder_is_a_warning_and_no_refusal() -> None:
    read = declaration.read(request(person={**PERSON, "birth_date": "1958", "sex": "female"}), LANES, TODAY)
    assert list(map(str, read.person.warnings)) == ["sex-mismatch", "year-mismatch"]


@pytest.mark.parametrize("ref", [None, 7, "", "short", "a" * 65, "with space", "né-phone-1", "phone-1-0001\n"])
def test_without_a_good_ref_there_is_nothing_to_answer(ref: object) -> None:
    with pytest.raises(BadRequest, match="ref must be"):
        declaration.read(request(ref=ref), LANES, TODAY)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
typed = st.text(max_size=410) | st.sampled_from([*PERSON.values(), "male", "0100123456", "C01X00T47"]) | anything
people = st.dictionaries(st.sampled_from([*declaration._OF_THE_PERSON, "address"]), typed) | anything


requests = st.fixed_dictionaries(
    {"type": st.just("declare"), "ref": st.just("phone-1-0001")},
    optional={
        "lane": st.sampled_from([*LANES, "x"]) | anything,
        "direction": st.sampled_from(["in", "out"]) | anything,
        "person": people,
    },
)


def read_or_problems(asked: dict[str, Any]) -> Person | dict[str, Problem]:
    try:
        return declaration.read(asked, LANES, TODAY).person
    except BadDeclaration as error:
        return dict(error.problems)


@given(requests)
def test_whatever_comes_is_read_within_bounds_or_refused_by_known_fields(asked: dict[str, Any]) -> None:
    person = read_or_problems(asked)
    if isinstance(person, dict):
        assert person
        assert person.keys() <= {*declaration.FIELDS, "request", "person"}
        return
    assert person.name == fields.name(person.name)
    assert person.id_number == fields.identity_number(person.id_number)
    assert person.birth_date is not None
    assert person.birth_date <= TODAY.isoformat()
    assert person.sex in (None, "male", "female")
    assert "*" not in person.name + person.id_number + (person.phone or "")
    assert len((person.phone or "").encode()) <= 16


@given(st.sampled_from(synthetic_people(60)), st.sampled_from(["cửa", "nút"]), st.sampled_from(list(Direction)))
def test_everybody_with_a_code_can_be_declared_without_it(person: Person, lane: str, direction: Direction) -> None:
    said = {name: value for name in declaration._OF_THE_PERSON if (value := getattr(person, name)) is not None}
    read = declaration.read(request(lane=lane, direction=str(direction), person=said), LANES, TODAY)
    assert {name: getattr(read.person, name) for name in said} == said
    assert read.way.direction is direction
    assert read.person.warnings == person.warnings
