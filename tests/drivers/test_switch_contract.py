"""What every switch must do, asked of each of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from drivers.catalogue import open_switch
from drivers.errors import BadUrl
from drivers.gpio_switch import GpioSwitch
from drivers.switch import Switch

pytestmark = pytest.mark.timeout(30)


class Bench:
    def __init__(self, make: Callable[[], Switch], be: Callable[[bool], object]) -> None:
        self.make, self.be = make, be
        self.switch = make()


@pytest.fixture(params=["gpio", "fifo"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "fifo":
        path = tmp_path / "door.fifo"
        bench = Bench(lambda: open_switch(f"fifo:{path}"), lambda active: path.write_bytes(b"1\n" if active else b"0\n"))
        yield bench
        bench.switch.close()
    else:
        pins: Any = MockFactory()
        bench = Bench(
            lambda: GpioSwitch(23, bounce_ms=10, pin_factory=pins),
            lambda active: pins.pin(23).drive_low() if active else pins.pin(23).drive_high(),
        )
        yield bench
        bench.switch.close()
        pins.close()


def test_how_it_is_comes_first_then_each_change_with_its_time(bench: Bench) -> None:
    start_s = time.monotonic()
    changes = bench.switch.changes()
    taken = [next(changes)]
    for active in (True, False, True):
        bench.be(active)
        taken.append(next(changes))
    assert [change.active for change in taken] == [False, True, False, True]
    times_s = [start_s, *(change.at_s for change in taken), time.monotonic()]
    assert times_s == sorted(times_s)


def test_the_same_again_is_no_change(bench: Bench) -> None:
    changes = bench.switch.changes()
    next(changes)
    for active in (False, True, True, True):
        bench.be(active)
    assert next(changes).active
    bench.be(False)
    assert not next(changes).active


def test_close_from_another_thread_ends_the_changes(bench: Bench) -> None:
    taking = threading.Event()

    def consume() -> None:
        for _ in bench.switch.changes():
            taking.set()

    consumer = threading.Thread(target=consume)
    consumer.start()
    assert taking.wait(10)
    bench.switch.close()
    consumer.join(10)
    assert not consumer.is_alive()


def test_closing_twice_is_harmless_and_there_are_no_changes_afterwards(bench: Bench) -> None:
    changes = bench.switch.changes()
    next(changes)
    bench.switch.close()
    bench.switch.close()
    assert list(changes) == []
    assert list(bench.switch.changes()) == []


def test_a_closed_switch_can_be_opened_again(bench: Bench) -> None:
    for _ in range(3):
        bench.switch.close()
        bench.switch = bench.make()
    changes = bench.switch.changes()
    next(changes)
    bench.be(True)
    assert next(changes).active


@pytest.mark.parametrize(
    "url, told",
    [
        ("gpio:", "no pin is named"),
        ("gpio:?pin=28", "pin='28' is not allowed"),
        ("gpio:?pin=4&pull=sideways", "pull='sideways' is not allowed, give one of up, down, none"),
        ("fifo:", "name the path after the colon"),
        ("button:4", "there is no switch 'button'"),
    ],
)
def test_a_wrong_url_is_refused_before_anything_is_opened(url: str, told: str) -> None:
    with pytest.raises(BadUrl, match=told):
        open_switch(url)
