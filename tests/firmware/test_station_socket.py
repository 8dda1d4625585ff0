"""The station page's requests over the real socket: at a gate with a reader on a pseudo-terminal, and at one that is killed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import gate_fixtures
import pytest
from gate_bench import CARD
from gate_run import Gate
from gate_world import WAIT_S, Enrolled, Reader, RunningGate, SpyIndicator, gate_toml, wait_until

from drivers.indicator import Signal
from edge_agent.device.control import ControlClient, ask_counters
from edge_agent.device.settings import LaneSettings
from edge_agent.wire.entry import Method
from firmware.person_codes import write_person
from province.demo.synthetic import synthetic_people

enrolled, reader = gate_fixtures.enrolled, gate_fixtures.reader
PEOPLE = synthetic_people(40, seed=7)
SECRETS = {secret for person in PEOPLE for secret in (person.name, person.id_number, person.phone, person.birth_date) if secret}


def declare(number: int, lane: str = "in", **changed: Any) -> dict[str, Any]:
    person = PEOPLE[number]
    typed = {"name": person.name, "id_number": person.id_number, "birth_date": person.birth_date, "phone": person.phone, **changed}
    return {"type": "declare", "ref": f"phone-{number:04}", "lane": lane, "direction": "in", "person": typed}


def answer(client: ControlClient, *kinds: str) -> dict[str, Any]:
    """The next message of these types."""
    while (message := client.receive()) is not None:
        if message["type"] in kinds:
            return message
    raise AssertionError("the gate closed the connection")


def ask(client: ControlClient, request: dict[str, Any]) -> dict[str, Any]:
    client.send(request)
    return answer(client, "declared", "refused")


@pytest.fixture
def lane(reader: Reader) -> LaneSettings:
    return LaneSettings("in", "in", reader=reader.url)


@pytest.fixture
def gate(enrolled: Enrolled, lane: LaneSettings) -> Iterator[RunningGate]:
    with RunningGate(enrolled, enrolled.settings(lane)) as gate:
        SpyIndicator.by_name["gate"].wait_for(Signal.READY)
        yield gate


@pytest.fixture
def page(gate: RunningGate, enrolled: Enrolled) -> Iterator[ControlClient]:
    assert gate.house is not None
    with closing(ControlClient(enrolled.runtime, WAIT_S)) as client:
        yield client


def test_a_declaration_over_the_socket_and_its_refusals(page: ControlClient, enrolled: Enrolled, caplog: pytest.LogCaptureFixture) -> None:
    assert ask(page, declare(0))["verdict"] == "accepted"
    assert ask(page, declare(0))["verdict"] == "accepted"
    assert ask(page, {**declare(0), "ref": "phone-9999"})["verdict"] == "repeat"
    wrong = ask(page, declare(1, birth_date="2023-02-29", phone=PEOPLE[1].name))
    assert (wrong["verdict"], wrong["why"]) == ("refused", "fields")
    assert wrong["fields"] == {"birth_date": "wrong", "phone": "wrong"}
    assert ask(page, {"type": "declare", "person": {"name": PEOPLE[1].name}})["why"].startswith("declare: ref must be")
    passages = enrolled.passages()
    assert [(passage.person.name, passage.method) for passage in passages] == [(PEOPLE[0].name, Method.PAPER)]
    heard = caplog.text + repr(ask_counters(enrolled.runtime)) + repr(wrong)
    assert not [secret for secret in SECRETS if secret in heard]


def test_a_hundred_declarations_at_once_keep_no_one_at_the_lane_waiting(page: ControlClient, enrolled: Enrolled, reader: Reader) -> None:
    light = SpyIndicator.by_name["gate"]
    stop = threading.Event()

    def flood() -> None:
        with closing(ControlClient(enrolled.runtime, WAIT_S)) as other:
            number = 0
            while not stop.is_set():
                number += 1
                answered = ask(other, {**declare(0, id_number=f"{number:012}"), "ref": f"flood-{number:06}"})
                assert answered.get("why", "busy") == "busy"

    flooding = [threading.Thread(target=flood) for _ in range(4)]
    for thread in flooding:
        thread.start()
    try:
        for count, person in enumerate(PEOPLE[1:20], start=1):
            reader.scan(write_person(person))
            light.wait_for(Signal.ACCEPTED, count)
        assert ask(page, {**declare(21), "ref": "page-00001"})["verdict"] in {"accepted", "refused"}
    finally:
        stop.set()
        for thread in flooding:
            thread.join(WAIT_S)
    by_code = [passage for passage in enrolled.passages() if passage.method is not Method.PAPER]
    assert len(by_code) == 19


def test_a_reader_test_over_the_socket_ends_with_the_page(page: ControlClient, enrolled: Enrolled, reader: Reader) -> None:
    light = SpyIndicator.by_name["gate"]
    page.send({"type": "reader-test", "lane": "in", "seconds": 120})
    assert answer(page, "reader-test") == {"type": "reader-test", "lane": "in", "state": "listening", "seconds": 120}
    light.wait_for(Signal.SHUT)
    reader.scan(CARD)
    tested = answer(page, "reader-tested")
    assert (tested["kind"], tested["scheme"], tested["took_ms"] >= 0) == ("person-code", "cccd", True)
    light.wait_for(Signal.TESTED)
    reader.scan("GATE-SCANNER TEST CODE")
    assert answer(page, "reader-tested")["kind"] == "test-code"
    assert enrolled.passages() == []
    assert light.count(Signal.ACCEPTED) == 0
    ready = light.count(Signal.READY)
    page.close()
    light.wait_for(Signal.READY, ready + 1)
    reader.scan(CARD)
    light.wait_for(Signal.ACCEPTED)
    assert len(enrolled.passages()) == 1


def test_what_was_accepted_survives_a_kill_and_nothing_of_it_is_written_in_clear(
    enrolled: Enrolled, reader: Reader, tmp_path: Path
) -> None:
    gate = Gate(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url}))
    try:
        wait_until(lambda: (ask_counters(enrolled.runtime) or {}).get("sources") == {"in": "working"}, "the gate reads")
        with closing(ControlClient(enrolled.runtime, WAIT_S)) as page:
            for number in range(5):
                assert ask(page, declare(number))["verdict"] == "accepted"
            assert ask(page, declare(5, id_number=PEOPLE[5].name))["why"] == "fields"
    finally:
        gate.kill()
    assert [passage.person.name for passage in enrolled.passages()] == [person.name for person in PEOPLE[:5]]
    written = f"{gate.out.text()}{gate.err.text()}".encode()
    written += b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert not [secret for secret in SECRETS if secret.encode() in written]
