"""People declared at the keeper's table: recorded before "accepted", by the gate's own rules, once, and without a light at the lane."""

from __future__ import annotations

import queue
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import gate_fixtures
import pytest
from gate_bench import CARD, LANES, Bench, codes
from gate_world import Enrolled, SpyIndicator
from test_consumer_outbox import fill

from drivers.indicator import Signal
from edge_agent.device.settings import LaneSettings
from edge_agent.wire.entry import Clock, Direction, Known, Method, Passage
from firmware import declaration, desk
from firmware.inbox import TABLE_ROOM
from firmware.reading import Declared, Reading

enrolled, bench = gate_fixtures.enrolled, gate_fixtures.bench
PERSON = {"name": "Nguyễn Văn A", "id_number": "001099012345", "birth_date": "1999-03-15", "sex": "male"}
OTHER = {"name": "Trần Thị B", "id_number": "001199000001", "birth_date": "1962"}


class Table:
    """The keeper's side: what was declared, and what was answered."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.answers: list[Mapping[str, Any]] = []
        self.on_disk: list[int] = []  # entries, when each answer came
        self._sent = 0

    def _answer(self, message: Mapping[str, Any]) -> None:
        self.on_disk.append(len(self.bench.enrolled.passages()))
        self.answers.append(message)

    def report(self, at_s: float = 0.0, *, ref: str = "", lane: str = "in", person: Mapping[str, Any] = PERSON) -> Declared:
        self._sent += 1
        direction = "out" if lane == "out" else "in"
        asked = {"type": "declare", "ref": ref or f"phone-{self._sent:04}", "lane": lane, "direction": direction, "person": person}
        now = self.bench.consumer
        return Declared(declaration.read(asked, now.lanes, now.today(at_s)), at_s, self._answer)

    def declare(self, at_s: float = 0.0, **said: Any) -> Mapping[str, Any]:
        before = len(self.answers)
        self.bench.take(self.report(at_s, **said))
        assert len(self.answers) == before + 1
        return self.answers[-1]


@pytest.fixture
def table(bench: Bench) -> Table:
    return Table(bench)


def test_a_declaration_is_recorded_before_it_is_accepted_and_the_lane_shows_nothing(bench: Bench, table: Table) -> None:
    assert table.declare() == {"type": "declared", "ref": "phone-0001", "verdict": "accepted", "warnings": []}
    assert table.on_disk == [1]
    passage = bench.enrolled.passages()[0]
    assert (passage.direction, passage.known, passage.method) == (Direction.IN, Known.LANE, Method.PAPER)
    assert (passage.person.scheme, passage.person.name, passage.person.birth_date) == ("paper", "Nguyễn Văn A", "1999-03-15")
    assert bench.answers() == []
    assert bench.consumer.counters()["presence"]["inside"] == 1
    told = bench.told[-1]
    assert (told["type"], told["method"], told["verdict"], told["direction"]) == ("passage", "paper", "accepted", "in")
    assert told["masked"] == {"name": "Nguyễn Văn ***", "number": "0010990 ***"}
    assert told["presence"]["inside"] == 1
    assert "green_ms" not in told  # nobody saw one


def test_code_and_paper_of_one_person_are_one_passage(bench: Bench, table: Table) -> None:
    bench.show(CARD, 0.0)
    assert table.declare(5.0)["verdict"] == "repeat"
    bench.show(CARD, 40.0)  # a repeat goes on as long as they come again
    assert table.declare(41.0, lane="out")["verdict"] == "accepted"
    bench.show(CARD, 42.0, "out")
    assert [signal for signal in bench.answers() if signal is Signal.ALREADY] == [Signal.ALREADY]
    assert [passage.method for passage in bench.enrolled.passages()] == [Method.CAMERA, Method.CAMERA, Method.PAPER]


def test_what_is_sent_again_is_answered_again_and_recorded_once_for_ten_minutes(bench: Bench, table: Table) -> None:
    first = table.declare(0.0, ref="phone-0001")
    for at_s in (0.1, 60.0, desk.REMEMBERED_S):  # long after the repeat window
        assert table.declare(at_s, ref="phone-0001") == first
    assert len(bench.enrolled.passages()) == 1
    assert table.declare(1.0, ref="phone-0001", person=OTHER)["why"] == "ref-used"
    assert table.declare(desk.REMEMBERED_S + 1, ref="phone-0001")["verdict"] == "accepted"
    assert len(bench.enrolled.passages()) == 2


def test_a_repeat_stays_one_however_late_it_is_sent_again(bench: Bench, table: Table) -> None:
    bench.show(CARD, 0.0)
    assert table.declare(5.0, ref="phone-0001")["verdict"] == "repeat"
    assert table.declare(300.0, ref="phone-0001")["verdict"] == "repeat"
    assert len(bench.enrolled.passages()) == 1


def test_the_memory_of_answers_is_bounded(bench: Bench, table: Table) -> None:
    answered = desk.Answered()
    for number in range(1000):
        answered.note(table.report(ref=f"flood-{number:04}").declaration, {"type": "declared"}, float(number) / 100)
    assert len(answered._answers) == 256
    answered.note(table.report(ref="later-01").declaration, {"type": "declared"}, 5000.0)
    assert len(answered._answers) == 1
    assert "Nguyễn" not in repr(answered._answers)
    assert bench.enrolled.passages() == []


def test_a_closed_gate_refuses_who_comes_and_records_who_goes(bench: Bench, table: Table) -> None:
    bench.gate_state.close_gate(True)
    assert table.declare(0.0, ref="phone-0001") == {"type": "declared", "ref": "phone-0001", "verdict": "refused", "why": "closed"}
    assert table.declare(1.0, lane="out")["verdict"] == "accepted"
    bench.gate_state.close_gate(False)
    assert table.declare(40.0, ref="phone-0001")["verdict"] == "accepted"  # a refusal is not remembered
    assert [passage.direction for passage in bench.enrolled.passages()] == [Direction.OUT, Direction.IN]


def test_anti_passback_holds_at_the_table_too(enrolled: Enrolled) -> None:
    configured = enrolled.settings(*LANES)
    bench = Bench(enrolled, replace(configured, gate=replace(configured.gate, anti_passback="hard")))
    table = Table(bench)
    bench.show(CARD, 0.0)
    assert table.declare(60.0)["why"] == "passback"
    assert table.declare(61.0, lane="out")["verdict"] == "accepted"
    assert table.declare(120.0)["verdict"] == "accepted"
    bench.close()


def test_a_pass_shown_at_the_lane_is_not_of_somebody_at_the_table(enrolled: Enrolled) -> None:
    configured = enrolled.settings(*LANES)
    bench = Bench(enrolled, replace(configured, gate=replace(configured.gate, health_pass="required")))
    table = Table(bench)
    bench.show("HC1:6BF")
    assert table.declare(time.monotonic())["health"] == "not-shown"
    assert bench.told[-1]["verdict"] == "accepted-ask"
    bench.show(codes(1)[0][1])  # whose pass it may be
    assert [passage.health for passage in enrolled.passages()] == ["not-shown", "malformed"]
    bench.close()


def test_where_the_lane_does_not_say_the_way_the_keeper_does_and_it_counts(enrolled: Enrolled) -> None:
    bench = Bench(enrolled, enrolled.settings(LaneSettings("in", "alternate", camera="told:in")))
    table = Table(bench)
    table.declare()
    passage = bench.enrolled.passages()[0]
    assert (passage.direction, passage.known) == (Direction.IN, Known.BUTTON)
    assert bench.consumer.counters()["presence"]["inside"] == 1
    bench.close()


def test_warnings_about_the_number_are_answered_and_recorded(bench: Bench, table: Table) -> None:
    assert table.declare(person={**PERSON, "birth_date": "1958"})["warnings"] == ["year-mismatch"]
    assert bench.enrolled.passages()[0].warnings == ("year-mismatch",)


def test_a_full_outbox_refuses_and_nobody_is_taken_for_recorded(enrolled: Enrolled) -> None:
    bench = Bench(enrolled, enrolled.settings(*LANES, capacity_mb=1))
    table = Table(bench)
    taken = fill(bench)
    refused = table.declare(time.monotonic(), ref="phone-0001")
    assert (refused["verdict"], refused["why"]) == ("refused", "outbox-full")
    assert len(enrolled.passages()) == taken
    enrolled.forget_all()
    bench.tick()
    assert table.declare(time.monotonic(), ref="phone-0001")["verdict"] == "accepted"
    bench.close()


def test_a_broken_outbox_refuses_in_other_words(bench: Bench, table: Table) -> None:
    bench.recording.recorder.close()
    assert table.declare()["why"] == "not-recorded"
    bench.tick()
    assert table.declare(1.0)["verdict"] == "accepted"
    assert len(bench.enrolled.passages()) == 1


def test_what_it_stumbles_over_is_answered_and_names_nobody(bench: Bench, table: Table, caplog: pytest.LogCaptureFixture) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise RuntimeError("Nguyễn Văn A 001099012345")

    bench.consumer._desk._gate.judge_declared = stumble  # type: ignore[method-assign,assignment]
    assert table.declare()["why"] == "unexpected"
    assert "unexpected RuntimeError" in caplog.text
    assert "001099" not in caplog.text + repr(table.answers) + repr(bench.consumer.counters())


def test_whoever_declares_without_end_fills_no_outbox(bench: Bench, table: Table) -> None:
    people = [{**OTHER, "id_number": f"{number:012}"} for number in range(desk.BURST + 20)]
    answers = [table.declare(float(number) / 100, person=person) for number, person in enumerate(people)]
    assert [answer["verdict"] for answer in answers] == ["accepted"] * desk.BURST + ["refused"] * 20
    assert {answer.get("why") for answer in answers[desk.BURST :]} == {"busy"}
    assert table.declare(1.0, ref="phone-0001", person=people[0])["verdict"] == "accepted"  # heard nothing the first time
    assert table.declare(60.0, person=people[-1])["verdict"] == "accepted"
    bench.show(CARD, 61.0)
    assert bench.answers() == [Signal.ACCEPTED]
    assert len(bench.enrolled.passages()) == desk.BURST + 2


def test_a_flood_of_declarations_delays_a_scan_by_two_at_most(bench: Bench, table: Table) -> None:
    reports = [table.report(person={**OTHER, "id_number": f"{number:012}"}) for number in range(50)]
    for report in reports[:TABLE_ROOM]:
        bench.reports.put(report, block=False)
    for report in reports[TABLE_ROOM:]:
        with pytest.raises(queue.Full):
            bench.reports.put(report, block=False)
    bench.reports.put(Reading("in", CARD.encode(), "serial", time.monotonic()), block=False)
    for _ in range(TABLE_ROOM + 1):
        bench.consumer.take_one()
    assert bench.answers() == [Signal.ACCEPTED]


def test_without_a_clock_people_are_declared_all_the_same(bench: Bench, table: Table) -> None:
    bench.clock = Clock.UNKNOWN
    bench.tick()
    assert bench.consumer.today(0.0) is None
    assert table.declare()["verdict"] == "accepted"
    header, body = next((header, body) for header, body in bench.enrolled.entries() if isinstance(body, Passage))
    assert (header.clock, body.method) == (Clock.UNKNOWN, Method.PAPER)
    assert SpyIndicator.by_name["gate"].count(Signal.ACCEPTED) == 0
