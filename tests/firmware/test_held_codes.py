"""A code that is held up: one answer at any lane, and another as soon as what kept its holder out has changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gate_fixtures
import pytest
from gate_bench import CARD, LANES, Bench, codes
from gate_world import Enrolled

from drivers.indicator import Signal
from edge_agent.device.settings import InputSettings
from firmware.reading import Method, Switched

enrolled = gate_fixtures.enrolled

HIDDEN = "001*****2399|NGUYEN VAN C|1999-03-15|*||"
METHODS: list[Method] = ["camera", "serial", "hid"]


def kept_bench(enrolled: Enrolled, **gate: Any) -> Bench:
    configured = enrolled.settings(*LANES)
    keeper = InputSettings("keeper", "keeper", "fifo:/x/keeper")
    return Bench(enrolled, replace(configured, gate=replace(configured.gate, keeper_button="keeper", **gate), inputs=(keeper,)))


@pytest.fixture
def bench(enrolled: Enrolled) -> Iterator[Bench]:
    bench = kept_bench(enrolled)
    yield bench
    bench.close()


def hold(bench: Bench, from_s: float, to_s: float, code: str = CARD, method: Method = "camera") -> list[Signal]:
    """The answers to a code held up, seen four times a second."""
    before = len(bench.answers())
    for frame in range(int(from_s * 4), int(to_s * 4)):
        bench.show(code, frame / 4, method=method)
    return bench.answers()[before:]


def press(bench: Bench, at_s: float) -> None:
    bench.take(Switched("keeper", True, at_s), Switched("keeper", False, at_s + 0.2))


@pytest.mark.parametrize("method", METHODS)
def test_a_reader_that_reads_a_held_code_over_and_over_gives_one_answer_as_a_camera_does(bench: Bench, method: Method) -> None:
    assert hold(bench, 0.0, 10.0, method=method) == [Signal.ACCEPTED]
    assert hold(bench, 10.0, 20.0, "http://example.org", method) == [Signal.NOT_A_PERSON_CODE]
    assert hold(bench, 22.0, 23.0, method=method) == [Signal.ALREADY]  # taken away and held up again


@pytest.mark.parametrize("method", METHODS)
def test_who_holds_a_code_up_is_sent_to_the_keeper_once(enrolled: Enrolled, method: Method) -> None:
    bench = kept_bench(enrolled, anti_passback="hard")
    assert hold(bench, 0.0, 9.0, HIDDEN, method) == [Signal.ASK_KEEPER]
    assert bench.consumer.counters()["sent_to_keeper"] == {"number-hidden": 1}
    bench.close()


def test_the_keepers_press_answers_the_code_that_is_still_held_up(bench: Bench) -> None:
    bench.gate_state.close_gate(True)
    assert hold(bench, 0.0, 2.0) == [Signal.NOT_OPEN]
    press(bench, 2.0)
    assert hold(bench, 2.0, 10.0) == [Signal.ACCEPTED]
    assert [passage.warnings for passage in bench.enrolled.passages()] == [("keeper",)]


def test_a_picture_taken_before_the_press_and_read_after_it_does_not_use_the_answer_up(bench: Bench) -> None:
    bench.gate_state.close_gate(True)
    hold(bench, 0.0, 2.0)
    press(bench, 2.25)
    assert hold(bench, 2.0, 2.25) == []
    assert hold(bench, 2.25, 5.0) == [Signal.ACCEPTED]


def test_one_press_answers_anew_and_lets_in_one(bench: Bench) -> None:
    bench.gate_state.close_gate(True)
    other = codes(1)[0][1]
    for at_s in (0.0, 0.5, 1.0):
        bench.show(CARD, at_s)
        bench.show(other, at_s)
    press(bench, 1.0)
    for at_s in (1.5, 2.0, 2.5):
        bench.show(CARD, at_s)
        bench.show(other, at_s)
    assert bench.answers() == [Signal.NOT_OPEN, Signal.NOT_OPEN, Signal.ACCEPTED, Signal.NOT_OPEN]


def test_a_gate_that_opens_answers_the_code_that_is_still_held_up(bench: Bench) -> None:
    bench.gate_state.close_gate(True)
    bench.tick()
    assert hold(bench, 0.0, 2.0) == [Signal.NOT_OPEN]
    bench.gate_state.close_gate(False)
    bench.tick()
    assert hold(bench, 2.0, 5.0) == [Signal.ACCEPTED]


def test_an_outbox_that_works_again_answers_the_code_that_is_still_held_up(bench: Bench) -> None:
    bench.recording.recorder._connection.execute("PRAGMA query_only=1")
    bench.consumer._outbox._repair_at_s = float("inf")
    assert hold(bench, 0.0, 1.0) == [Signal.REFUSED]
    bench.tick()
    assert hold(bench, 1.0, 5.0) == [Signal.ACCEPTED]
    assert len(bench.enrolled.passages()) == 1


def test_with_anti_passback_a_press_opens_to_a_code_that_was_recorded_just_now(enrolled: Enrolled) -> None:
    bench = kept_bench(enrolled, anti_passback="hard")
    assert hold(bench, 0.0, 1.0) == [Signal.ACCEPTED]
    assert hold(bench, 3.0, 4.0) == [Signal.ALREADY]
    press(bench, 4.0)
    assert hold(bench, 4.0, 4.5) == [Signal.ALREADY]
    press(bench, 4.5)
    assert hold(bench, 4.5, 4.75) == []  # it has been let in: nothing keeps it out any more
    bench.close()
