"""A place's day, counted from tokens: the same people inside as the gate's own count, whatever the order in which entries come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.wire.entry import Direction, Known
from firmware.health import PassResult
from firmware.presence import Presence
from province.boards.answer import RESULTS, Tone, tone_of, word_of
from province.boards.hours import picture, top_of
from province.boards.passages import Key
from province.boards.tally import HOUR_MS, DayTally

PASSAGES = st.lists(st.tuples(st.sampled_from("abcde"), st.booleans(), st.integers(0, 24 * HOUR_MS - 1)), max_size=60)


@given(PASSAGES, st.randoms(use_true_random=False))
def test_the_same_are_inside_as_at_the_gate_in_any_order_of_arrival(passages: list[tuple[str, bool, int]], chance: object) -> None:
    made = sorted(((at_ms, row_id, who, inwards) for row_id, (who, inwards, at_ms) in enumerate(passages, 1)))
    gate, tally = Presence(), DayTally(0)
    for at_ms, _row_id, who, inwards in made:
        gate.passed(who, Direction.IN if inwards else Direction.OUT, Known.LANE, at_ms / 1000)
    shuffled = made.copy()
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis's Random
    for at_ms, row_id, who, inwards in shuffled:
        tally.add(row_id, at_ms, inwards, who.encode())
    counts, theirs = tally.counts(), gate.counts()
    assert counts.inside == theirs.inside
    assert counts.went_unseen <= theirs.went_unseen
    assert counts.came <= theirs.came
    assert counts.came - counts.went == counts.inside - counts.went_unseen  # nobody comes from nowhere
    assert [sum(hour[way] for hour in counts.hours) for way in (0, 1)] == [counts.came, counts.went]


def test_a_pass_that_came_after_the_code_is_no_second_passage() -> None:
    tally = DayTally(0)
    tally.add(1, 1_000, True, b"an")
    tally.add(2, 4_000, True, b"an")
    assert (tally.counts().came, tally.counts().inside) == (1, 1)


def test_who_has_no_token_is_counted_one_by_one_and_takes_nobody_away() -> None:
    tally = DayTally(0)
    tally.add(1, 1_000, True, b"an")
    for row_id in (2, 3):
        tally.add(row_id, HOUR_MS + row_id, False, None)
    counts = tally.counts()
    assert (counts.inside, counts.came, counts.went, counts.unnamed) == (1, 1, 2, 2)
    assert counts.hours[:2] == [(1, 0), (0, 2)]


def test_the_days_picture_has_a_bar_for_each_hour_with_somebody_and_says_what_it_is() -> None:
    hours = [(0, 0)] * 7 + [(12, 3), (0, 8)] + [(0, 0)] * 15
    drawn = picture(hours, 'giờ & "cao điểm"', 8)
    assert drawn.count('class="in"') == 1
    assert drawn.count('class="out"') == 2
    assert drawn.count('class="now"') == 1
    assert 'aria-label="giờ &amp; &quot;cao điểm&quot;"' in drawn
    assert "style" not in drawn


@given(st.integers(0, 10**9))
def test_nothing_goes_above_the_scale(most: int) -> None:
    assert top_of(most) >= max(most, 2)
    assert top_of(most) % 2 == 0


@given(st.integers(0, 10**15), st.integers(1, 10**15))
def test_a_key_is_read_as_it_was_written(at_ms: int, row_id: int) -> None:
    assert Key.read(str(Key(at_ms, row_id))) == Key(at_ms, row_id)


@pytest.mark.parametrize("text", ["", "1", "1.2.3", "-1.2", "1.x", "١.2", "1" * 19 + ".1"])
def test_what_is_no_key_is_none(text: str) -> None:
    assert Key.read(text) is None


def test_every_result_of_a_pass_has_an_answer_and_a_new_one_wants_a_look() -> None:
    assert set(RESULTS) == {str(result) for result in PassResult}
    assert [health for health in RESULTS if tone_of(health) is Tone.GOOD] == ["valid"]
    assert {word_of(health) for health in (*RESULTS, None)} == {f"health.{health}" for health in (*RESULTS, "none")}
    assert (tone_of("from-the-future"), word_of("from-the-future")) == (Tone.LOOK, "health.other")
