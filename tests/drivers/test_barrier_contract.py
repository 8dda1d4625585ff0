"""What every barrier must do, asked of each of them, and the on/off history of a relay's pin."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory, MockPin

from drivers.barrier import Barrier
from drivers.catalogue import open_barrier
from drivers.errors import BadUrl, Unavailable, Unplugged
from drivers.relay_barrier import RelayBarrier

pytestmark = pytest.mark.timeout(30)
PIN = 5
LONG_MS = 30_000


class TellingPin(MockPin):  # type: ignore[misc]
    """Tells when its level changes, so that nobody need wait for a time."""

    told = threading.Condition()

    def _change_state(self, value: bool) -> bool:
        changed = bool(super()._change_state(value))
        with self.told:
            self.told.notify_all()
        return changed


@pytest.fixture
def pins() -> Iterator[Any]:
    factory = MockFactory(pin_class=TellingPin)
    yield factory
    factory.close()


def levels(pins: Any) -> list[int]:
    return [int(state.state) for state in pins.pin(PIN).states]


def seen(pins: Any, expected: list[int]) -> bool:
    with TellingPin.told:
        return TellingPin.told.wait_for(lambda: levels(pins) == expected, 10)


@pytest.fixture(params=["relay"])
def make(request: pytest.FixtureRequest, pins: Any) -> Callable[[], Barrier]:
    assert request.param == "relay"
    return lambda: RelayBarrier(PIN, pulse_ms=20, pin_factory=pins)


def test_closing_twice_is_harmless_from_any_thread_and_it_can_be_opened_again(make: Callable[[], Barrier]) -> None:
    for _ in range(3):
        barrier = make()
        barrier.let_through()
        threads = [threading.Thread(target=barrier.close) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        barrier.close()
        assert not any(thread.is_alive() for thread in threads)


def test_a_person_is_let_through_once_for_each_call(pins: Any) -> None:
    barrier = RelayBarrier(PIN, pulse_ms=20, pin_factory=pins)
    barrier.let_through()
    assert seen(pins, [0, 1, 0])
    barrier.let_through()
    assert seen(pins, [0, 1, 0, 1, 0])
    barrier.close()
    assert levels(pins) == [0, 1, 0, 1, 0]


def test_asked_again_the_time_begins_anew_without_closing_between(pins: Any) -> None:
    barrier = RelayBarrier(PIN, pulse_ms=LONG_MS, pin_factory=pins)
    ends_s = []
    for _ in range(5):
        barrier.let_through()
        ends_s.append(barrier._until_s)
        assert seen(pins, [0, 1])
    assert ends_s == sorted(set(ends_s))
    barrier.close()


@pytest.mark.parametrize("when_closed, last", [("rest", 0), ("open", 1)])
@pytest.mark.parametrize("active_low", [False, True])
def test_closing_leaves_the_fail_safe_level_whatever_it_was_doing(pins: Any, when_closed: str, last: int, active_low: bool) -> None:
    for asked in (0, 1, 2):
        barrier = RelayBarrier(PIN, LONG_MS, active_low, when_closed, pin_factory=pins)
        assert pins.pin(PIN).state == int(active_low)  # at rest from its first moment
        for _ in range(asked):
            barrier.let_through()
        barrier.close()
        assert pins.pin(PIN).state == (last ^ int(active_low))
        assert pins.pin(PIN).function == "input"  # let go: from here on the wiring decides


def test_a_relay_that_fails_is_told_at_the_next_call(pins: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    barrier = RelayBarrier(PIN, pulse_ms=20, pin_factory=pins)

    def gone(_pin: Any, _value: float) -> None:
        raise OSError("chip gone")

    monkeypatch.setattr(TellingPin, "_set_state", gone)
    barrier.let_through()
    barrier._thread.join(10)
    for _ in range(2):
        with pytest.raises(Unplugged, match="does not work any more"):
            barrier.let_through()
    monkeypatch.undo()
    barrier.close()
    assert caplog.messages == ["relay:?pin=5 the relay failed"]
    RelayBarrier(PIN, pin_factory=pins).close()


def test_a_pin_in_use_is_unavailable(pins: Any) -> None:
    barrier = RelayBarrier(PIN, pin_factory=pins)
    with pytest.raises(Unavailable, match="cannot use GPIO5 for the relay"):
        RelayBarrier(PIN, pin_factory=pins)
    barrier.close()


@pytest.mark.parametrize(
    "url, told",
    [
        ("relay:", "no pin is named"),
        ("relay:?pin=5&pulse_ms=0", "pulse_ms='0' is not allowed, give a whole number from 20 to 30000"),
        ("relay:?pin=5&when_closed=ajar", "give one of rest, open"),
        ("door:", "there is no barrier 'door'"),
    ],
)
def test_a_wrong_url_is_refused_before_anything_is_opened(url: str, told: str) -> None:
    with pytest.raises(BadUrl, match=told):
        open_barrier(url)
