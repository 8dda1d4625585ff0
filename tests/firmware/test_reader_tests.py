"""Tests of a reader at a gate that is open: every code is told as a kind alone, nobody is recorded, and no light is green."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gate_fixtures
import pytest
from gate_bench import CARD, PHONE, Bench

from drivers.indicator import Signal
from edge_agent.device.station_words import TEST_MOST_S
from firmware.codes import TEST_CODE
from firmware.control_server import Asker
from firmware.reader_tests import ReaderTests
from firmware.reading import Reading

enrolled, bench = gate_fixtures.enrolled, gate_fixtures.bench


class Page(Asker):
    """Whoever asks, with what they were told."""

    def __init__(self) -> None:
        self.gone_s = None
        self.told: list[Mapping[str, Any]] = []

    def tell(self, message: Mapping[str, Any]) -> None:
        self.told.append(message)


class World:
    """A clock in the test's hands, and the tests of two lanes."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.page = Page()
        self.tests = ReaderTests(["in", "out"], 1.5, lambda: self.now_s)

    def ask(self, lane: object = "in", seconds: object = 60, page: Page | None = None) -> Mapping[str, Any] | None:
        return self.tests.begin({"type": "reader-test", "lane": lane, "seconds": seconds}, page or self.page)

    def show(self, code: str, lane: str = "in") -> bool:
        return self.tests.takes(lane, self.now_s) and self.tests.shown(Reading(lane, code.encode(), "serial", self.now_s))


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(
    "code, kind, scheme",
    [
        (CARD, "person-code", "cccd"),
        (PHONE, "person-code", "national"),
        (TEST_CODE, "test-code", ""),
        ("HC1:6BF", "other", "health-pass"),
        ("GATE1:T:AAAA", "other", "enrolment-ticket"),
        ("http://example.org", "other", "unknown-format"),
    ],
)
def test_a_code_is_told_by_its_kind_and_nothing_it_says(world: World, code: str, kind: str, scheme: str) -> None:
    assert world.ask() is None
    assert world.show(code)
    listening, tested = world.page.told
    assert listening == {"type": "reader-test", "lane": "in", "state": "listening", "seconds": 60}
    assert tested == {"type": "reader-tested", "lane": "in", "kind": kind, "scheme": scheme, "took_ms": 0.0}


def test_a_code_held_up_is_told_once_and_the_other_lane_goes_on(world: World) -> None:
    world.ask()
    assert [world.show(CARD), world.show(CARD), world.show(PHONE)] == [True, False, True]
    assert not world.tests.takes("out", world.now_s)
    world.now_s += 10
    assert world.show(CARD)
    assert world.tests.lane == "in"


def test_it_ends_by_itself_and_what_was_read_before_or_after_is_no_test(world: World) -> None:
    world.ask(seconds=30)
    world.now_s += 30
    assert world.tests.takes("in", world.now_s)
    world.now_s += 0.1
    assert (world.tests.lane, world.tests.takes("in", world.now_s), world.tests.takes("in", 99.9)) == (None, False, False)
    assert world.tests.takes("in", 129.0)  # read in the test, and taken after it: that light was the test's
    world.tests.tidy()
    world.tests.tidy()
    assert world.page.told[1:] == [{"type": "reader-test", "lane": "in", "state": "ended", "why": "time"}]


def test_it_ends_when_asked_and_when_the_asker_goes(world: World) -> None:
    world.ask()
    assert world.tests.end() == {"type": "done"}
    assert world.page.told[-1] == {"type": "reader-test", "lane": "in", "state": "ended", "why": "asked"}
    world.now_s += 0.1
    assert not world.tests.takes("in", world.now_s)
    world.ask()
    world.now_s += 5
    world.page.gone_s = world.now_s
    assert world.tests.takes("in", 104.0)
    world.now_s += 0.1
    assert (world.tests.lane, world.tests.takes("in", world.now_s)) == (None, False)
    assert world.ask("out", page=Page()) is None
    assert ReaderTests(["in"], 1.5).end() == {"type": "done"}


def test_whoever_tests_without_end_shuts_a_lane_for_two_minutes_and_then_a_tenth_of_the_time(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    shut_s, asked_s, refused = 0.0, 0.3, set()
    for _ in range(round(3600 / asked_s)):
        if (refusal := world.ask(seconds=20)) is not None:
            refused.add(refusal["why"])
        world.now_s += asked_s
        shut_s += asked_s * (world.tests.lane is not None)
    assert 400 < shut_s <= 120 + 360 + 20
    assert refused == {"busy", "often"}
    assert abs(world.tests.last_hour_s - shut_s) <= 20
    lines = [record.getMessage() for record in caplog.records]
    began = [line for line in lines if line == "in: its reader is tested for 20 s; nobody is recorded there meanwhile"]
    assert 20 <= len(began) <= 25
    assert len(lines) - len(began) <= len(began)  # refusals are said once between two tests, not three times a second
    world.now_s += 3600
    assert world.tests.last_hour_s == 0
    assert world.ask(seconds=120) is None


def test_tests_that_end_soon_give_their_time_back_but_not_all_of_it(world: World) -> None:
    begun = 0
    while (refused := world.ask(seconds=60)) is None:
        world.tests.end()
        world.now_s += 0.001
        begun += 1
    assert (begun, refused["why"]) == (13, "often")  # (120 - 60) / 5, and the first
    assert world.ask("out", seconds=1) is None


def test_one_at_a_time(world: World) -> None:
    world.ask()
    other = Page()
    assert world.ask("out", page=other) == {"type": "reader-test", "lane": "out", "state": "refused", "why": "busy"}
    assert (other.told, world.tests.lane) == ([], "in")


@pytest.mark.parametrize("lane", [None, 1, "nowhere", ["in"]])
def test_a_lane_that_is_not_there_is_refused_and_not_repeated(world: World, lane: object) -> None:
    assert world.ask(lane) == {"type": "reader-test", "lane": "", "state": "refused", "why": "lane"}


@pytest.mark.parametrize("seconds", [0, -1, TEST_MOST_S + 1, 1.5, True, "60", None])
def test_it_takes_one_second_to_two_minutes(world: World, seconds: object) -> None:
    answer = world.ask("in", seconds)
    assert answer is not None
    assert (answer["state"], answer["why"]) == ("refused", "seconds")


def test_in_a_test_a_person_sees_no_green_and_is_recorded_once_it_is_over(bench: Bench) -> None:
    page = Page()
    assert bench.tests.begin({"lane": "in", "seconds": 60}, page) is None
    bench.tick()
    assert bench.state() is Signal.SHUT
    bench.show(CARD)
    bench.show(CARD)
    bench.show(PHONE, lane="out")
    assert bench.answers() == [Signal.TESTED, Signal.ACCEPTED]
    assert [passage.direction for passage in bench.enrolled.passages()] == ["out"]
    assert [message["type"] for message in page.told] == ["reader-test", "reader-tested"]
    assert bench.consumer.counters()["reader_tested_s"] == bench.tests.last_hour_s
    assert "001099" not in repr(page.told) + repr(bench.consumer.counters())
    bench.tests.end()
    bench.tick()
    assert bench.state() is not Signal.SHUT
    bench.show(CARD)  # still held up: now it counts
    assert bench.answers()[-1] is Signal.ACCEPTED
    assert len(bench.enrolled.passages()) == 2


def test_a_ticket_shown_in_a_test_is_not_obeyed(bench: Bench) -> None:
    bench.setting_up.begin()
    bench.tests.begin({"lane": "in", "seconds": 60}, Page())
    bench.show("GATE1:T:" + "A" * 64)
    assert bench.answers() == [Signal.TESTED]
    assert bench.setting_up.untried() is None
