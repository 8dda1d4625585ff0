"""What every indicator must do, asked of each of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin

from drivers.catalogue import open_indicator
from drivers.errors import BadUrl
from drivers.gpio_indicator import GpioIndicator
from drivers.indicator import Indicator, Signal

pytestmark = pytest.mark.timeout(30)


@pytest.fixture(params=["console", "gpio"])
def make(request: pytest.FixtureRequest) -> Iterator[Callable[[], Indicator]]:
    if request.param == "console":
        yield lambda: open_indicator("console:")
    else:
        pins: Any = MockFactory(pin_class=MockPWMPin)
        yield lambda: GpioIndicator(17, 27, 22, 18, pin_factory=pins)
        pins.close()


def test_every_signal_can_be_shown_after_every_other_loud_or_quiet(make: Callable[[], Indicator]) -> None:
    light = make()
    for quiet in (False, True, False):
        light.set_quiet(quiet)
        for one in Signal:
            for other in Signal:
                light.show(one)
                light.show(other)
    light.close()


def test_closing_twice_is_harmless_from_any_thread_and_it_can_be_opened_again(make: Callable[[], Indicator]) -> None:
    for _ in range(3):
        light = make()
        light.show(Signal.ACCEPTED)
        threads = [threading.Thread(target=light.close) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        light.close()
        assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize("url, told", [("gpio:?green=99", "green='99' is not allowed"), ("lamp:", "there is no indicator 'lamp'")])
def test_a_wrong_url_is_refused_before_anything_is_opened(url: str, told: str) -> None:
    with pytest.raises(BadUrl, match=told):
        open_indicator(url)
