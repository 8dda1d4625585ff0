"""The whole gate in one process: real threads, readers on pseudo-terminals, cameras, outbox, control socket."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import gate_fixtures
import numpy as np
import pytest
from gate_world import WAIT_S, Enrolled, Reader, RunningGate, SpyIndicator, ToldCamera, wait_until
from PIL import Image
from qr_pictures import picture_of

from drivers.indicator import Signal
from edge_agent.device.control import SOCKET_NAME, ControlClient
from edge_agent.device.settings import LaneSettings
from edge_agent.store.pages import PAGE_BYTES
from edge_agent.wire.entry import Direction, Kind, Method, Note
from firmware.gatehouse import Gatehouse
from firmware.person_codes import write_person
from province.demo.synthetic import synthetic_people

enrolled = gate_fixtures.enrolled

CARD = "001099012345||Nguyễn Văn A|15031999|Nam||10052021"


@pytest.fixture
def readers(tmp_path: Path) -> Iterator[tuple[Reader, Reader]]:
    pair = Reader(tmp_path / "tty-in"), Reader(tmp_path / "tty-out")
    yield pair
    for reader in pair:
        reader.unplug()


def two_lanes(readers: tuple[Reader, Reader]) -> tuple[LaneSettings, LaneSettings]:
    return (
        LaneSettings("in", "in", reader=readers[0].url, indicator="spy:in"),
        LaneSettings("out", "out", reader=readers[1].url, indicator="spy:out"),
    )


def test_pictures_pass_the_gate_and_then_it_closes(enrolled: Enrolled, tmp_path: Path) -> None:
    people = synthetic_people(12)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, person in enumerate(people):
        Image.fromarray(picture_of(write_person(person))).save(folder / f"{number:03}.png")
    with RunningGate(enrolled, enrolled.settings(LaneSettings("in", "in", camera=f"images:{folder}?fps=50"))) as gate:
        gate.join()
    assert [passage.person.id_number for passage in enrolled.passages()] == [person.id_number for person in people]
    assert enrolled.kinds() == [Kind.BOOT, *[Kind.PASSAGE] * 12, Kind.CLOSE]
    (_, boot), *_, (_, close) = enrolled.entries()
    assert isinstance(boot, Note)
    assert isinstance(close, Note)
    assert (boot.facts["new_outbox"], close.facts["reason"]) == (1, "sources-ended")
    light = SpyIndicator.by_name["gate"]
    assert light.count(Signal.ACCEPTED) == 12
    assert (light.shown[0], light.shown[-1], light.closed) == (Signal.STARTING, Signal.CLOSED, True)
    assert list(enrolled.runtime.iterdir()) == []


def test_people_before_a_simulated_camera_pass_once_each(enrolled: Enrolled, tmp_path: Path) -> None:
    fifo = tmp_path / "gate.fifo"
    people = synthetic_people(4)
    lane = LaneSettings("in", "in", camera=f"simulated:{fifo}?fps=30&size=640x480")
    with RunningGate(enrolled, enrolled.settings(lane)):
        light = SpyIndicator.by_name["gate"]
        light.wait_for(Signal.READY)
        with fifo.open("w", encoding="utf-8") as view:
            for count, person in enumerate(people, start=1):
                view.write(write_person(person) + "\n")
                view.flush()
                light.wait_for(Signal.ACCEPTED, count)
    assert [passage.person.id_number for passage in enrolled.passages()] == [person.id_number for person in people]
    assert {passage.method for passage in enrolled.passages()} == {Method.CAMERA}


def test_what_two_lanes_answer_at_once_is_recorded_before_each_green(enrolled: Enrolled, readers: tuple[Reader, Reader]) -> None:
    people = synthetic_people(60)
    missing: list[str] = []
    with RunningGate(enrolled, enrolled.settings(*two_lanes(readers))):
        lights = SpyIndicator.by_name["in"], SpyIndicator.by_name["out"]

        def look(signal: Signal) -> None:
            greens = sum(light.count(Signal.ACCEPTED) for light in lights)
            if signal is Signal.ACCEPTED and len(enrolled.passages()) != greens + 1:
                missing.append("shown green before it was readable by others")

        for light in lights:
            light.wait_for(Signal.READY)
            light.on_show = look
        for number, person in enumerate(people):
            readers[number % 2].scan(write_person(person))
        for light in lights:
            light.wait_for(Signal.ACCEPTED, 30)
    assert missing == []
    passages = enrolled.passages()
    assert {(passage.person.id_number, passage.direction) for passage in passages} == {
        (person.id_number, (Direction.IN, Direction.OUT)[number % 2]) for number, person in enumerate(people)
    }
    assert len(passages) == 60
    sealed = enrolled.sealed()
    assert all(later.header.prev == earlier.hash for earlier, later in pairwise(sealed))


def test_a_lane_unplugged_and_plugged_in_again_leaves_the_other_unharmed(enrolled: Enrolled, readers: tuple[Reader, Reader]) -> None:
    people = synthetic_people(30)
    with RunningGate(enrolled, enrolled.settings(*two_lanes(readers))):
        into, out = SpyIndicator.by_name["in"], SpyIndicator.by_name["out"]
        into.wait_for(Signal.READY)
        out.wait_for(Signal.READY)
        readers[1].unplug()
        for count, person in enumerate(people[:29], start=1):
            readers[0].scan(write_person(person))
            into.wait_for(Signal.ACCEPTED, count)
        out.wait_for(Signal.FAULT)
        assert Signal.FAULT not in into.shown
        readers[1].plug()
        out.wait_for(Signal.READY, 2)
        readers[1].scan(write_person(people[29]))
        out.wait_for(Signal.ACCEPTED)
    assert len(enrolled.passages()) == 30


def test_a_gate_without_its_readers_runs_and_works_when_they_come(enrolled: Enrolled, tmp_path: Path) -> None:
    reader = Reader(tmp_path / "tty", plugged=False)
    with RunningGate(enrolled, enrolled.settings(LaneSettings("in", "in", reader=reader.url))):
        light = SpyIndicator.by_name["gate"]
        light.wait_for(Signal.FAULT)
        reader.plug()
        light.wait_for(Signal.READY)
        reader.scan(CARD)
        light.wait_for(Signal.ACCEPTED)
    reader.unplug()


def test_a_code_that_the_reader_itself_throws_away_is_answered(enrolled: Enrolled, readers: tuple[Reader, Reader]) -> None:
    with RunningGate(enrolled, enrolled.settings(*two_lanes(readers))):
        light = SpyIndicator.by_name["in"]
        light.wait_for(Signal.READY)
        readers[0].scan(b"Nguy\xeat no UTF-8")
        light.wait_for(Signal.NOT_A_PERSON_CODE)
        readers[0].scan(CARD)
        light.wait_for(Signal.ACCEPTED)
    assert SpyIndicator.by_name["out"].count(Signal.NOT_A_PERSON_CODE) == 0


def test_a_camera_lane_that_stumbles_shows_its_fault_and_comes_back(enrolled: Enrolled) -> None:
    ToldCamera.plans["camera"] = [[np.zeros((9, 9, 3), np.uint8)], [picture_of(CARD)]]
    with RunningGate(enrolled, enrolled.settings(LaneSettings("in", "in", camera="told:camera"))):
        light = SpyIndicator.by_name["gate"]
        light.wait_for(Signal.FAULT)
        light.wait_for(Signal.ACCEPTED)


def damage(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(PAGE_BYTES)
        file.write(os.urandom(path.stat().st_size // 3))


def test_an_outbox_damaged_before_the_start_is_salvaged(enrolled: Enrolled, readers: tuple[Reader, Reader]) -> None:
    configured = enrolled.settings(*two_lanes(readers))
    with RunningGate(enrolled, configured):
        light = SpyIndicator.by_name["in"]
        light.wait_for(Signal.READY)
        for count, person in enumerate(synthetic_people(30), start=1):
            readers[0].scan(write_person(person))
            light.wait_for(Signal.ACCEPTED, count)
    first_log = enrolled.sealed()[0].header.log
    damage(enrolled.outbox)
    with RunningGate(enrolled, configured):
        light = SpyIndicator.by_name["in"]
        light.wait_for(Signal.READY)
        readers[0].scan(CARD)
        light.wait_for(Signal.ACCEPTED)
    new = [(header, body) for header, body in enrolled.entries() if header.log != first_log]
    assert [header.kind for header, _body in new] == [Kind.BOOT, Kind.SALVAGE, Kind.PASSAGE, Kind.CLOSE]
    note = new[1][1]
    assert isinstance(note, Note)
    old = [header for header, _body in enrolled.entries() if header.log == first_log]
    assert note.facts["kept"] == len(old)
    assert list(enrolled.state.glob("salvaged-*/outbox.sqlite"))


def test_an_outbox_deleted_while_the_gate_is_open_is_replaced(enrolled: Enrolled, readers: tuple[Reader, Reader]) -> None:
    with RunningGate(enrolled, enrolled.settings(*two_lanes(readers), held_s=0.2, repeat_s=1.0)):
        light = SpyIndicator.by_name["in"]
        light.wait_for(Signal.READY)
        enrolled.outbox.unlink()
        readers[0].scan(CARD)
        light.wait_until(lambda: bool({Signal.REFUSED, Signal.ACCEPTED} & set(light.shown)))
        light.wait_for(Signal.READY)
        for person in synthetic_people(3):
            readers[0].scan(write_person(person))
        light.wait_for(Signal.ACCEPTED, 3)
    assert {passage.person.id_number for passage in enrolled.passages()} >= {person.id_number for person in synthetic_people(3)}
    assert Kind.SALVAGE in enrolled.kinds()


@pytest.mark.parametrize("gone", [[""], ["-wal"], ["-wal", "-shm"]], ids=["file", "log", "log and index"])
def test_a_deleted_outbox_gives_its_last_copy_to_the_new_one(enrolled: Enrolled, readers: tuple[Reader, Reader], gone: list[str]) -> None:
    before, after = synthetic_people(9)[:6], synthetic_people(9)[6:]

    def salvaged() -> bool:  # nobody opens the old one before it is set aside
        with suppress(FileNotFoundError):  # not there yet, or still being made
            return any(enrolled.state.glob("salvaged-*")) and Kind.SALVAGE in enrolled.kinds()
        return False

    with RunningGate(enrolled, enrolled.settings(*two_lanes(readers), held_s=0.2, repeat_s=1.0)):
        light = SpyIndicator.by_name["in"]
        light.wait_for(Signal.READY)
        for count, person in enumerate(before, start=1):
            readers[0].scan(write_person(person))
            light.wait_for(Signal.ACCEPTED, count)
        first = enrolled.sealed()
        for suffix in gone:
            enrolled.outbox.with_name(
                enrolled.outbox.name + suffix
            ).unlink()  # noticed within a second, or by the next person who is refused
        wait_until(salvaged, "its entries are in a new one")
        for count, person in enumerate(after, start=7):
            readers[0].scan(write_person(person))
            light.wait_for(Signal.ACCEPTED, count)
    sealed = enrolled.sealed()
    assert [entry.hash for entry in sealed[:7]] == [entry.hash for entry in first], "one boot, six passages, all green before"
    assert [passage.person.id_number for passage in enrolled.passages()] == [person.id_number for person in before + after]
    predecessor = sealed[7].header.predecessor
    assert predecessor is not None
    assert (predecessor.log, predecessor.seq, predecessor.hash) == (first[-1].header.log, 7, first[-1].hash)
    note = next(body for header, body in enrolled.entries() if header.kind is Kind.SALVAGE)
    assert isinstance(note, Note)
    assert note.facts == {"kept": 7, "unreadable": 0, "missing": 0}


def test_the_control_socket_tells_counts_and_no_person_and_lets_a_device_be_found(
    enrolled: Enrolled, readers: tuple[Reader, Reader]
) -> None:
    people = synthetic_people(10)
    with RunningGate(enrolled, enrolled.settings(*two_lanes(readers))):
        light = SpyIndicator.by_name["in"]
        light.wait_for(Signal.READY)
        with closing(ControlClient(enrolled.runtime, WAIT_S)) as client:
            heard: list[dict[str, Any]] = []
            client.send({"type": "counters"})
            while not heard or heard[-1]["type"] != "counters":
                heard.append(client.receive() or {"type": "end"})
            for person in people:
                readers[0].scan(write_person(person))
            readers[0].scan("no person")
            while sum(message["type"] == "passage" for message in heard) < 10:
                heard.append(client.receive() or {"type": "end"})
            light.wait_for(Signal.NOT_A_PERSON_CODE)
            client.send({"type": "identify"})
            while heard[-1]["type"] != "done":
                heard.append(client.receive() or {"type": "end"})
            light.wait_for(Signal.IDENTIFY)
            SpyIndicator.by_name["out"].wait_for(Signal.IDENTIFY)
            client.send({"type": "counters"})
            while heard[-1].get("answers") != {"accepted": 10, "not-a-person-code": 1}:
                heard.append(client.receive() or {"type": "end"})
            counters = heard[-1]
            client.send({"type": "open-sesame"})
            while heard[-1]["type"] != "refused":
                heard.append(client.receive() or {"type": "end"})
    assert counters["sources"] == {"in": "working", "out": "working"}
    assert counters["lights"] == {"spy:in": "working", "spy:out": "working"}
    assert counters["lanes"]["in"]["lines"] == 11
    assert counters["clock"] in {"rtc", "synchronised"}
    for person in people:
        for secret in (person.id_number, person.name, person.old_id, person.phone, person.qid):
            assert not secret or secret not in repr(heard)


def test_listeners_who_sleep_delay_nobody_at_the_gate(enrolled: Enrolled, readers: tuple[Reader, Reader]) -> None:
    with RunningGate(enrolled, enrolled.settings(*two_lanes(readers))) as gate:
        light = SpyIndicator.by_name["in"]
        light.wait_for(Signal.READY)
        with closing(ControlClient(enrolled.runtime)) as asleep:
            asleep.send({"type": "identify"})
            light.wait_for(Signal.IDENTIFY)
            filler = {"type": "counters", "padding": "x" * 30_000}
            for _ in range(200):
                gate.house._control.tell(filler)  # its buffer is full now
            started_s = time.monotonic()
            for count, person in enumerate(synthetic_people(50), start=1):
                readers[0].scan(write_person(person))
                light.wait_for(Signal.ACCEPTED, count)
            assert time.monotonic() - started_s < WAIT_S / 2
    assert len(enrolled.passages()) == 50


def test_a_gate_that_cannot_be_put_together_leaves_nothing_open(enrolled: Enrolled) -> None:
    before = threading.active_count()
    configured = enrolled.settings()
    enrolled.runtime.rmdir()  # no place for the control socket
    with pytest.raises(OSError, match="control socket"):
        Gatehouse(configured, enrolled.identity())
    assert SpyIndicator.by_name["gate"].closed
    assert threading.active_count() == before


def test_a_stop_ends_the_gate_within_moments_whatever_its_lanes_do(enrolled: Enrolled, readers: tuple[Reader, Reader]) -> None:
    ToldCamera.plans["camera"] = [[]]
    lanes = (*two_lanes(readers), LaneSettings("camera", "in", camera="told:camera"), LaneSettings("none", "in", reader="serial:/dev/nope"))
    gate = RunningGate(enrolled, enrolled.settings(*lanes))
    wait_until(lambda: Kind.BOOT in enrolled.kinds(), "the gate is open")
    started_s = time.monotonic()
    gate.house.stop()
    gate.join()
    assert time.monotonic() - started_s < 3.0
    assert enrolled.kinds() == [Kind.BOOT, Kind.CLOSE]


def test_what_a_closing_gate_stumbles_over_keeps_nothing_open(enrolled: Enrolled, readers: tuple[Reader, Reader]) -> None:
    def stumble() -> None:
        raise RuntimeError("unforeseen")

    gate = RunningGate(enrolled, enrolled.settings(*two_lanes(readers)))
    lights = SpyIndicator.by_name["in"], SpyIndicator.by_name["out"]
    lights[0].wait_for(Signal.READY)
    gate.house._happenings.close = stumble  # type: ignore[method-assign]
    gate.house.stop()
    with pytest.raises(RuntimeError, match="unforeseen"):
        gate.join()
    assert all(light.closed and light.shown[-1] is Signal.CLOSED for light in lights)
    assert not (enrolled.runtime / SOCKET_NAME).exists()
    assert enrolled.kinds()[-1] is Kind.CLOSE
