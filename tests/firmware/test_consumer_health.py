"""A gate that asks for health passes, through the real consumer with passes signed for the test: what is recorded, and who sees amber."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import gate_fixtures
import pytest
from gate_bench import LANES, Bench
from gate_world import Enrolled

from drivers.indicator import Signal
from edge_agent.wire.entry import Clock
from firmware.person_codes import Person, write_person
from province.demo.synthetic import synthetic_people
from province.demo.synthetic_passes import PassIssuer, new_issuer, pass_claims, pass_content, pass_text, trust_list

enrolled = gate_fixtures.enrolled


class Hospital:
    """A gate that requires passes, and their issuer."""

    def __init__(self, enrolled: Enrolled, policy: str) -> None:
        self._since = datetime.now(UTC) - timedelta(days=100)
        self.issuer = new_issuer("ES256", "VN", self._since)
        trust = enrolled.state / "trust.json"
        trust.write_text(json.dumps(trust_list(self.issuer)))
        configured = enrolled.settings(*LANES)
        gate = replace(configured.gate, health_pass=policy, trust_list=str(trust))
        self.bench = Bench(enrolled, replace(configured, gate=gate))
        self._began_s = time.monotonic()

    def show(self, code: str, after_s: float, lane: str = "in") -> None:
        """Somebody holds up a code, so many seconds after the gate was opened."""
        self.bench.show(code, self._began_s + after_s, lane)

    def pass_of(self, person: Person, *, days: int = 900, by: PassIssuer | None = None) -> str:
        return pass_text(by or self.issuer, pass_claims(pass_content(person), self._since, self._since + timedelta(days=days)))

    def health(self) -> list[tuple[str | None, bool]]:
        return [(passage.health, "pass-after-code" in passage.warnings) for passage in self.bench.enrolled.passages()]


@pytest.fixture
def hospital(enrolled: Enrolled) -> Iterator[Hospital]:
    hospital = Hospital(enrolled, "required")
    yield hospital
    hospital.bench.close()


def test_at_a_hospital_a_pass_and_a_code_are_asked_in_either_order(hospital: Hospital, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bench, (first, second, third) = hospital.bench, synthetic_people(3, seed=4)
    hospital.show(hospital.pass_of(first), 0.0)
    hospital.show(write_person(first), 5.0)
    assert bench.answers() == [Signal.PASS_SEEN, Signal.ACCEPTED]
    hospital.show(write_person(second), 50.0)
    hospital.show(hospital.pass_of(second), 55.0)
    assert bench.answers()[2:] == [Signal.ACCEPTED_ASK, Signal.ACCEPTED]
    hospital.show(hospital.pass_of(third, days=50), 100.0)
    hospital.show(write_person(third), 105.0)
    assert bench.answers()[4:] == [Signal.PASS_NOT_VALID, Signal.ACCEPTED_ASK]
    assert hospital.health() == [("valid", False), ("not-shown", False), ("valid", True), ("expired", False)]
    presence = bench.consumer.counters()["presence"]
    assert (presence["inside"], presence["came"]) == (3, 3)
    for person in (first, second, third):
        assert person.name not in caplog.text + repr(bench.consumer.counters())


def test_at_a_hospital_nobody_passes_without_the_keeper_seeing_amber(hospital: Hospital) -> None:
    bench, (mine, others) = hospital.bench, synthetic_people(2, seed=5)
    stranger = new_issuer("ES256", "XX", datetime.now(UTC) - timedelta(days=100))
    hospital.show(write_person(mine), 0.0)
    hospital.show(write_person(mine), 10.0)  # again, and it does not become green
    hospital.show(hospital.pass_of(others), 100.0)
    hospital.show(write_person(mine), 101.0)
    hospital.show(hospital.pass_of(mine, by=stranger), 200.0)
    hospital.show(write_person(mine), 201.0)
    bench.clock = Clock.UNKNOWN
    bench.tick()
    hospital.show(hospital.pass_of(mine), 300.0)
    hospital.show(write_person(mine), 301.0)
    ask = Signal.ACCEPTED_ASK
    assert bench.answers() == [ask, ask, Signal.PASS_SEEN, ask, Signal.PASS_NOT_VALID, ask, Signal.PASS_SEEN, ask]
    assert [health for health, _after in hospital.health()] == ["not-shown", "other-person", "issuer-unknown", "clock-unknown"]


def test_a_pass_that_was_asked_for_only_holds_nobody_up(enrolled: Enrolled) -> None:
    hospital = Hospital(enrolled, "asked")
    (person,) = synthetic_people(1, seed=6)
    hospital.show(write_person(person), 0.0)
    hospital.show(hospital.pass_of(person), 60.0, "out")
    assert hospital.bench.answers() == [Signal.ACCEPTED, Signal.NOT_A_PERSON_CODE]
    assert hospital.health() == [("not-shown", False)]
    hospital.bench.close()


def test_a_pass_after_the_code_that_cannot_be_recorded_is_not_green(hospital: Hospital) -> None:
    bench, (person,) = hospital.bench, synthetic_people(1, seed=7)
    hospital.show(write_person(person), 0.0)
    bench.recording.recorder._connection.execute("PRAGMA query_only=1")
    hospital.show(hospital.pass_of(person), 5.0)
    assert bench.answers() == [Signal.ACCEPTED_ASK, Signal.REFUSED]
    bench.tick()
    hospital.show(hospital.pass_of(person), 9.0)
    assert bench.answers()[-1] is Signal.ACCEPTED
    assert hospital.health() == [("not-shown", False), ("valid", True)]


def test_a_pass_after_the_code_that_is_no_longer_valid_is_said_and_recorded(hospital: Hospital) -> None:
    (person,) = synthetic_people(1, seed=8)
    hospital.show(write_person(person), 0.0)
    hospital.show(hospital.pass_of(person, days=50), 5.0)
    hospital.show(hospital.pass_of(person), 10.0)  # another, which is valid
    assert hospital.bench.answers() == [Signal.ACCEPTED_ASK, Signal.PASS_NOT_VALID, Signal.ACCEPTED]
    assert hospital.health() == [("not-shown", False), ("expired", True), ("valid", True)]


def test_what_time_has_passed_over_is_forgotten_each_second(hospital: Hospital) -> None:
    bench, (person, other) = hospital.bench, synthetic_people(2, seed=9)
    gate = bench.consumer._gate
    hospital.show(write_person(person), -100.0)
    hospital.show(hospital.pass_of(other), -90.0)
    assert gate._night._since_s is not None
    gate._night._since_s -= 2 * 86_400  # the gate has been open for two days
    bench.tick()
    assert (gate._pairing._passes, gate._pairing._waiting) == ({}, {})
    assert bench.consumer.counters()["presence"]["inside"] == 0


def test_a_trust_list_that_has_changed_is_followed_and_a_torn_one_is_not(hospital: Hospital, caplog: pytest.LogCaptureFixture) -> None:
    bench, people = hospital.bench, synthetic_people(4, seed=11)
    file = Path(bench.settings.gate.trust_list)
    other = new_issuer("ES256", "VN", datetime.now(UTC) - timedelta(days=100))

    def result(at: int) -> str | None:
        """What the register is told of a pass by the new issuer."""
        hospital.show(hospital.pass_of(people[at], by=other), 100.0 * at)
        hospital.show(write_person(people[at]), 100.0 * at + 5)
        return hospital.health()[-1][0]

    assert result(0) == "issuer-unknown"
    document = json.dumps(trust_list(hospital.issuer, other))
    file.write_text(document[:-20])
    for _ in range(3):
        bench.tick()
    assert result(1) == "issuer-unknown"
    assert caplog.text.count("not JSON") == caplog.text.count("The list before goes on") == 1
    file.write_text(document)
    bench.tick()
    assert result(2) == "valid"
    file.unlink()
    for _ in range(3):
        bench.tick()
    assert result(3) == "valid"
    assert caplog.text.count("cannot be read") == 1
