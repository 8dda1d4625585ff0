"""A gate with everything round it: contacts, buttons, relay, lamps and buzzer on a mock header, a display, other kinds of readers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from gate_world import Enrolled, Reader, RunningGate, SpyIndicator, add_test_drivers, wait_until
from gpiozero.pins.mock import MockFactory
from module_port import Gm65Port
from parts_world import Contact, Panel, counters, levels, mock_pins, notes, surrounded, wait_for_inputs
from typing_scanner import TypingScanner

from drivers import hid_reader, oled_display
from drivers.display_face import Face
from drivers.indicator import Signal
from edge_agent.device.control import ask
from edge_agent.device.settings import InputSettings, LaneSettings
from edge_agent.wire.entry import Direction, Kind, Known, Method
from firmware import consumer
from firmware.person_codes import write_person
from firmware.reading import Switched
from province.demo.synthetic import synthetic_people

CODES = [write_person(person) for person in synthetic_people(12)]
GREEN, RED, AMBER, BUZZER, RELAY = 17, 27, 22, 18, 26
LAMPS = f"gpio:?green={GREEN}&red={RED}&amber={AMBER}&buzzer={BUZZER}"


@dataclass
class World:
    """What the tests below have at hand."""

    folder: Path
    enrolled: Enrolled
    reader: Reader
    pins: MockFactory
    contacts: dict[str, Contact]

    def contact(self, role: str) -> InputSettings:
        """A contact on a FIFO, called as its role."""
        self.contacts[role] = Contact(self.folder / role)
        return InputSettings(role, role, self.contacts[role].url)

    def press(self, house: Any, role: str) -> None:
        """Presses, and waits until the gate knows."""
        self.contacts[role].be(True)
        wait_until(lambda: house._happenings.is_active(role), f"{role} is pressed")
        self.contacts[role].be(False)

    def lane(self, direction: str = "in", **more: str) -> LaneSettings:
        return LaneSettings("door", direction, reader=self.reader.url, **more)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    add_test_drivers(monkeypatch)
    monkeypatch.setattr(consumer, "_TICK_S", 0.1)
    with mock_pins() as pins:
        world = World(tmp_path, Enrolled(tmp_path / "state", tmp_path / "run"), Reader(tmp_path / "tty"), pins, {})
        yield world
        world.reader.unplug()
        for contact in world.contacts.values():
            contact.close()


def gate_light() -> SpyIndicator:
    return SpyIndicator.by_name["gate"]


def test_an_open_case_and_a_door_are_told_and_the_case_asks_an_operator_to_look(world: World) -> None:
    settings = surrounded(world.enrolled.settings(world.lane()), world.contact("tamper"), world.contact("door"))
    with RunningGate(world.enrolled, settings):
        gate_light().wait_for(Signal.READY)
        world.contacts["door"].press()
        wait_until(lambda: len(notes(world.enrolled, Kind.EVENT)) == 2, "the door is told")
        assert Signal.ATTENTION not in gate_light().shown
        world.contacts["tamper"].be(True)
        gate_light().wait_for(Signal.ATTENTION)
        world.reader.scan(CODES[0])
        gate_light().wait_for(Signal.ACCEPTED)  # people pass all the same
        world.contacts["tamper"].be(False)
        gate_light().wait_for(Signal.READY, 2)
    assert notes(world.enrolled, Kind.EVENT) == [
        {"what": what, "part": what, "active": active} for what in ("door", "tamper") for active in (1, 0)
    ]


@pytest.mark.parametrize("name, pin, direction", [("green", 20, Direction.IN), ("red", 21, Direction.OUT)])
def test_a_button_says_the_way(world: World, name: str, pin: int, direction: Direction) -> None:
    buttons = [InputSettings(name, "direction", f"gpio:?pin={number}&bounce_ms=0") for name, number in (("green", 20), ("red", 21))]
    lane = world.lane("button", button_in="green", button_out="red")
    with RunningGate(world.enrolled, surrounded(world.enrolled.settings(lane), *buttons)) as gate:
        gate_light().wait_for(Signal.READY)
        wait_for_inputs(world.enrolled)
        world.pins.pin(pin).drive_low()
        wait_until(lambda: gate.house._happenings.is_active(name), f"{name} is pressed")
        world.pins.pin(pin).drive_high()
        world.reader.scan(CODES[0])
        gate_light().wait_for(Signal.ACCEPTED)
    assert [(passage.direction, passage.known) for passage in world.enrolled.passages()] == [(direction, Known.BUTTON)]


def test_the_keepers_button_lets_one_person_into_a_closed_gate(world: World) -> None:
    settings = surrounded(world.enrolled.settings(world.lane()), world.contact("keeper"), keeper_button="keeper")
    with RunningGate(world.enrolled, settings) as gate:
        gate_light().wait_for(Signal.READY)
        wait_for_inputs(world.enrolled)
        assert ask(world.enrolled.runtime, "close", ("done", "refused")) == {"type": "done"}
        world.reader.scan(CODES[0])
        gate_light().wait_for(Signal.NOT_OPEN)
        world.press(gate.house, "keeper")
        world.reader.scan(CODES[0])
        gate_light().wait_for(Signal.ACCEPTED)
        world.reader.scan(CODES[1])
        gate_light().wait_for(Signal.NOT_OPEN, 2)
    assert [passage.warnings for passage in world.enrolled.passages()] == [("keeper",)]


def test_a_keepers_button_that_is_stuck_opens_no_gate_also_after_a_restart(world: World) -> None:
    """Its wires touch: it is active whenever the gate is opened."""
    world.pins.pin(20).drive_low()
    stuck = InputSettings("keeper", "keeper", "gpio:?pin=20&pull=none&bounce_ms=0")
    settings = surrounded(world.enrolled.settings(world.lane()), stuck, keeper_button="keeper")
    for restart in range(2):
        with RunningGate(world.enrolled, settings) as gate:
            gate_light().wait_for(Signal.READY if restart == 0 else Signal.SHUT)
            happenings = gate.house._happenings
            wait_until(partial(happenings.is_active, "keeper"), "the gate knows how it is")
            assert ask(world.enrolled.runtime, "close", ("done", "refused")) == {"type": "done"}
            world.reader.scan(CODES[restart])
            gate_light().wait_for(Signal.NOT_OPEN)
    assert world.enrolled.passages() == []


def test_a_button_that_is_held_when_its_contact_comes_back_is_not_pressed_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = surrounded(world.enrolled.settings(world.lane()), world.contact("keeper"), keeper_button="keeper")
    with RunningGate(world.enrolled, settings) as gate:
        wait_for_inputs(world.enrolled)
        pressed = list[str]()
        monkeypatch.setattr(gate.house._consumer._gate, "pressed", lambda part, _at_s: pressed.append(part))
        world.contacts["keeper"].be(True)
        wait_until(lambda: pressed == ["keeper"], "it is pressed")
        for active, first in ((True, True), (False, False), (True, True), (False, True), (True, False)):
            gate.house._reports.put(Switched("keeper", active, time.monotonic(), first))
        wait_until(lambda: len(pressed) == 2, "it is let go and pressed")
    assert pressed == ["keeper", "keeper"]


@pytest.mark.parametrize("hours, sounds", [("", True), ("mo-su 00:00-24:00", False)])
def test_quiet_hours_silence_the_buzzer_and_no_lamp(world: World, hours: str, sounds: bool) -> None:
    settings = surrounded(world.enrolled.settings(world.lane(), indicator=LAMPS), quiet_hours=hours)
    with RunningGate(world.enrolled, settings):
        wait_until(lambda: counters(world.enrolled).get("sources") == {"door": "working"}, "the reader is open")
        world.reader.scan(CODES[0])
        wait_until(lambda: bool(world.enrolled.passages()), "the person is recorded")
        world.reader.scan(CODES[1])
        wait_until(lambda: counters(world.enrolled)["answers"] == {"accepted": 2}, "both are answered")
    assert any(levels(world.pins, GREEN))
    assert any(levels(world.pins, BUZZER)) is sounds
    assert not any(world.pins.pin(number).state for number in (GREEN, RED, AMBER, BUZZER))


@pytest.mark.parametrize("when_closed, left", [("rest", False), ("open", True)])
def test_the_barrier_opens_for_whoever_may_pass_and_missed_it_and_is_left_as_it_should(world: World, when_closed: str, left: bool) -> None:
    barrier = f"relay:?pin={RELAY}&pulse_ms=20&when_closed={when_closed}"
    with RunningGate(world.enrolled, world.enrolled.settings(world.lane(barrier=barrier), held_s=0.01)):  # less than a pulse
        gate_light().wait_for(Signal.READY)
        world.reader.scan("nobody's code")
        gate_light().wait_for(Signal.NOT_A_PERSON_CODE)
        assert not any(levels(world.pins, RELAY))
        world.reader.scan(CODES[0])
        gate_light().wait_for(Signal.ACCEPTED)
        wait_until(lambda: levels(world.pins, RELAY) == [False, True, False], "it was open for a moment")
        world.reader.scan(CODES[0])
        gate_light().wait_for(Signal.ALREADY)
        wait_until(lambda: levels(world.pins, RELAY) == [False, True, False, True, False], "it was open once more")
    assert levels(world.pins, RELAY)[5 : 5 + left] == ([True] if left else [])


def test_the_display_shows_how_many_are_inside(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oled_display, "_ANSWER_S", 0.05)
    panel, out = Panel(monkeypatch), Reader(world.folder / "tty-out")
    lanes = world.lane(), LaneSettings("out", "out", reader=out.url)
    with RunningGate(world.enrolled, surrounded(world.enrolled.settings(*lanes), display="oled:ssd1306")):
        wait_until(lambda: panel.shows(Face(Signal.READY, 0)), "nobody is inside")
        for inside, (reader, code) in enumerate(((world.reader, CODES[0]), (world.reader, CODES[1])), start=1):
            reader.scan(code)
            wait_until(lambda inside=inside: panel.shows(Face(Signal.READY, inside)), f"{inside} inside")  # type: ignore[misc]
        out.scan(CODES[0])
        wait_until(lambda: panel.shows(Face(Signal.READY, 1)), "one went")
    assert panel.picture is None
    out.unplug()


def test_a_display_that_is_not_there_at_the_start_keeps_nobody_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = Panel(monkeypatch)
    panel.broken = True
    with RunningGate(world.enrolled, surrounded(world.enrolled.settings(world.lane()), display="oled:ssd1306")):
        gate_light().wait_for(Signal.READY)
        world.reader.scan(CODES[0])
        gate_light().wait_for(Signal.ACCEPTED)
        assert counters(world.enrolled)["lights"]["display"] == "fault"
        panel.broken = False
        wait_until(lambda: panel.shows(Face(Signal.READY)), "it came")


def test_a_scanner_that_types_is_recorded_as_such(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hid_reader, "_grab", lambda _fd: None)  # what only the kernel's own devices know
    scanner = TypingScanner(world.folder / "event7")
    with RunningGate(world.enrolled, world.enrolled.settings(LaneSettings("door", "in", reader=f"hid:{scanner.path}"))):
        gate_light().wait_for(Signal.READY)
        scanner.type(f"{CODES[0]}\r")
        gate_light().wait_for(Signal.ACCEPTED)
    scanner.close()
    (passage,) = world.enrolled.passages()
    assert (passage.method, passage.person.id_number) == (Method.HID, synthetic_people(1)[0].id_number)


def test_a_contact_makes_a_module_that_waits_to_be_asked_read(world: World) -> None:
    port = Gm65Port(world.folder / "tty-module")
    lane = LaneSettings("door", "in", reader=f"serial:{port.path}?module=gm65&trigger=host")
    with RunningGate(world.enrolled, surrounded(world.enrolled.settings(lane), world.contact("scan"))):
        gate_light().wait_for(Signal.READY)
        wait_for_inputs(world.enrolled)
        assert port.zones[0x0002] == 0
        for count, code in enumerate(CODES[:3], start=1):
            world.contacts["scan"].press()
            assert port.wait_until(lambda: port.zones[0x0002] == 1), "it was asked"
            port.zones[0x0002] = 0  # the module's own: one reading is over
            port.send(code.encode() + b"\r")
            gate_light().wait_for(Signal.ACCEPTED, count)
    port.unplug()
    assert {passage.method for passage in world.enrolled.passages()} == {Method.SERIAL}


def test_a_contact_asks_in_vain_while_the_module_is_away(world: World) -> None:
    port = Gm65Port(world.folder / "tty-module")
    url = f"serial:{port.path}?module=gm65&trigger=host"
    port.unplug()
    with RunningGate(world.enrolled, surrounded(world.enrolled.settings(LaneSettings("door", "in", reader=url)), world.contact("scan"))):
        gate_light().wait_for(Signal.FAULT)
        wait_for_inputs(world.enrolled)
        world.contacts["scan"].press()
        port.replug()
        gate_light().wait_for(Signal.READY)
        world.contacts["scan"].press()
        assert port.wait_until(lambda: port.zones[0x0002] == 1), "it was asked"
    port.unplug()
