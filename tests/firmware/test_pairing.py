"""Health passes and the codes of their holders: who belongs to which, in either order, and for how long."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis.strategies import floats, lists, permutations, sampled_from, tuples

from edge_agent.wire.entry import Direction, Known
from firmware.directions import Way
from firmware.health import USABLE, Pairing, PassResult, agrees
from firmware.health_pass import SIGNED, PassAnswer, ShownPass
from firmware.person_codes import Person, read_person
from province.demo.synthetic import synthetic_people

WITHIN_S = 20.0
AN = read_person("001099012345||Nguyễn Văn Đức|15031999|Nam||10052021")
BINH = read_person("001199012345||Trần Thị B|15031999|Nữ||10052021")
WAY = Way(Direction.IN, Known.LANE)


def pass_of(person: Person, answer: PassAnswer = PassAnswer.VALID) -> ShownPass:
    bare = "".join(char for char in unicodedata.normalize("NFD", person.name.upper()) if not unicodedata.combining(char))
    return ShownPass(answer, bare.replace("Đ", "D"), person.birth_date) if answer in SIGNED else ShownPass(answer)


@given(words=permutations(("NGUYEN", "VAN", "DUC")), birth=sampled_from(["1999-03-15", "1999-03", "1999"]))
def test_a_pass_agrees_with_its_holder_in_any_order_of_words(words: list[str], birth: str) -> None:
    assert agrees(AN, ShownPass(PassAnswer.VALID, " ".join(words), birth))
    assert agrees(replace(AN, birth_date="1999"), ShownPass(PassAnswer.VALID, " ".join(words), birth))  # an insurance card says no more


@pytest.mark.parametrize(
    "name, birth",
    [("NGUYEN VAN DUC", "1999-03-16"), ("NGUYEN VAN DUC", "1998"), ("NGUYEN VAN", "1999-03-15"), ("NGUYEN VAN VAN DUC", "1999-03-15"),
     ("NGUYEN VAN DUC", None), (None, "1999-03-15"), (None, None)],
)  # fmt: skip
def test_a_pass_that_differs_in_anything_does_not_agree(name: str | None, birth: str | None) -> None:
    assert not agrees(AN, ShownPass(PassAnswer.VALID, name, birth))


def test_what_a_code_hides_agrees_with_nothing() -> None:
    shown = pass_of(AN)
    assert not agrees(replace(AN, birth_date=None), shown)
    assert not agrees(replace(AN, name="NGUYEN V** DUC"), shown)


def test_invented_people_agree_with_their_own_pass_and_no_others() -> None:
    people = synthetic_people(40)
    for one in people:
        for other in people:
            same = (one.name, one.birth_date) == (other.name, other.birth_date)
            assert agrees(one, pass_of(other)) == (same or one is other)


EVENTS = lists(
    tuples(sampled_from(["pass", "code"]), sampled_from([AN, BINH]), sampled_from(PassAnswer), sampled_from("ab"), floats(0, 15)),
    max_size=60,
)


@given(events=EVENTS)
def test_nobody_is_recorded_with_a_pass_that_is_anothers(events: list[tuple[str, Person, PassAnswer, str, float]]) -> None:
    pairing, now_s = Pairing(WITHIN_S), 0.0
    shown_s: dict[tuple[str, Person | None, PassAnswer], float] = {}  # by lane, whose as far as it says, and what it came to
    coded_s: dict[tuple[str, Person], float] = {}
    for kind, person, answer, lane, gap_s in events:
        now_s += gap_s
        if kind == "pass":
            late = pairing.shown(lane, pass_of(person, answer), now_s)
            shown_s[lane, person if answer in SIGNED else None, answer] = now_s
            if late is not None:
                assert late[:2] == (person, WAY)
                assert late[2] == PassResult(answer)
                assert answer in SIGNED
                assert now_s - coded_s[lane, person] <= WITHIN_S
                pairing.recorded(lane, person, WAY, late[2], now_s)
                coded_s[lane, person] = now_s
            continue
        result = pairing.result_for(lane, person, now_s)
        if result not in {PassResult.NOT_SHOWN, PassResult.OTHER_PERSON}:
            whose = person if PassAnswer(result) in SIGNED else None
            assert now_s - shown_s[lane, whose, PassAnswer(result)] <= WITHIN_S
        pairing.recorded(lane, person, WAY, result, now_s)
        coded_s[lane, person] = now_s


@pytest.mark.parametrize("answer", PassAnswer)
def test_a_pass_shown_first_is_worth_what_it_came_to_once_and_for_a_while(answer: PassAnswer) -> None:
    pairing = Pairing(WITHIN_S)
    assert pairing.shown("a", pass_of(AN, answer), 0.0) is None
    assert pairing.result_for("a", AN, WITHIN_S) == PassResult(answer)
    assert pairing.result_for("b", AN, 1.0) is PassResult.NOT_SHOWN  # another lane
    assert pairing.result_for("a", AN, WITHIN_S + 0.1) is PassResult.NOT_SHOWN
    assert pairing.result_for("a", BINH, 1.0) is (PassResult.OTHER_PERSON if answer in SIGNED else PassResult(answer))
    pairing.recorded("a", AN, WAY, PassResult(answer), 1.0)
    assert pairing.result_for("a", BINH, 2.0) is PassResult.NOT_SHOWN


@pytest.mark.parametrize("answer", sorted(SIGNED))
def test_a_pass_shown_after_its_holders_code_says_more_of_them_once(answer: PassAnswer) -> None:
    pairing = Pairing(WITHIN_S)
    pairing.recorded("a", AN, WAY, PassResult.NOT_SHOWN, 0.0)
    assert pairing.shown("a", pass_of(AN, answer), 5.0) == (AN, WAY, PassResult(answer))
    pairing.recorded("a", AN, WAY, PassResult(answer), 5.0)
    assert pairing.shown("a", pass_of(AN, answer), 6.0) is None


def test_a_pass_that_nobody_vouches_for_is_not_put_upon_the_next_person() -> None:
    pairing = Pairing(WITHIN_S)
    pairing.recorded("a", AN, WAY, PassResult.NOT_SHOWN, 0.0)
    assert pairing.shown("a", pass_of(AN, PassAnswer.BAD_SIGNATURE), 2.0) is None
    assert pairing.result_for("a", BINH, 4.0) is PassResult.NOT_SHOWN


def test_nothing_of_anybody_stays_when_their_time_is_over() -> None:
    pairing = Pairing(WITHIN_S)
    pairing.shown("a", pass_of(AN), 0.0)
    pairing.recorded("b", BINH, WAY, PassResult.NOT_SHOWN, 0.0)
    pairing.tidy(WITHIN_S)
    assert (len(pairing._passes), len(pairing._waiting)) == (1, 1)
    pairing.tidy(WITHIN_S + 0.1)
    assert (len(pairing._passes), len(pairing._waiting)) == (0, 0)


def test_the_record_has_a_word_for_every_answer() -> None:
    assert {str(answer) for answer in PassAnswer} | {"other-person", "not-shown"} == {str(result) for result in PassResult}
    assert set(PassAnswer) > USABLE
