"""A bus: ignition on a mock pin, positions on a pseudo-terminal, trips that its passages carry through stops and restarts of the gate."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from gate_world import ROOT, Enrolled, Reader, RunningGate, SpyIndicator, add_test_drivers, gate_toml, now_ms, wait_until
from gpiozero.pins.mock import MockFactory
from parts_world import Contact, counters, mock_pins, notes, surrounded, wait_for_inputs
from pty_port import PtyPort
from receivers import rmc

from drivers.indicator import Signal
from edge_agent.device.documents import Documents
from edge_agent.device.settings import InputSettings, LaneSettings, Settings, VehicleSettings
from edge_agent.wire.entry import Kind, Position
from firmware import consumer, trip_memory, trips
from firmware.person_codes import write_person
from province.demo.synthetic import synthetic_people

IGNITION = 5
THERE = Position(224_850_167, 1_039_700_167)  # 22°29.101' N 103°58.201' E


class Bus:
    """A gate at a bus door."""

    def __init__(self, folder: Path, enrolled: Enrolled, pins: MockFactory) -> None:
        self.enrolled = enrolled
        self.reader, self.receiver = Reader(folder / "tty-reader"), PtyPort(folder / "tty-gps")
        self.terminus = Contact(folder / "terminus")
        self._pins = pins
        self._people = iter(synthetic_people(20))
        self._ignition(on=False)

    def _ignition(self, *, on: bool) -> None:
        pin = self._pins.pin(IGNITION)
        if on:
            pin.drive_low()
        else:
            pin.drive_high()

    def settings(self, linger_s: float = 0.2) -> Settings:
        lane = LaneSettings("door", "in", reader=self.reader.url)
        return surrounded(
            self.enrolled.settings(lane),
            InputSettings("KL15", "ignition", f"gpio:?pin={IGNITION}&pull=none&bounce_ms=0"),
            InputSettings("bến", "terminus", self.terminus.url),
            vehicle=VehicleSettings(trips=True, linger_s=linger_s, position=f"nmea:{self.receiver.path}"),
        )

    def turn_ignition(self, *, on: bool) -> str | None:
        """Turns it, waits for what that does to the trip, and returns the trip's name."""
        self._ignition(on=on)
        wait_for_inputs(self.enrolled)
        wait_until(lambda: (self.trip() is not None) is on, f"a trip after the ignition is {on}")
        return self.trip()

    def trip(self) -> str | None:
        trip = counters(self.enrolled)["trip"]
        assert trip is None or isinstance(trip, str)
        return trip

    def board(self) -> tuple[str | None, Position | None]:
        """Lets somebody board, and returns the trip and the position in their entry."""
        light = SpyIndicator.by_name["gate"]
        light.wait_for(Signal.READY)
        before = light.count(Signal.ACCEPTED)
        self.reader.scan(write_person(next(self._people)))
        light.wait_for(Signal.ACCEPTED, before + 1)
        passage = self.enrolled.passages()[-1]
        return passage.trip, passage.position

    def events(self) -> list[tuple[str | int, ...]]:
        return [(facts["what"], facts["trip"], facts["why"]) for facts in notes(self.enrolled, Kind.EVENT)]

    def close(self) -> None:
        self.reader.unplug()
        self.receiver.unplug()
        self.terminus.close()


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bus]:
    add_test_drivers(monkeypatch)
    monkeypatch.setattr(consumer, "_TICK_S", 0.1)
    monkeypatch.setattr(trips, "PRESSED_AGAIN_S", 0.0)
    with mock_pins() as pins:
        bus = Bus(tmp_path, Enrolled(tmp_path / "state", tmp_path / "run"), pins)
        yield bus
        bus.close()


def test_passages_carry_the_trip_that_the_ignition_began_and_the_terminus_ended(bus: Bus) -> None:
    with RunningGate(bus.enrolled, bus.settings()):
        wait_for_inputs(bus.enrolled)
        assert bus.board() == (None, None)
        first = bus.turn_ignition(on=True)
        assert bus.board() == (first, None)
        bus.terminus.press()
        wait_until(lambda: bus.trip() != first, "the terminus ends the trip")
        second = bus.trip()
        assert bus.board()[0] == second is not None
        bus.turn_ignition(on=False)
        assert bus.board()[0] is None
    assert bus.events() == [
        ("trip-begin", first, "ignition"),
        ("trip-end", first, "terminus"),
        ("trip-begin", second, "terminus"),
        ("trip-end", second, "ignition"),
    ]


def test_a_trip_goes_on_through_a_restart_of_the_gate(bus: Bus) -> None:
    with RunningGate(bus.enrolled, bus.settings(linger_s=600)):
        trip = bus.turn_ignition(on=True)
        assert bus.board()[0] == trip
    with RunningGate(bus.enrolled, bus.settings(linger_s=600)):
        assert bus.board()[0] == trip
    assert bus.events() == [("trip-begin", trip, "ignition")]


def test_a_gate_that_closes_notes_until_when_its_trip_ran(bus: Bus) -> None:
    def noted() -> dict[str, Any]:
        with closing(Documents(bus.enrolled.state, trip_memory.FILE_NAME)) as documents:
            return documents.get("trip") or {}

    with RunningGate(bus.enrolled, bus.settings(linger_s=600)):
        trip = bus.turn_ignition(on=True)
        wait_until(lambda: noted().get("trip") == trip, "the trip is noted")  # which the counters tell a moment before
        before_ms = noted()["seen_ms"]
        wait_until(lambda: now_ms() > before_ms, "the clock goes on")
    assert noted()["seen_ms"] > before_ms


def test_an_ignition_turned_off_while_the_gate_was_away_ends_the_trip_when_it_is_back(bus: Bus) -> None:
    with RunningGate(bus.enrolled, bus.settings()):
        trip = bus.turn_ignition(on=True)
    bus._ignition(on=False)
    with RunningGate(bus.enrolled, bus.settings()):
        wait_for_inputs(bus.enrolled)
        wait_until(lambda: bus.trip() is None, "the trip is over")
    assert bus.events() == [("trip-begin", trip, "ignition"), ("trip-end", trip, "ignition")]


def test_passages_carry_the_position_while_the_receiver_knows_it(bus: Bus) -> None:
    with RunningGate(bus.enrolled, bus.settings()) as gate:
        surroundings = gate.house._surroundings
        wait_until(lambda: surroundings._whereabouts is not None and surroundings._whereabouts.kept._device is not None, "it is open")
        bus.receiver.send(rmc(1).encode())
        wait_until(lambda: surroundings.position is not None, "the receiver knows")
        assert bus.board() == (None, THERE)
        bus.receiver.send(rmc(2, valid=False).encode())
        wait_until(lambda: surroundings.position is None, "the receiver does not know any more")
        assert bus.board() == (None, None)
        assert counters(bus.enrolled)["position"] == "working"


def test_an_operator_rules_trips_by_command(bus: Bus) -> None:
    config = gate_toml(bus.enrolled, {"name": "door", "direction": "in", "reader": bus.reader.url})

    def order(what: str) -> str:
        command = [sys.executable, "-m", "edge_agent", "gate", what, "--config", str(config)]
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True, timeout=60).stdout

    with RunningGate(bus.enrolled, bus.settings()):
        wait_for_inputs(bus.enrolled)
        order("trip-begin")
        wait_until(lambda: bus.trip() is not None, "a trip began")
        first = bus.trip()
        assert f"trip: {first}" in order("status")
        order("trip-terminus")
        wait_until(lambda: bus.trip() is None, "the trip is over")
        assert "trip: none" in order("status")
    assert bus.events() == [("trip-begin", first, "command"), ("trip-end", first, "terminus")]


def test_a_gate_that_stands_still_refuses_orders_of_trips(bus: Bus) -> None:
    config = gate_toml(bus.enrolled, {"name": "door", "direction": "in", "reader": bus.reader.url})
    with RunningGate(bus.enrolled, bus.enrolled.settings(LaneSettings("door", "in", reader=bus.reader.url))):
        SpyIndicator.by_name["gate"].wait_for(Signal.READY)
        command = [sys.executable, "-m", "edge_agent", "gate", "trip-begin", "--config", str(config)]
        refused = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=60)
    assert refused.returncode == 1
    assert "set vehicle.trips = true" in refused.stderr
