from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin

from drivers import pattern_player
from drivers.errors import Unavailable, Unplugged
from drivers.gpio_indicator import GpioIndicator
from drivers.indicator import Signal
from drivers.pattern_player import PatternPlayer
from drivers.patterns import PATTERNS, Step

GREEN, RED, AMBER, BUZZER = 17, 27, 22, 18
History = list[tuple[bool, float]]


@pytest.fixture
def pins() -> Iterator[Any]:
    factory = MockFactory(pin_class=MockPWMPin)
    yield factory
    factory.close()


def build(pins: Any, **given: Any) -> GpioIndicator:
    return GpioIndicator(**({"green": GREEN, "red": RED, "amber": AMBER, "buzzer": BUZZER} | given), pin_factory=pins)


def history(pins: Any, pin: int) -> History:
    """What the pin has done since it was off: (on or off, ms it had been the other way)."""
    return [(bool(state.state), state.timestamp * 1000) for state in pins.pin(pin).states[1:]]


def same(seen: History, expected: History) -> bool:
    """The same order, and about the same times; the first time is not compared, it is how long the test took to begin."""
    return [on for on, _ in seen] == [on for on, _ in expected] and all(
        abs(ms - wanted_ms) < 45 for (_, ms), (_, wanted_ms) in zip(seen[1:], expected[1:], strict=True)
    )


def wait(seconds: float) -> None:
    threading.Event().wait(seconds)


def test_accepted_is_green_with_one_clear_beep(pins: Any) -> None:
    light = build(pins)
    light.show(Signal.ACCEPTED)
    wait(1.0)
    assert same(history(pins, GREEN), [(True, 0), (False, 800)])
    assert same(history(pins, BUZZER), [(True, 0), (False, 200)])
    assert history(pins, RED) == history(pins, AMBER) == []
    light.close()


def test_a_repeated_answer_plays_each_round(pins: Any) -> None:
    light = build(pins)
    light.show(Signal.NOT_A_PERSON_CODE)
    wait(0.8)
    assert same(history(pins, AMBER), [(True, 0), (False, 150), (True, 150), (False, 150)])
    assert same(history(pins, BUZZER), [(True, 0), (False, 150), (True, 150), (False, 150)])
    light.close()


def test_the_newest_answer_wins_and_then_the_state_returns(pins: Any) -> None:
    light = build(pins)
    light.show(Signal.FULL)
    wait(0.1)
    light.show(Signal.ACCEPTED)
    wait(0.1)
    light.show(Signal.UNREADABLE)
    wait(0.7)
    assert same(history(pins, GREEN), [(True, 0), (False, 100)])
    assert same(history(pins, RED), [(True, 0), (False, 100), (True, 550)])
    assert [on for on, _ in history(pins, AMBER)] == [True, False] * 3
    light.close()
    assert not pins.pin(RED).states[-1].state


def test_a_state_asked_for_during_an_answer_waits_for_its_end(pins: Any) -> None:
    light = build(pins)
    light.show(Signal.ACCEPTED)
    light.show(Signal.FULL)
    wait(0.4)
    assert history(pins, RED) == []
    wait(0.6)
    assert same(history(pins, GREEN), [(True, 0), (False, 800)])
    assert [on for on, _ in history(pins, RED)] == [True]
    light.close()


def test_a_state_shown_again_does_not_begin_again(pins: Any) -> None:
    light = build(pins)
    for _ in range(10):
        light.show(Signal.STARTING)
        wait(0.12)
    assert same(history(pins, AMBER), [(True, 0), (False, 500), (True, 500)])
    light.close()


@pytest.mark.parametrize(
    "signal, pin, blinks", [(Signal.TICKET_REFUSED, AMBER, 2), (Signal.NOT_REACHED, AMBER, 3), (Signal.TICKET_FOREIGN, RED, 4)]
)
def test_what_came_of_a_ticket_can_be_counted_in_light_and_sound(pins: Any, signal: Signal, pin: int, blinks: int) -> None:
    light = build(pins)
    light.show(signal)
    counted, until_s = [True, False] * (blinks + 1), time.monotonic() + 20.0  # all lamps once, then these
    while any(len(history(pins, each)) < len(counted) for each in (pin, BUZZER)):
        assert time.monotonic() < until_s
        wait(0.02)
    assert [on for on, _ in history(pins, pin)] == [on for on, _ in history(pins, BUZZER)] == counted
    assert [on for on, _ in history(pins, GREEN)] == [True, False]
    light.close()


def test_show_returns_at_once(pins: Any) -> None:
    light = build(pins)
    times_s = []
    for signal in list(Signal) * 5:
        start_s = time.perf_counter()
        light.show(signal)
        times_s.append(time.perf_counter() - start_s)
    light.close()
    assert sorted(times_s)[len(times_s) // 2] < 0.001


def test_lamps_not_fitted_are_stood_in_for_but_green_never_for_red(pins: Any) -> None:
    light = build(pins, amber=None, buzzer=None)
    light.show(Signal.UNREADABLE)
    wait(0.5)
    light.close()
    assert [on for on, _ in history(pins, RED)] == [True, False] * 3
    assert history(pins, GREEN) == []
    light = build(pins, red=None, amber=None)
    light.show(Signal.REFUSED)
    wait(0.1)
    light.close()
    assert history(pins, GREEN) == []
    assert history(pins, BUZZER)[0][0]


def test_active_low_lamps_are_high_when_dark(pins: Any) -> None:
    light = build(pins, active_low=True)
    assert pins.pin(GREEN).state == 1
    light.show(Signal.ACCEPTED)
    wait(0.1)
    assert pins.pin(GREEN).state == 0
    assert pins.pin(RED).state == 1
    light.close()


def test_a_passive_buzzer_gets_a_tone(pins: Any) -> None:
    light = build(pins, buzzer_hz=2700)
    light.show(Signal.ACCEPTED)
    wait(0.1)
    assert pins.pin(BUZZER).frequency == 2700
    assert pins.pin(BUZZER).state == 0.5
    light.close()
    light.close()
    assert pins.pin(BUZZER).frequency is None


def test_a_pin_in_use_is_unavailable_and_the_others_are_let_go(pins: Any) -> None:
    first = build(pins, green=5, red=None, amber=None, buzzer=None)
    with pytest.raises(Unavailable, match="cannot use GPIO5 for the red"):
        build(pins, red=5)
    first.close()
    build(pins, red=5).close()


def test_a_light_that_fails_says_so_at_the_next_signal(caplog: pytest.LogCaptureFixture) -> None:
    failed = threading.Event()

    def apply(step: Step) -> None:
        if step is PATTERNS[Signal.ACCEPTED].steps[0]:
            failed.set()
            raise OSError("pin gone")

    player = PatternPlayer(apply, "gpio:")
    player.show(Signal.ACCEPTED)
    failed.wait(5)
    player.close()
    with pytest.raises(Unplugged, match="Check its wiring"):
        player.show(Signal.READY)
    assert caplog.messages == ["gpio: the indicator failed"]


class TellingPin(MockPWMPin):  # type: ignore[misc]
    """Remembers each value it was given, and tells."""

    told = threading.Condition()
    given: ClassVar[dict[int, list[float]]] = {}

    def _change_state(self, value: float) -> bool:
        with self.told:
            self.given.setdefault(int(self.info.name.removeprefix("GPIO")), []).append(value)
            self.told.notify_all()
        return bool(super()._change_state(value))


@pytest.fixture
def telling() -> Iterator[Any]:
    TellingPin.given.clear()
    factory = MockFactory(pin_class=TellingPin)
    yield factory
    factory.close()


def until(pin: int, value: float) -> None:
    with TellingPin.told:
        assert TellingPin.told.wait_for(lambda: value in TellingPin.given.get(pin, []), 10)


@pytest.mark.parametrize("volume, duty_cycle", [(100, 0.5), (50, 1 / 6), (0, 0.0)])
def test_a_passive_buzzer_is_driven_for_the_part_of_each_period_its_volume_wants(telling: Any, volume: int, duty_cycle: float) -> None:
    light = build(telling, buzzer_hz=2700, volume=volume)
    light.show(Signal.REFUSED)
    until(RED, 1)
    until(RED, 0)
    light.close()
    assert max(TellingPin.given[BUZZER]) == pytest.approx(duty_cycle)


def test_an_active_buzzer_with_volume_0_is_silent(telling: Any) -> None:
    light = build(telling, volume=0)
    light.show(Signal.REFUSED)
    until(RED, 1)
    until(RED, 0)
    light.close()
    assert set(TellingPin.given[BUZZER]) == {0}


def test_in_quiet_hours_light_and_rhythm_stay_and_sound_is_gone(telling: Any) -> None:
    light = build(telling)
    light.set_quiet(True)
    light.show(Signal.REFUSED)
    until(RED, 1)
    until(RED, 0)
    assert set(TellingPin.given[BUZZER]) == {0}
    light.set_quiet(False)
    light.show(Signal.ACCEPTED)
    until(GREEN, 1)
    light.close()
    assert 1 in TellingPin.given[BUZZER]


def test_lamps_that_hang_do_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(pattern_player, "_CLOSE_S", 0.05)
    hangs, goes_on = threading.Event(), threading.Event()

    def apply(_step: Step) -> None:
        hangs.set()
        goes_on.wait(10)

    player = PatternPlayer(apply, "gpio:")
    assert hangs.wait(10)
    player.close()
    assert caplog.messages == ["gpio: the indicator does not answer: it is given up"]
    goes_on.set()
    player._thread.join(10)
