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

from drivers.errors import DriverError, Unplugged
from drivers.indicator import Signal
from edge_agent.settings import GateSettings, LaneSettings
from firmware.feedback import Feedback, Light
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
    light = Light("spy:one", clock=lambda: clock[0])
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
    light = Light("gpio:?green=17&red=27", clock=lambda: clock[0])
    light.be(Signal.READY)
    Pin.torn = True
    light.answer(Signal.ACCEPTED)  # returns at once; the player's own thread meets the torn wire
    player = vars(light._indicator)["_player"]
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
    full = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 - closing it fails as well
    monkeypatch.setattr(sys, "stdout", full)
    feedback = Feedback(GateSettings(indicator="console:?colour=never"), LANES[:1])
    feedback.answer("in", Signal.ACCEPTED)
    feedback.settle(full=False, broken=False, note=False)
    feedback.close()
    monkeypatch.undo()
    with pytest.raises(OSError, match="No space left"):
        full.close()
    assert "failed" in caplog.text or feedback.lights() == {"console:?colour=never": "working"}


def test_an_indicator_that_cannot_be_closed_leaves_no_other_light_on(monkeypatch: pytest.MonkeyPatch) -> None:
    feedback = Feedback(GateSettings(indicator="spy:gate"), LANES)

    def refuse() -> None:
        raise OSError("not even this")

    monkeypatch.setattr(SpyIndicator.by_name["gate"], "close", refuse)
    feedback.close()
    assert SpyIndicator.by_name["out"].closed
