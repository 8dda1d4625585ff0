"""What the gate decides: each question in its order, and nothing counted that is not on disk."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis.strategies import booleans, floats, lists, sampled_from, tuples
from test_pairing import pass_of

from edge_agent.wire.entry import Direction, Known
from firmware.directions import LaneRule, Mode
from firmware.gate import Gate
from firmware.gate_rules import GateRules
from firmware.health import PassResult, Policy
from firmware.health_pass import PassAnswer
from firmware.judgement import Cause, Judgement, Late, Moment, PassVerdict, Remark, Verdict
from firmware.opening_hours import read_hours
from firmware.passback import Passback
from firmware.person_codes import Person, Scheme, read_person

CARD = read_person("001099012345||Nguyễn Văn A|15031999|Nam||10052021")
PHONE = read_person("001099012345|NGUYEN VAN A|1999-03-15|0|162979388586171100|<1<<0100123456")
OTHER = read_person("001199012345||Trần Thị B|15031999|Nữ||10052021")
TWO = GateRules({"in": LaneRule(Mode.IN), "out": LaneRule(Mode.OUT)}, repeat_s=30)
DOOR = GateRules({"door": LaneRule(Mode.BUTTON, button_in="green", button_out="red")}, repeat_s=30)


def passes(gate: Gate, lane: str, person: Person, at_s: float, **more: bool) -> Judgement:
    """Somebody shows their code, and the disk works."""
    judgement = gate.judge(lane, person, Moment(at_s, **more))
    if judgement.verdict is Verdict.RECORD:
        gate.recorded(lane, person, judgement, at_s)
    return judgement


@given(
    visits=lists(
        tuples(sampled_from([CARD, PHONE, OTHER]), sampled_from(["in", "out"]), floats(0, 8) | floats(0, 60), booleans()), max_size=100
    )
)
def test_somebody_is_a_repeat_exactly_when_they_passed_that_way_last_and_within_the_window(
    visits: list[tuple[Person, str, float, bool]],
) -> None:
    gate, now_s = Gate(TWO), 0.0
    last = dict[str, tuple[str, float]]()  # by person: where they passed last, and when they were last seen there
    for person, lane, gap_s, disk_works in visits:
        now_s += gap_s
        where, seen_s = last.get(person.id_number, ("", 0.0))
        repeat = where == lane and now_s - seen_s < 30
        judgement = gate.judge(lane, person, Moment(now_s))
        assert judgement.verdict is (Verdict.ALREADY if repeat else Verdict.RECORD)
        assert (judgement.way.direction, judgement.way.known, judgement.health) == (Direction(lane), Known.LANE, None)
        if repeat or disk_works:  # a passage that is not on disk leaves no trace: the next try is recorded
            last[person.id_number] = lane, now_s
        if not repeat and disk_works:
            gate.recorded(lane, person, judgement, now_s)
        assert gate.presence()["inside"] == sum(where == "in" for where, _seen_s in last.values())


def test_in_out_and_in_again_within_seconds_are_three_passages() -> None:
    gate = Gate(TWO)
    assert [passes(gate, lane, CARD, at_s).verdict for lane, at_s in (("in", 0.0), ("out", 10.0), ("in", 20.0))] == [Verdict.RECORD] * 3
    assert gate.presence()["inside"] == 1


def test_card_and_phone_of_one_person_are_one_person() -> None:
    gate = Gate(TWO)
    passes(gate, "in", CARD, 0.0)
    assert passes(gate, "in", PHONE, 1.0).verdict is Verdict.ALREADY
    assert passes(gate, "in", OTHER, 1.0).verdict is Verdict.RECORD


def hidden(**values: str) -> Person:
    given = {"id_number": "001*****2345", "name": "NGUYEN V** A", "birth_date": "1999-03-15", **values}
    return Person(Scheme.NATIONAL, given["id_number"], given["name"], given["birth_date"], None, qid=values.get("qid"))


def test_numbers_covered_in_part_do_not_make_two_people_one() -> None:
    gate = Gate(TWO)
    passes(gate, "in", hidden(), 0.0)
    assert passes(gate, "in", hidden(), 1.0).verdict is Verdict.ALREADY
    for other in (hidden(name="TRAN T** B"), hidden(birth_date="1999-03-16"), hidden(qid="1629"), hidden(id_number="001*****2346")):
        assert passes(gate, "in", other, 1.0).verdict is Verdict.RECORD


@given(gaps=lists(floats(0, 100), max_size=40))
def test_a_guessed_way_turns_round_only_after_the_window_and_is_never_counted(gaps: list[float]) -> None:
    gate = Gate(GateRules({"door": LaneRule(Mode.ALTERNATE)}, repeat_s=30))
    now_s, seen_s, recorded = 0.0, -1000.0, list[Direction]()
    for gap_s in gaps:
        now_s += gap_s
        judgement = passes(gate, "door", CARD, now_s)
        assert judgement.verdict is (Verdict.ALREADY if now_s - seen_s < 30 else Verdict.RECORD)
        if judgement.verdict is Verdict.RECORD:
            assert judgement.way.known is Known.INFERRED
            recorded.append(judgement.way.direction)
        seen_s = now_s
    assert recorded == [(Direction.IN, Direction.OUT)[turn % 2] for turn in range(len(recorded))]
    counts = gate.presence()
    assert (counts["inside"], counts["came"], counts["went"]) == (0, 0, 0)
    assert counts["inferred_in"] + counts["inferred_out"] == len(recorded)


def test_buttons_at_once_leave_a_guess_that_says_so() -> None:
    gate = Gate(DOOR)
    gate.pressed("red", 5.0)
    assert passes(gate, "door", CARD, 6.0).way.direction is Direction.OUT
    gate.pressed("red", 50.0)
    gate.pressed("green", 50.1)
    judgement = passes(gate, "door", OTHER, 51.0)
    assert (judgement.way.known, judgement.remarks) == (Known.INFERRED, (Remark.BUTTONS_CLASH,))


EIGHT_MS = int(datetime.fromisoformat("2021-10-04T08:00+07:00").timestamp() * 1000)  # a Monday


@pytest.mark.parametrize("closed, wall_ms", [(True, None), (True, EIGHT_MS), (False, EIGHT_MS + 12 * 3_600_000)])
def test_nobody_comes_into_a_shut_gate_and_everybody_gets_out(closed: bool, wall_ms: int | None) -> None:
    gate = Gate(replace(TWO, hours=read_hours("mo 05:00-19:00")))
    assert gate.judge("in", CARD, Moment(0.0, EIGHT_MS)).verdict is Verdict.RECORD
    now = Moment(0.0, wall_ms, closed)
    assert gate.is_shut(now)
    assert gate.shut_lanes(now) == {"in"}
    assert gate.judge("in", CARD, now).verdict is Verdict.NOT_OPEN
    assert gate.judge("out", CARD, now).verdict is Verdict.RECORD
    assert gate.shut_lanes(Moment(0.0)) == frozenset()  # no clock: open


def test_a_repeat_after_closing_time_is_still_one() -> None:
    gate = Gate(TWO)
    passes(gate, "in", CARD, 0.0)
    assert gate.judge("in", CARD, Moment(5.0, closed=True)).verdict is Verdict.ALREADY


def test_a_night_empties_the_gate() -> None:
    gate = Gate(TWO)
    gate.tidy(Moment(0.0, EIGHT_MS))
    passes(gate, "in", CARD, 1.0)
    gate.tidy(Moment(15 * 3600.0, EIGHT_MS + 15 * 3_600_000))
    assert gate.presence()["inside"] == 1
    gate.tidy(Moment(17 * 3600.0))  # no clock: not by a wrong time
    assert gate.presence()["inside"] == 1
    gate.tidy(Moment(17 * 3600.0, EIGHT_MS + 17 * 3_600_000))
    assert set(gate.presence().values()) == {0}


@pytest.mark.parametrize("mode", [Passback.TIMED, Passback.HARD])
def test_a_code_handed_back_over_the_fence_is_sent_to_the_keeper(mode: Passback) -> None:
    gate = Gate(replace(TWO, repeat_s=5, passback=mode, passback_s=900))
    assert passes(gate, "in", CARD, 0.0).verdict is Verdict.RECORD
    assert passes(gate, "in", CARD, 2.0).verdict is Verdict.ALREADY
    assert passes(gate, "in", PHONE, 20.0).verdict is Verdict.ASK_KEEPER
    assert passes(gate, "out", CARD, 30.0).verdict is Verdict.RECORD
    assert passes(gate, "out", CARD, 40.0).remarks == (Remark.PASSBACK,)  # nobody is kept in
    assert passes(gate, "in", CARD, 50.0).remarks == ()
    later = passes(gate, "in", CARD, 2000.0)
    if mode is Passback.TIMED:
        assert (later.verdict, later.remarks) == (Verdict.RECORD, (Remark.PASSBACK,))
    else:
        assert later.verdict is Verdict.ASK_KEEPER
    assert gate.presence()["inside"] == 1
    assert gate.sent_to_keeper[Cause.PASSBACK] == (1 if mode is Passback.TIMED else 2)


@pytest.mark.parametrize("mode", [Passback.TIMED, Passback.HARD])
def test_with_anti_passback_a_repeat_does_not_lengthen_the_five_seconds(mode: Passback) -> None:
    gate = Gate(replace(TWO, repeat_s=5, passback=mode))
    found = [passes(gate, "in", CARD, at_s).verdict for at_s in (0.0, 2.0, 4.0, 6.0, 8.0)]
    assert found == [Verdict.RECORD, Verdict.ALREADY, Verdict.ALREADY, Verdict.ASK_KEEPER, Verdict.ASK_KEEPER]
    found = [passes(gate, "out", CARD, at_s).verdict for at_s in (10.0, 14.0, 16.0)]
    assert found == [Verdict.RECORD, Verdict.ALREADY, Verdict.RECORD]  # nobody is kept in


def test_a_refusal_says_the_same_whatever_its_cause() -> None:
    """Somebody who comes in twice, and a number covered in part: one judgement, in which no cause shows."""
    gate = Gate(replace(TWO, passback=Passback.HARD, repeat_s=5))
    passes(gate, "in", CARD, 1.0)
    twice = gate.judge("in", CARD, Moment(21.0))
    assert twice == gate.judge("in", hidden(), Moment(21.0))
    assert twice.verdict is Verdict.ASK_KEEPER
    assert set(gate.sent_to_keeper) == set(Cause)


def test_the_keeper_lets_one_person_in_whatever_speaks_against_it() -> None:
    gate = Gate(replace(TWO, repeat_s=5, passback=Passback.HARD, keeper_button="keeper"))
    passes(gate, "in", CARD, 0.0)
    gate.pressed("keeper", 50.0)
    assert passes(gate, "in", CARD, 49.0).verdict is Verdict.ASK_KEEPER  # read before the press
    let_in = passes(gate, "in", CARD, 60.0)
    assert (let_in.verdict, let_in.remarks) == (Verdict.RECORD, (Remark.PASSBACK, Remark.KEEPER))
    assert passes(gate, "in", hidden(), 61.0).verdict is Verdict.ASK_KEEPER  # one press, one person
    gate.pressed("keeper", 100.0)
    assert passes(gate, "in", OTHER, 131.0, closed=True).verdict is Verdict.NOT_OPEN  # too long ago
    gate.pressed("keeper", 140.0)
    assert passes(gate, "in", OTHER, 141.0, closed=True).remarks == (Remark.KEEPER,)
    assert gate.presence()["inside"] == 2


@given(
    visits=lists(tuples(sampled_from([CARD, OTHER]), sampled_from(["in", "out"]), floats(0, 60)), max_size=80),
    mode=sampled_from(Passback),
)
def test_with_hard_anti_passback_each_comes_in_once_for_each_time_out(visits: list[tuple[Person, str, float]], mode: Passback) -> None:
    gate, now_s = Gate(replace(TWO, repeat_s=5, passback=mode, passback_s=100)), 0.0
    inside = dict[str, bool]()
    for person, lane, gap_s in visits:
        now_s += gap_s
        judgement = passes(gate, lane, person, now_s)
        if lane == "out":
            assert judgement.verdict is not Verdict.ASK_KEEPER
        if mode is Passback.OFF:
            assert judgement.verdict is not Verdict.ASK_KEEPER
            assert judgement.remarks == ()
        if judgement.verdict is Verdict.RECORD:
            if mode is Passback.HARD and lane == "in":
                assert not inside.get(person.id_number)
            inside[person.id_number] = lane == "in"
        assert gate.presence()["inside"] == sum(inside.values())


REQUIRED = replace(TWO, health=Policy.REQUIRED, pass_s=20)


@pytest.mark.parametrize("policy", [Policy.ASKED, Policy.REQUIRED])
@pytest.mark.parametrize("answer", [None, *PassAnswer])
def test_what_a_pass_came_to_is_recorded_and_only_a_required_one_calls_the_keeper(policy: Policy, answer: PassAnswer | None) -> None:
    gate = Gate(replace(REQUIRED, health=policy))
    if answer is not None:
        verdict = gate.pass_shown("in", pass_of(CARD, answer), Moment(0.0))
        usable = answer in {PassAnswer.VALID, PassAnswer.CLOCK_UNKNOWN}
        assert verdict is (PassVerdict.NOW_THE_CODE if usable else PassVerdict.NOT_VALID)
    judgement = passes(gate, "in", CARD, 1.0)
    assert judgement.verdict is Verdict.RECORD
    assert judgement.health == (PassResult.NOT_SHOWN if answer is None else PassResult(answer))
    assert judgement.keeper == (policy is Policy.REQUIRED and answer is not PassAnswer.VALID)
    assert passes(gate, "in", CARD, 2.0).keeper == judgement.keeper  # showing the code again makes no amber green
    assert passes(gate, "out", CARD, 3.0).health is None


def test_a_pass_after_the_code_is_one_more_entry_and_no_more_people() -> None:
    gate = Gate(REQUIRED)
    assert passes(gate, "in", CARD, 0.0).keeper
    late = gate.pass_shown("in", pass_of(CARD), Moment(5.0))
    assert isinstance(late, Late)
    assert (late.person, late.usable) == (CARD, True)
    assert (late.judgement.health, late.judgement.remarks, late.judgement.keeper) == (PassResult.VALID, (Remark.PASS_AFTER_CODE,), False)
    gate.recorded("in", late.person, late.judgement, 5.0)
    assert passes(gate, "in", CARD, 6.0) == Judgement(Verdict.ALREADY, late.judgement.way, opens=True)
    assert (gate.presence()["inside"], gate.presence()["came"]) == (1, 1)


def test_a_pass_fetched_outside_is_that_of_the_next_time_in() -> None:
    gate = Gate(REQUIRED)
    passes(gate, "in", CARD, 0.0)
    passes(gate, "out", CARD, 5.0)
    assert gate.pass_shown("in", pass_of(CARD), Moment(10.0)) is PassVerdict.NOW_THE_CODE
    judgement = passes(gate, "in", CARD, 12.0)
    assert (judgement.verdict, judgement.health, judgement.remarks) == (Verdict.RECORD, PassResult.VALID, ())
    assert gate.presence()["came"] == 2


def test_a_pass_fetched_later_and_shown_before_the_code_again_is_recorded_too() -> None:
    gate = Gate(REQUIRED)
    passes(gate, "in", CARD, 0.0)
    assert gate.pass_shown("in", pass_of(CARD), Moment(25.0)) is PassVerdict.NOW_THE_CODE
    judgement = passes(gate, "in", CARD, 27.0)
    assert (judgement.verdict, judgement.health, judgement.remarks) == (Verdict.RECORD, PassResult.VALID, (Remark.PASS_AFTER_CODE,))
    assert gate.presence()["came"] == 1
    assert not passes(gate, "in", CARD, 28.0).keeper


def test_another_persons_pass_helps_nobody() -> None:
    gate = Gate(REQUIRED)
    gate.pass_shown("in", pass_of(OTHER), Moment(0.0))
    judgement = passes(gate, "in", CARD, 1.0)
    assert (judgement.health, judgement.keeper) == (PassResult.OTHER_PERSON, True)


def test_a_pass_shown_by_somebody_already_recorded_is_not_left_for_the_next() -> None:
    gate = Gate(REQUIRED)
    gate.pass_shown("in", pass_of(CARD), Moment(0.0))
    passes(gate, "in", CARD, 1.0)
    gate.pass_shown("in", pass_of(CARD), Moment(3.0))
    assert passes(gate, "in", CARD, 4.0).verdict is Verdict.ALREADY
    assert passes(gate, "in", OTHER, 6.0).health is PassResult.NOT_SHOWN


def test_a_pass_at_a_shut_gate_is_kept_only_when_the_keeper_lets_its_holder_in() -> None:
    gate = Gate(replace(REQUIRED, keeper_button="keeper"))
    assert gate.pass_shown("in", pass_of(CARD), Moment(0.0, closed=True)) is PassVerdict.NOT_OPEN
    gate.pressed("keeper", 1.0)
    assert passes(gate, "in", CARD, 2.0, closed=True).health is PassResult.NOT_SHOWN
    gate.pressed("keeper", 30.0)
    assert gate.pass_shown("in", pass_of(OTHER), Moment(31.0, closed=True)) is PassVerdict.NOW_THE_CODE
    judgement = passes(gate, "in", OTHER, 33.0, closed=True)
    assert (judgement.verdict, judgement.health, judgement.keeper) == (Verdict.RECORD, PassResult.VALID, False)


def test_a_pass_after_the_code_is_recorded_also_when_the_gate_has_shut_between() -> None:
    gate = Gate(REQUIRED)
    passes(gate, "in", CARD, 0.0)
    assert isinstance(gate.pass_shown("in", pass_of(CARD), Moment(5.0, closed=True)), Late)


def test_passes_mean_nothing_where_nobody_asks_for_them() -> None:
    assert Gate(TWO).pass_shown("in", pass_of(CARD), Moment(0.0)) is PassVerdict.NOT_ASKED
    assert Gate(REQUIRED).pass_shown("out", pass_of(CARD), Moment(0.0)) is PassVerdict.NOT_ASKED
    assert Gate(REQUIRED).pass_shown("in", pass_of(CARD), Moment(0.0, closed=True)) is PassVerdict.NOT_OPEN
