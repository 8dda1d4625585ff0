from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from drivers.indicator import Signal
from drivers.patterns import PATTERNS, Lamp, Step

TICK_MS = 50
ANSWERS = [signal for signal in Signal if not PATTERNS[signal].is_state]


GO_ON = {Signal.ACCEPTED, Signal.ALREADY}
SHOW_IT_AGAIN = {Signal.NOT_A_PERSON_CODE, Signal.CLOSER, Signal.HOLD_STILL, Signal.UNREADABLE}


def colours(signal: Signal) -> list[frozenset[Lamp]]:
    """The colours in their order, with no rhythm in them."""
    lit = [step.lamps for step in PATTERNS[signal].steps if step.lamps]
    return [lamps for place, lamps in enumerate(lit) if place == 0 or lamps != lit[place - 1]]


def rhythm(signal: Signal, tick: Callable[[Step], str]) -> str:
    """The signal as a string, one letter a tick, with no colour in it."""
    pattern = PATTERNS[signal]
    once = "".join(tick(step) * (step.duration_ms // TICK_MS) for step in pattern.steps)
    if not pattern.is_state:
        return (once * pattern.repeats).rstrip(".") + "."
    turns = (once[turn:] + once[:turn] for turn in range(len(once)))  # nobody knows when a state began
    longest = max(turns)
    return "loop " + (longest[0] if set(longest) == {longest[0]} else longest)


def both(step: Step) -> str:
    return {(True, True): "B", (True, False): "l", (False, True): "s", (False, False): "."}[bool(step.lamps), step.sound]


def light(step: Step) -> str:
    return "l" if step.lamps else "."


def sound(step: Step) -> str:
    return "s" if step.sound else "."


def test_every_signal_has_a_pattern_in_whole_ticks() -> None:
    assert set(PATTERNS) == set(Signal)
    for pattern in PATTERNS.values():
        assert all(step.duration_ms > 0 and step.duration_ms % TICK_MS == 0 for step in pattern.steps)


@pytest.mark.parametrize("one, other", list(itertools.combinations(Signal, 2)))
def test_signals_differ_by_rhythm_without_any_colour(one: Signal, other: Signal) -> None:
    assert rhythm(one, both) != rhythm(other, both)
    assert rhythm(one, light) != rhythm(other, light)


@pytest.mark.parametrize("one, other", list(itertools.combinations(ANSWERS, 2)))
def test_answers_differ_by_sound_alone(one: Signal, other: Signal) -> None:
    assert rhythm(one, sound) != rhythm(other, sound)


@pytest.mark.parametrize("one, other", list(itertools.combinations(ANSWERS, 2)))
def test_answers_that_ask_something_else_of_a_person_differ_by_colour_alone(one: Signal, other: Signal) -> None:
    same = {one, other} <= GO_ON or {one, other} <= SHOW_IT_AGAIN
    assert (colours(one) == colours(other)) == same


def test_answers_are_short_and_states_are_silent() -> None:
    for signal, pattern in PATTERNS.items():
        if pattern.is_state:
            assert not any(step.sound for step in pattern.steps), signal
        else:
            assert pattern.duration_ms <= 1200, signal


def test_only_those_let_through_see_green_alone() -> None:
    lit = {signal: frozenset().union(*(step.lamps for step in PATTERNS[signal].steps)) for signal in Signal}
    assert {signal for signal in ANSWERS if lit[signal] == {Lamp.GREEN}} == GO_ON
    sounding = {signal: sum(step.duration_ms for step in PATTERNS[signal].steps if step.sound) for signal in ANSWERS}
    assert 0 < sounding[Signal.ALREADY] < sounding[Signal.ACCEPTED]
    assert [step.sound for step in PATTERNS[Signal.ACCEPTED].steps] == [True, False]
