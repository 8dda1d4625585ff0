"""Lights and buzzers that fail: the gate goes on, says it once, and opens them anew."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import gpiozero
import pytest
from gate_world import SpyIndicator, add_test_drivers
from gpiozero.pins.mock import MockFactory, MockPin

from drivers import fittings
from drivers.catalogue import open_indicator
from drivers.errors import DriverError, Unplugged
from drivers.indicator import Signal
from drivers.urls import Scheme
from edge_agent.device.settings import GateSettings, LaneSettings
from firmware.feedback import Feedback, Light
from firmware.kept_output import KeptOutput
from firmware.reading import SourceState

LANES = (LaneSettings("in", "in", camera="x:"), LaneSettings("out", "out", camera="x:", indicator="spy:out"))


class Pin(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """A pin whose wire can be torn off."""

    torn = False

    def _change_state(self, value: Any) -> Any:
        if Pin.torn:
            raise gpiozero.PinError("the wire is off")
        return super()._change_state(value)


@pytest.fixture(autouse=True)
def drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    add_test_drivers(monkeypatch)


@pytest.fixture
def clock() -> list[float]:
    return [1000.0]


@pytest.fixture
def light(clock: list[float]) -> Iterator[Light]:
    light = Light(KeptOutput("indicator spy:one", lambda: open_indicator("spy:one"), clock=lambda: clock[0]))
    yield light
    light.close()


def fail(error: Exception) -> None:
    def show(_signal: Signal) -> None:
        raise error

    SpyIndicator.by_name["one"].on_show = show


def test_each_lane_is_answered_at_its_own_light_and_shared_ones_are_opened_once() -> None:
    feedback = Feedback(GateSettings(indicator="spy:gate"), (*LANES, LaneSettings("in-2", "in", camera="y:")))
    gate, out = SpyIndicator.by_name["gate"], SpyIndicator.by_name["out"]
    feedback.answer("in", Signal.ACCEPTED)
    feedback.answer("out", Signal.REFUSED)
    feedback.answer("in-2", Signal.ALREADY)
    assert (gate.shown, out.shown) == ([Signal.ACCEPTED, Signal.ALREADY], [Signal.REFUSED])
    feedback.source_is("out", SourceState.FAULT)
    for _ in range(3):
        feedback.settle(full=False, broken=False, note=False)
    assert (gate.shown[2:], out.shown[1:]) == ([Signal.STARTING], [Signal.FAULT])  # said once, and only where it is true
    feedback.close()
    assert gate.closed
    assert out.closed


def test_an_indicator_that_cannot_be_opened_at_the_start_is_an_error_and_closes_the_others() -> None:
    with pytest.raises(DriverError):
        Feedback(GateSettings(indicator="spy:gate"), (LANES[0], LaneSettings("out", "out", camera="x:", indicator="gpio:?green=17")))
    assert SpyIndicator.by_name["gate"].closed


@pytest.mark.parametrize("error", [Unplugged("'gpio:' does not work any more"), OSError(5, "Input/output error"), RuntimeError("surprise")])
def test_a_light_that_fails_is_said_once_and_opened_anew_with_back_off(
    light: Light, clock: list[float], caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    caplog.set_level(logging.INFO)
    light.be(Signal.READY)
    first = SpyIndicator.by_name["one"]
    fail(error)
    light.answer(Signal.ACCEPTED)
    light.answer(Signal.ACCEPTED)
    assert first.closed
    assert not light.works
    light.be(Signal.READY)
    assert SpyIndicator.by_name["one"] is first  # not yet
    tries = []
    for _ in range(600):
        clock[0] += 1.0
        before = SpyIndicator.by_name["one"]
        light.be(Signal.READY)
        if SpyIndicator.by_name["one"] is not before:
            tries.append(clock[0] - 1000.0)
            fail(error)  # and broken again as soon as somebody passes
            light.answer(Signal.ACCEPTED)
    gaps = [later - earlier for earlier, later in pairwise(tries)]
    assert tries[0] == 1.0
    assert gaps[:5] == [2.0, 4.0, 8.0, 16.0, 32.0]
    assert set(gaps[5:]) == {60.0}
    assert caplog.text.count("failed") == 1
    clock[0] += 60.0
    light.be(Signal.ATTENTION)
    assert SpyIndicator.by_name["one"].shown == [Signal.ATTENTION]  # it shows at once how the gate is
    clock[0] += 3600.0
    fail(error)
    light.answer(Signal.ACCEPTED)
    assert caplog.text.count("failed") == 2  # an hour later that is news again


def test_pins_that_fail_while_a_signal_plays_come_back(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    factory = MockFactory(pin_class=Pin)
    monkeypatch.setattr(gpiozero.Device, "pin_factory", factory)
    monkeypatch.setattr(Pin, "torn", False)
    clock = [1000.0]
    kept = KeptOutput("indicator gpio:", lambda: open_indicator("gpio:?green=17&red=27"), clock=lambda: clock[0])
    light = Light(kept)
    light.be(Signal.READY)
    Pin.torn = True
    light.answer(Signal.ACCEPTED)  # returns at once; the player's own thread meets the torn wire
    player = vars(kept._device)["_player"]
    player._thread.join(10)
    light.answer(Signal.ACCEPTED)
    assert not light.works
    assert "does not work any more" in caplog.text
    Pin.torn = False
    clock[0] += 1.0
    light.be(Signal.READY)
    assert light.works
    light.close()
    factory.reset()


def test_a_terminal_on_a_full_disk_is_a_light_that_failed(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    full = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 - closed below
    monkeypatch.setattr(sys, "stdout", full)
    feedback = Feedback(GateSettings(indicator="console:?colour=never"), LANES[:1])
    feedback.answer("in", Signal.ACCEPTED)
    feedback.settle(full=False, broken=False, note=False)
    feedback.close()
    monkeypatch.undo()
    full.close()  # nothing is left in its buffer that would fail now
    assert "indicator console:?colour=never failed" in caplog.text


def test_an_indicator_that_cannot_be_closed_leaves_no_other_light_on(monkeypatch: pytest.MonkeyPatch) -> None:
    feedback = Feedback(GateSettings(indicator="spy:gate"), LANES)

    def refuse() -> None:
        raise OSError("not even this")

    monkeypatch.setattr(SpyIndicator.by_name["gate"], "close", refuse)
    feedback.close()
    assert SpyIndicator.by_name["out"].closed


class SpyOutput:
    """A display or barrier that remembers what it was asked to do."""

    made: list[SpyOutput] = []  # noqa: RUF012 - the newest is the one at work

    def __init__(self, name: str) -> None:
        self.name, self.done = name, list[object]()
        self.broken = False
        SpyOutput.made.append(self)

    def _do(self, what: object) -> None:
        if self.broken:
            raise Unplugged(f"{self.name} is gone")
        self.done.append(what)

    def show(self, signal: Signal) -> None:
        self._do(signal)

    def count(self, inside: int | None) -> None:
        self._do(inside)

    def let_through(self) -> None:
        self._do("let through")

    def close(self) -> None:
        self.done.append("closed")


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> list[SpyOutput]:
    scheme = Scheme("spy", "For tests.", f"{__name__}:SpyOutput", path="name", example="spy:door")
    monkeypatch.setattr(fittings, "BARRIERS", (scheme,))
    monkeypatch.setattr(fittings, "DISPLAYS", (scheme,))
    monkeypatch.setattr(SpyOutput, "made", [])
    return SpyOutput.made


def test_the_barrier_of_a_lane_opens_when_the_answer_says_so_whatever_the_signal(outputs: list[SpyOutput]) -> None:
    lanes = (LaneSettings("in", "in", camera="x:", barrier="spy:door"), LaneSettings("out", "out", camera="y:"))
    feedback = Feedback(GateSettings(indicator="spy:gate"), lanes)
    for signal in Signal:
        feedback.answer("in", signal)
        feedback.answer("out", signal, opens=True)
    assert outputs[0].done == []
    feedback.answer("in", Signal.ALREADY, opens=True)
    feedback.close()
    assert outputs[0].done == ["let through", "closed"]


def test_the_display_shows_answers_states_and_the_count(outputs: list[SpyOutput]) -> None:
    feedback = Feedback(GateSettings(indicator="spy:gate", display="spy:face"), LANES)
    feedback.settle(full=True, broken=False, note=False)
    feedback.inside(7)
    feedback.inside(7)
    feedback.answer("in", Signal.ACCEPTED)
    feedback.close()
    assert outputs[0].done == [None, Signal.FULL, 7, Signal.ACCEPTED, "closed"]


def test_a_display_and_a_barrier_that_fail_leave_the_light_alone(outputs: list[SpyOutput]) -> None:
    lane = LaneSettings("in", "in", camera="x:", barrier="spy:door")
    feedback = Feedback(GateSettings(indicator="spy:gate", display="spy:face"), (lane,))
    for output in outputs:
        output.broken = True
    feedback.answer("in", Signal.ACCEPTED, opens=True)
    assert feedback.lights() == {"spy:gate": "working", "spy:door": "fault", "display": "fault"}
    assert SpyIndicator.by_name["gate"].shown == [Signal.ACCEPTED]
    feedback.close()


def test_quiet_hours_reach_a_light_that_is_opened_anew(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    feedback = Feedback(GateSettings(indicator="spy:gate"), LANES[:1])
    monkeypatch.setattr(feedback._indicators["spy:gate"], "_clock", lambda: clock[0])
    feedback.quiet(True)
    first = SpyIndicator.by_name["gate"]
    assert first.quiet

    def fails(_signal: Signal) -> None:
        raise Unplugged("gone")

    first.on_show = fails
    feedback.answer("in", Signal.ACCEPTED)
    clock[0] += 100.0
    feedback.settle(full=False, broken=False, note=False)
    assert SpyIndicator.by_name["gate"] is not first
    assert SpyIndicator.by_name["gate"].quiet
    feedback.close()
