"""The gate's rules through the real consumer: what is recorded, what is shown, and what no light and no line of log gives away."""

from __future__ import annotations

import logging
import queue
import threading
import time
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import gate_fixtures
import pytest
from gate_bench import CARD, LANES, PHONE, Bench, codes
from gate_world import DAY_MS, Enrolled, SpyIndicator, now_ms
from test_feedback import SpyOutput
from unread_documents import unreadable

from drivers import fittings
from drivers.indicator import Signal
from drivers.urls import Scheme
from edge_agent.device.settings import InputSettings, LaneSettings
from edge_agent.wire.entry import Clock, Direction, Known
from edge_agent.wire.keyring import VIETNAM
from firmware.gate_state import FILE_NAME, GateState
from firmware.person_codes import write_person
from firmware.reading import Reading, Switched
from province.demo.synthetic import synthetic_people

enrolled = gate_fixtures.enrolled


def bench_with(enrolled: Enrolled, *lanes: LaneSettings, **gate: Any) -> Bench:
    configured = enrolled.settings(*(lanes or LANES))
    buttons = tuple(InputSettings(name, "direction", f"fifo:/x/{name}") for name in ("green", "red"))
    return Bench(enrolled, replace(configured, gate=replace(configured.gate, **gate), inputs=buttons))


def test_a_closed_gate_turns_away_who_comes_and_records_who_goes_also_after_a_power_cut(enrolled: Enrolled) -> None:
    bench = bench_with(enrolled)
    bench.gate_state.close_gate(True)
    bench.tick()
    assert bench.state() is Signal.SHUT
    bench.show(CARD, 0.0, "in")
    bench.show(CARD, 1.0, "out")
    assert bench.answers() == [Signal.NOT_OPEN, Signal.ACCEPTED]
    assert [passage.direction for passage in enrolled.passages()] == [Direction.OUT]
    assert bench.consumer.counters()["gate"] == "closed"
    bench.close()
    again = Bench(enrolled)
    again.show(CARD, 0.0, "in")
    assert again.answers() == [Signal.NOT_OPEN]
    again.gate_state.close_gate(False)
    again.tick()
    assert again.state() is Signal.READY
    again.show(CARD, 10.0, "in")
    assert again.answers()[-1] is Signal.ACCEPTED
    again.close()


def test_only_the_lights_of_lanes_that_let_people_in_say_shut(enrolled: Enrolled) -> None:
    bench = bench_with(enrolled, LANES[0], replace(LANES[1], indicator="spy:out"))
    bench.gate_state.close_gate(True)
    bench.tick()
    assert bench.state() is Signal.SHUT
    assert Signal.SHUT not in SpyIndicator.by_name["out"].shown
    bench.close()


def test_a_torn_state_is_open_and_said_and_can_be_closed_again(enrolled: Enrolled, caplog: pytest.LogCaptureFixture) -> None:
    GateState(enrolled.state).close_gate(True)
    for file in enrolled.state.glob(f"{FILE_NAME}*"):
        file.write_bytes(b"torn")
    state = GateState(enrolled.state)
    assert not state.closed
    assert "the gate is open; if it was closed, close it again" in caplog.text
    state.close_gate(True)
    assert GateState(enrolled.state).closed


def test_a_note_that_is_away_for_a_moment_does_not_open_a_closed_gate(enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch) -> None:
    for closed in (False, True):
        GateState(enrolled.state).close_gate(closed)
    unreadable(monkeypatch, enrolled.state / FILE_NAME, 2)
    assert GateState(enrolled.state).closed


def test_opening_hours_are_kept_by_a_known_clock_only(enrolled: Enrolled) -> None:
    bench = bench_with(enrolled, opening_hours="mo-su 08:00-12:00")
    morning_ms = int(datetime.fromtimestamp(now_ms() / 1000, VIETNAM).replace(hour=9, minute=0).timestamp() * 1000) + DAY_MS
    people = [code for _person, code in codes(3)]
    bench.wall_ms = lambda: morning_ms
    bench.tick()
    bench.show(people[0])
    bench.wall_ms = lambda: morning_ms + 4 * 3_600_000
    bench.tick()
    assert (bench.state(), bench.consumer.counters()["gate"]) == (Signal.SHUT, "out-of-hours")
    bench.show(people[1])
    bench.clock = Clock.UNKNOWN
    bench.tick()
    bench.show(people[2])
    assert bench.answers() == [Signal.ACCEPTED, Signal.NOT_OPEN, Signal.ACCEPTED]
    bench.close()


def seen_of(bench: Bench, caplog: pytest.LogCaptureFixture, code: str, at_s: float) -> tuple[Any, ...]:
    """Everything that anybody but the operator could see of one code: lights, log, live passages, entries."""
    bench.light.shown.clear()
    bench.told.clear()
    caplog.clear()
    before = len(bench.enrolled.kinds())
    bench.show(code, at_s)
    return tuple(bench.light.shown), caplog.text, tuple(bench.told), len(bench.enrolled.kinds()) - before


def test_nothing_public_tells_why_somebody_is_sent_to_the_keeper(enrolled: Enrolled, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bench = bench_with(enrolled, anti_passback="hard")
    bench.show(CARD, 0.0)
    refused = ((Signal.ASK_KEEPER,), "", (), 0)
    assert seen_of(bench, caplog, PHONE, 60.0) == refused  # inside already
    assert seen_of(bench, caplog, "001*****2399|NGUYEN VAN C|1999-03-15|*||", 120.0) == refused  # never seen
    counters = bench.consumer.counters()
    assert counters["sent_to_keeper"] == {"passback": 1, "number-hidden": 1}
    assert counters["answers"] == {"accepted": 1, "ask-keeper": 2}
    assert counters["presence"]["inside"] == 1
    bench.close()


def test_a_barrier_opens_for_what_is_on_disk_and_again_for_whoever_missed_it(enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch) -> None:
    door = Scheme("spy", "For tests.", f"{SpyOutput.__module__}:SpyOutput", path="name", example="spy:door")
    monkeypatch.setattr(fittings, "BARRIERS", (door,))
    monkeypatch.setattr(SpyOutput, "made", [])
    bench = bench_with(enrolled, *(replace(lane, barrier="spy:door") for lane in LANES), anti_passback="hard")
    done = SpyOutput.made[0].done
    bench.recording.recorder._connection.execute("PRAGMA query_only=1")
    bench.show(CARD, 0.0)
    assert done == []
    bench.tick()
    opened = []
    for at_s, lane in ((10.0, "in"), (12.0, "in"), (60.0, "in"), (61.0, "out"), (64.0, "out")):
        bench.show(CARD, at_s, lane)
        opened.append(len(done))
    assert bench.answers()[1:] == [Signal.ACCEPTED, Signal.ALREADY, Signal.ASK_KEEPER, Signal.ACCEPTED, Signal.ALREADY]
    assert opened == [1, 1, 1, 2, 3]
    bench.close()


def test_timed_anti_passback_records_with_a_warning_when_its_time_is_over(enrolled: Enrolled) -> None:
    bench = bench_with(enrolled, anti_passback="timed", passback_s=100.0)
    for at_s in (0.0, 50.0, 150.0):
        bench.show(CARD, at_s)
    assert bench.answers() == [Signal.ACCEPTED, Signal.ASK_KEEPER, Signal.ACCEPTED]
    assert [passage.warnings for passage in enrolled.passages()] == [(), ("passback",)]
    bench.close()


def test_a_button_says_the_way_of_those_who_come_after_it(enrolled: Enrolled) -> None:
    door = LaneSettings("door", "button", reader="serial:/dev/x", button_in="green", button_out="red")
    bench = bench_with(enrolled, door)
    one, two, three = (code for _person, code in codes(3))
    bench.take(Switched("red", True, 10.0), Switched("red", False, 10.5), Reading("door", one.encode(), "serial", 12.0))
    bench.take(Switched("green", True, 20.0), Reading("door", two.encode(), "serial", 21.0))
    bench.take(Reading("door", three.encode(), "serial", 60.0))
    found = [(passage.direction, passage.known) for passage in enrolled.passages()]
    assert found == [(Direction.OUT, Known.BUTTON), (Direction.IN, Known.BUTTON), (Direction.IN, Known.INFERRED)]
    presence = bench.consumer.counters()["presence"]
    assert (presence["inside"], presence["inferred_in"], presence["went_unseen"]) == (1, 1, 1)
    bench.close()


def test_nobody_is_counted_who_is_not_on_disk(enrolled: Enrolled) -> None:
    bench = bench_with(enrolled, anti_passback="hard")
    bench.recording.recorder._connection.execute("PRAGMA query_only=1")
    bench.show(CARD, 0.0)
    assert (bench.answers(), bench.consumer.counters()["presence"]["inside"]) == ([Signal.REFUSED], 0)
    bench.tick()
    bench.show(CARD, 60.0)
    assert bench.answers()[-1] is Signal.ACCEPTED  # and not: inside already
    bench.close()


EACH_WAY = 1000
STAY = 400


def test_two_lanes_at_once_count_and_know_who_is_inside_exactly(enrolled: Enrolled) -> None:
    """A camera in, which sees each code in several frames, and a reader out; 600 of those who came go, and 400 who came by another way."""
    bench = bench_with(enrolled, LANES[0], LaneSettings("out", "out", reader="serial:/dev/x"))
    came = [(person, write_person(person).encode()) for person in synthetic_people(EACH_WAY, seed=1)]
    strangers = [write_person(person).encode() for person in synthetic_people(STAY, seed=2)]
    numbers = {person.id_number for person, _code in came}
    assert len(numbers) == EACH_WAY
    inside: queue.Queue[bytes] = queue.Queue()

    def lane_in() -> None:
        for at, (_person, code) in enumerate(came):
            for _frame in range(3):
                bench.reports.put(Reading("in", code, "camera", time.monotonic()))
            if at >= STAY:
                inside.put(code)

    def lane_out() -> None:
        for at in range(EACH_WAY):
            code = inside.get() if at % 5 < 3 else strangers.pop()
            bench.reports.put(Reading("out", code, "serial", time.monotonic()))

    lanes = [threading.Thread(target=lane) for lane in (lane_in, lane_out)]
    for lane in lanes:
        lane.start()
    while any(lane.is_alive() for lane in lanes) or not bench.reports.empty():
        bench.consumer.take_one()
    counters = bench.consumer.counters()
    assert counters["answers"] == {"accepted": 2 * EACH_WAY}
    assert counters["presence"] == {
        "inside": STAY, "came": EACH_WAY, "went": EACH_WAY, "went_unseen": STAY, "inferred_in": 0, "inferred_out": 0,
    }  # fmt: skip
    passages = enrolled.passages()
    assert len(passages) == len(bench.told) == 2 * EACH_WAY
    assert {passage.person.id_number for passage in passages if passage.direction is Direction.IN} == numbers
    turns = sum(one.direction is not other.direction for one, other in pairwise(passages))
    assert turns > 100  # they were interleaved
    bench.close()
