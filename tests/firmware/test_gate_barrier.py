"""For whom the barrier opens: whoever may pass and has perhaps missed it, and nobody twice where a code handed back would be the way in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis.strategies import booleans, floats, lists, sampled_from, tuples
from test_gate import CARD, OTHER, REQUIRED, TWO, hidden, passes
from test_pairing import pass_of

from edge_agent.wire.entry import Direction
from firmware.gate import Gate
from firmware.health import Policy
from firmware.health_pass import PassAnswer
from firmware.judgement import Late, Moment, Verdict
from firmware.passback import Passback
from firmware.person_codes import Person

KEPT = replace(TWO, repeat_s=5, passback=Passback.HARD, keeper_button="keeper")


@given(
    visits=lists(tuples(sampled_from([CARD, OTHER, hidden()]), sampled_from(["in", "out"]), floats(0, 8) | floats(0, 60)), max_size=60),
    mode=sampled_from(Passback),
    policy=sampled_from(Policy),
    closed=booleans(),
)
def test_nobody_is_locked_in(visits: list[tuple[Person, str, float]], mode: Passback, policy: Policy, closed: bool) -> None:
    gate, now_s = Gate(replace(TWO, repeat_s=5, passback=mode, health=policy)), 0.0
    for person, lane, gap_s in visits:
        now_s += gap_s
        judgement = passes(gate, lane, person, now_s, closed=closed)
        if judgement.way.direction is Direction.OUT:
            assert judgement.opens
        if judgement.verdict in {Verdict.NOT_OPEN, Verdict.ASK_KEEPER} or judgement.keeper:
            assert not judgement.opens


def test_whoever_missed_the_barrier_shows_their_code_again() -> None:
    gate = Gate(TWO)
    found = [passes(gate, lane, CARD, at_s) for lane, at_s in (("in", 0.0), ("in", 3.0), ("in", 6.0), ("out", 60.0), ("out", 63.0))]
    assert [judgement.verdict for judgement in found].count(Verdict.ALREADY) == 3
    assert all(judgement.opens for judgement in found)


@pytest.mark.parametrize("mode", [Passback.TIMED, Passback.HARD])
def test_with_anti_passback_a_code_handed_back_opens_nothing_without_the_keeper(mode: Passback) -> None:
    gate = Gate(replace(KEPT, passback=mode))
    assert passes(gate, "in", CARD, 0.0).opens
    again = passes(gate, "in", CARD, 2.0)
    assert (again.verdict, again.opens) == (Verdict.ALREADY, False)
    gate.pressed("keeper", 3.0)
    again = passes(gate, "in", CARD, 4.0)
    assert (again.verdict, again.opens) == (Verdict.ALREADY, True)
    assert passes(gate, "in", hidden(), 4.5).verdict is Verdict.ASK_KEEPER  # one press, one person
    assert passes(gate, "out", CARD, 10.0).opens
    assert passes(gate, "out", CARD, 11.0).opens


def test_somebody_who_goes_out_again_does_not_use_up_the_press_for_who_waits_outside() -> None:
    gate = Gate(KEPT)
    passes(gate, "out", CARD, 0.0)
    gate.pressed("keeper", 1.0)
    assert passes(gate, "out", CARD, 2.0).verdict is Verdict.ALREADY
    assert passes(gate, "in", hidden(), 3.0).opens


def test_amber_opens_when_the_keeper_says_so_before_or_after() -> None:
    gate = Gate(replace(REQUIRED, keeper_button="keeper"))
    assert not passes(gate, "in", CARD, 0.0).opens
    assert not passes(gate, "in", CARD, 2.0).opens
    gate.pressed("keeper", 3.0)
    assert passes(gate, "in", CARD, 4.0).opens
    assert not passes(gate, "in", CARD, 5.0).opens
    gate.pressed("keeper", 6.0)
    let_in = passes(gate, "in", OTHER, 7.0)
    assert (let_in.verdict, let_in.keeper, let_in.opens) == (Verdict.RECORD, True, True)


@pytest.mark.parametrize("policy", [Policy.ASKED, Policy.REQUIRED])
@pytest.mark.parametrize("answer", [PassAnswer.VALID, PassAnswer.EXPIRED])
def test_a_pass_after_the_code_opens_what_the_code_did_not(policy: Policy, answer: PassAnswer) -> None:
    gate = Gate(replace(REQUIRED, health=policy))
    first = passes(gate, "in", CARD, 0.0)
    late = gate.pass_shown("in", pass_of(CARD, answer), Moment(5.0))
    assert isinstance(late, Late)
    assert first.opens == (policy is Policy.ASKED)
    assert late.judgement.opens == (policy is Policy.REQUIRED and answer is PassAnswer.VALID)
