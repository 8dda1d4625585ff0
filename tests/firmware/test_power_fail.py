"""The supply fails and a reserve carries the gate: it closes cleanly, rests, and opens again when the supply is back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import gate_fixtures
import pytest
from gate_run import Gate
from gate_world import BLANK, WAIT_S, Enrolled, Reader, RunningGate, SpyIndicator, ToldCamera, gate_toml, wait_until
from parts_world import Contact, counters, levels, mock_pins, notes, surrounded, wait_for_inputs

from drivers.indicator import Signal
from edge_agent.device.settings import InputSettings, LaneSettings, Settings, VehicleSettings
from edge_agent.wire.entry import Kind
from firmware import gatehouse
from firmware.person_codes import write_person
from firmware.reading import Switched
from province.demo.synthetic import synthetic_people

enrolled, reader = gate_fixtures.enrolled, gate_fixtures.reader

CODES = [write_person(person) for person in synthetic_people(4)]
CLOSED = [{"what": "power-fail", "part": "supply", "active": 1}]


@pytest.fixture
def supply(tmp_path: Path) -> Iterator[Contact]:
    contact = Contact(tmp_path / "power-fail")
    yield contact
    contact.close()


@pytest.fixture
def gate(enrolled: Enrolled, reader: Reader, supply: Contact) -> Iterator[Gate]:
    more = f'[[input]]\nname = "supply"\nrole = "power-fail"\nswitch = "{supply.url}"\n'
    gate = Gate(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url}, more=more))
    gate.out.wait_for("ready")
    yield gate
    gate.kill()


def holds_the_outbox(gate: Gate) -> bool:
    return any("outbox.sqlite" in str(file.readlink()) for file in Path(f"/proc/{gate.process.pid}/fd").iterdir())


def test_it_closes_rests_and_opens_again(enrolled: Enrolled, reader: Reader, supply: Contact, gate: Gate) -> None:
    reader.scan(CODES[0])
    gate.out.wait_for("accepted")
    assert holds_the_outbox(gate)
    supply.be(True)
    gate.err.wait_for("the power fails: the gate is closed until it is back")
    assert not holds_the_outbox(gate)
    assert enrolled.kinds() == [Kind.BOOT, Kind.PASSAGE, Kind.EVENT, Kind.CLOSE]
    assert notes(enrolled, Kind.EVENT) == CLOSED
    assert notes(enrolled, Kind.CLOSE) == [{"reason": "power-fail"}]
    assert gate.out.lines[-1].strip().endswith("closed")
    supply.be(False)
    gate.out.wait_for("ready", 2)
    reader.scan(CODES[1])
    gate.out.wait_for("accepted", 2)
    assert gate.stop() == 0
    assert enrolled.kinds()[4:] == [Kind.BOOT, Kind.PASSAGE, Kind.CLOSE]
    assert notes(enrolled, Kind.CLOSE)[-1] == {"reason": "stop"}
    assert len({sealed.header.log for sealed in enrolled.sealed()}) == 1


def test_a_gate_that_rests_ends_when_it_is_asked_to(enrolled: Enrolled, supply: Contact, gate: Gate) -> None:
    supply.be(True)
    gate.err.wait_for("the gate is closed until it is back")
    assert gate.stop() == 0
    assert enrolled.kinds() == [Kind.BOOT, Kind.EVENT, Kind.CLOSE]
    assert "Traceback" not in gate.err.text()


def at_a_bus(enrolled: Enrolled, reader: Reader, supply: Contact) -> Settings:
    lane = LaneSettings("door", "in", reader=reader.url, indicator="gpio:?green=17&red=27", barrier="relay:?pin=26&when_closed=rest")
    return surrounded(
        enrolled.settings(lane),
        InputSettings("supply", "power-fail", supply.url),
        InputSettings("KL15", "ignition", "gpio:?pin=5&pull=none&bounce_ms=0"),
        vehicle=VehicleSettings(trips=True, linger_s=0.0),
    )


def test_a_bus_that_loses_its_supply_is_dark_and_its_trip_goes_on_when_it_is_back(
    enrolled: Enrolled, reader: Reader, supply: Contact, caplog: pytest.LogCaptureFixture
) -> None:
    with mock_pins() as pins:
        pins.pin(5).drive_low()
        settings = at_a_bus(enrolled, reader, supply)
        with RunningGate(enrolled, settings) as gate:
            wait_for_inputs(enrolled)
            wait_until(lambda: bool(counters(enrolled)["trip"]), "the trip began")
            trip = counters(enrolled)["trip"]
            supply.be(True)
            wait_until(lambda: "the power fails: the gate is closed" in caplog.text, "the gate rests")
            assert [pins.pin(number).state for number in (17, 27, 26)] == [False, False, False]
            gate.house._reports.put(Switched("KL15", False, time.monotonic()))  # as the supply goes, so does what the ignition feeds
            wait_until(gate.house._reports.empty, "the gate has heard of it")
            supply.be(False)
            gate.join()
            assert gate.reopens
        with RunningGate(enrolled, settings):
            wait_for_inputs(enrolled)
            wait_until(lambda: counters(enrolled).get("sources") == {"door": "working"}, "the reader is open")
            reader.scan(CODES[0])
            wait_until(lambda: bool(enrolled.passages()), "somebody boards")
        assert any(levels(pins, 17))
    assert [passage.trip for passage in enrolled.passages()] == [trip]
    assert [facts["what"] for facts in notes(enrolled, Kind.EVENT)] == ["trip-begin", "power-fail"]


def test_a_gate_that_opens_while_the_supply_is_away_closes_again(enrolled: Enrolled, reader: Reader) -> None:
    with mock_pins() as pins:
        pins.pin(6).drive_low()
        lane = LaneSettings("in", "in", reader=reader.url)
        settings = surrounded(enrolled.settings(lane), InputSettings("supply", "power-fail", "gpio:?pin=6&pull=none&bounce_ms=0"))
        with RunningGate(enrolled, settings):
            SpyIndicator.by_name["gate"].wait_for(Signal.CLOSED)
    assert enrolled.kinds() == [Kind.BOOT, Kind.EVENT, Kind.CLOSE]


def test_a_light_that_will_not_close_keeps_no_camera_from_being_closed(
    enrolled: Enrolled, supply: Contact, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gatehouse, "_JOIN_S", 0.1)
    released, camera_closed = threading.Event(), threading.Event()
    monkeypatch.setattr(SpyIndicator, "close", lambda _light: released.wait(WAIT_S))
    close = ToldCamera.close

    def close_and_tell(camera: ToldCamera) -> None:
        close(camera)
        camera_closed.set()

    monkeypatch.setattr(ToldCamera, "close", close_and_tell)
    ToldCamera.plans["camera"] = [[BLANK]]
    settings = surrounded(
        enrolled.settings(LaneSettings("in", "in", camera="told:camera")), InputSettings("supply", "power-fail", supply.url)
    )
    try:
        with RunningGate(enrolled, settings):
            SpyIndicator.by_name["gate"].wait_for(Signal.READY)
            supply.be(True)
            wait_until(lambda: "the power fails: the gate is closed" in caplog.text, "the gate rests")
            assert not released.is_set()
            assert camera_closed.wait(WAIT_S)
    finally:
        released.set()
    assert enrolled.kinds() == [Kind.BOOT, Kind.EVENT, Kind.CLOSE]


def test_a_camera_that_will_not_close_delays_neither_the_last_entry_nor_the_dark(
    enrolled: Enrolled, supply: Contact, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gatehouse, "_JOIN_S", 0.1)
    released, met = threading.Event(), list[tuple[list[Kind], bool]]()

    def hang(camera: ToldCamera) -> None:
        met.append((enrolled.kinds(), SpyIndicator.by_name["gate"].closed))
        released.wait(WAIT_S)
        camera._closed.set()

    monkeypatch.setattr(ToldCamera, "close", hang)
    ToldCamera.plans["stuck"] = [[BLANK]]
    settings = surrounded(
        enrolled.settings(LaneSettings("in", "in", camera="told:stuck")), InputSettings("supply", "power-fail", supply.url)
    )
    try:
        with RunningGate(enrolled, settings):
            SpyIndicator.by_name["gate"].wait_for(Signal.READY)
            supply.be(True)
            wait_until(lambda: "the power fails: the gate is closed" in caplog.text, "the gate rests")
            wait_until(lambda: bool(met), "the camera is asked to close")
            assert met == [([Kind.BOOT, Kind.EVENT, Kind.CLOSE], True)]  # on disk and dark before the camera was touched
    finally:
        released.set()
