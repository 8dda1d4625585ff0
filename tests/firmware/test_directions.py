"""Which way somebody goes: lanes, buttons and guesses."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis.strategies import floats, integers, lists, sampled_from, tuples

from edge_agent.wire.entry import Direction, Known
from firmware.directions import CLASH_S, Directions, LaneRule, Mode, Way
from firmware.presence import Last

WINDOW_S = 10.0
IN, OUT = Direction.IN, Direction.OUT
LANES = {
    "in": LaneRule(Mode.IN),
    "out": LaneRule(Mode.OUT),
    "both": LaneRule(Mode.BUTTON, button_in="green", button_out="red"),
    "only-out": LaneRule(Mode.BUTTON, button_out="red"),
    "only-in": LaneRule(Mode.BUTTON, button_in="green"),
    "turn": LaneRule(Mode.BUTTON, button_turn="turn"),
    "alternate": LaneRule(Mode.ALTERNATE),
}
PRESSES = lists(tuples(sampled_from(["green", "red", "turn", "no-such-part"]), floats(0, 15)), max_size=30)
LASTS = sampled_from([None, Last(IN, 0.0), Last(OUT, 0.0)])


def guess(last: Last | None) -> Direction:
    return OUT if last is not None and last.direction is IN else IN


@given(presses=PRESSES, last=LASTS, wait_s=floats(0, 30))
def test_a_way_is_what_the_lane_or_the_latest_button_says(presses: list[tuple[str, float]], last: Last | None, wait_s: float) -> None:
    ways, now_s, turns = Directions(LANES, WINDOW_S), 0.0, 0
    pressed: dict[str, float] = {}
    for part, gap_s in presses:
        now_s += gap_s
        ways.pressed(part, now_s)
        pressed[part] = now_s
        turns += part == "turn"
    now_s += wait_s
    fresh = {part: at_s for part, at_s in pressed.items() if now_s - at_s <= WINDOW_S}
    assert ways.way("in", last, now_s) == Way(IN, Known.LANE)
    assert ways.way("out", last, now_s) == Way(OUT, Known.LANE)
    assert ways.way("turn", last, now_s) == Way((IN, OUT)[turns % 2], Known.BUTTON)
    assert ways.way("only-out", last, now_s) == Way(OUT if "red" in fresh else IN, Known.BUTTON)
    assert ways.way("only-in", last, now_s) == Way(IN if "green" in fresh else OUT, Known.BUTTON)
    assert ways.way("alternate", last, now_s) == Way(guess(last), Known.INFERRED)
    both = ways.way("both", last, now_s)
    if {"green", "red"} <= fresh.keys():
        if abs(fresh["green"] - fresh["red"]) < CLASH_S:
            assert both == Way(guess(last), Known.INFERRED, clash=True)
        else:
            assert both == Way(IN if fresh["green"] > fresh["red"] else OUT, Known.BUTTON)
    elif "green" in fresh or "red" in fresh:
        assert both == Way(IN if "green" in fresh else OUT, Known.BUTTON)
    else:
        assert both == Way(guess(last), Known.INFERRED)


def test_a_press_after_the_reading_says_nothing_of_it() -> None:
    ways = Directions(LANES, WINDOW_S)
    ways.pressed("red", 5.0)
    assert ways.way("only-out", None, 4.9).direction is IN
    assert ways.way("only-out", None, 5.0).direction is OUT


@given(presses=PRESSES, last=LASTS, wait_s=floats(0, 30), lane=sampled_from(sorted(LANES)))
def test_only_a_lane_that_says_so_guesses_and_no_other_looks_at_where_somebody_is(
    presses: list[tuple[str, float]], last: Last | None, wait_s: float, lane: str
) -> None:
    ways, now_s = Directions(LANES, WINDOW_S), 0.0
    for part, gap_s in presses:
        now_s += gap_s
        ways.pressed(part, now_s)
    way = ways.way(lane, last, now_s + wait_s)
    if not LANES[lane].guesses:
        assert way.known is not Known.INFERRED
        assert way == ways.way(lane, None, now_s + wait_s)


@given(gaps_s=lists(floats(0.1, 5), min_size=1, max_size=12), back=integers(0, 7), before_s=floats(0.01, 0.09))
def test_a_turn_that_is_told_late_turns_nobody_who_was_read_before_it(gaps_s: list[float], back: int, before_s: float) -> None:
    ways, pressed_s = Directions(LANES, WINDOW_S), list(accumulate(gaps_s))
    for at_s in pressed_s:
        ways.pressed("turn", at_s)
    which = max(0, len(pressed_s) - 1 - back)  # as far back as is remembered
    assert ways.way("turn", None, pressed_s[which]).direction is (OUT, IN)[which % 2]
    if back < 7:
        assert ways.way("turn", None, pressed_s[which] - before_s).direction is (IN, OUT)[which % 2]


@given(passages=integers(1, 20))
def test_alternating_goes_in_and_out_by_turns(passages: int) -> None:
    ways, last = Directions(LANES, WINDOW_S), None
    for number in range(passages):
        way = ways.way("alternate", last, float(number))
        assert way.direction is (IN, OUT)[number % 2]
        last = Last(way.direction, float(number))


@pytest.mark.parametrize("lane", LANES)
def test_everybody_but_those_of_an_out_lane_may_come_in(lane: str) -> None:
    assert LANES[lane].lets_in == (lane != "out")
