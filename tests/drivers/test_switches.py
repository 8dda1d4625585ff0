"""What is special about the single switches: levels, pulls, bouncing contacts, lines that are no level."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from drivers import gpio_switch
from drivers.catalogue import open_switch
from drivers.errors import Unavailable, Unplugged
from drivers.gpio_switch import GpioSwitch

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def pins() -> Iterator[Any]:
    factory = MockFactory()
    yield factory
    factory.close()


@pytest.mark.parametrize("active", ["low", "high"])
@pytest.mark.parametrize("pull", ["up", "down", "none"])
@pytest.mark.parametrize("level", [0, 1])
def test_active_is_a_level_whatever_the_pull(pins: Any, active: str, pull: str, level: int) -> None:
    switch = GpioSwitch(23, active, pull, pin_factory=pins)
    assert pins.pin(23).pull == {"up": "up", "down": "down", "none": "floating"}[pull]
    (pins.pin(23).drive_high if level else pins.pin(23).drive_low)()
    assert next(switch.changes()).active is (level == int(active == "high"))
    switch.close()


def test_a_contact_that_bounces_is_one_change_at_its_first_edge(pins: Any) -> None:
    switch = GpioSwitch(23, bounce_ms=50, pin_factory=pins)
    changes = switch.changes()
    before = next(changes)
    for _ in range(20):
        pins.pin(23).drive_low()
        pins.pin(23).drive_high()
    first_edge_s = switch._edge_s
    pins.pin(23).drive_low()
    after = next(changes)
    assert (before.active, after.active) == (False, True)
    assert after.at_s == first_edge_s
    switch.close()
    assert [change.active for change in changes] == []


def test_a_blip_shorter_than_the_bounce_time_is_nothing(pins: Any) -> None:
    switch = GpioSwitch(23, bounce_ms=20, pin_factory=pins)
    changes = switch.changes()
    next(changes)
    pins.pin(23).drive_low()
    pins.pin(23).drive_high()
    looked = threading.Event()
    settled = switch._settled_s

    def settle() -> float:
        at_s = settled()
        looked.set()
        return at_s

    switch._settled_s = settle  # type: ignore[method-assign]
    taken: list[bool] = []
    consumer = threading.Thread(target=lambda: taken.extend(change.active for change in changes))
    consumer.start()
    assert looked.wait(10)
    switch.close()
    consumer.join(10)
    assert taken == []


def test_a_line_that_never_rests_is_told_as_it_is(pins: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpio_switch, "_LONGEST_BOUNCE_S", 0.05)
    switch = GpioSwitch(23, bounce_ms=40, pin_factory=pins)
    changes = switch.changes()
    next(changes)
    pins.pin(23).drive_low()
    stopping = threading.Event()

    def rattle() -> None:
        while not stopping.wait(0.005):
            switch._edge()

    rattling = threading.Thread(target=rattle)
    rattling.start()
    assert next(changes).active
    stopping.set()
    rattling.join(10)
    switch.close()


def test_an_edge_nobody_told_of_is_made_good(pins: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpio_switch, "_LOOK_AGAIN_S", 0.02)
    switch = GpioSwitch(23, bounce_ms=5, pin_factory=pins)
    changes = switch.changes()
    next(changes)
    pins.pin(23)._change_state(False)  # the level, without the event
    assert next(changes).active
    switch.close()


def test_a_pin_that_cannot_be_read_is_told(pins: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    switch = GpioSwitch(23, pin_factory=pins)

    def gone(_pin: Any) -> int:
        raise OSError("chip gone")

    monkeypatch.setattr(type(pins.pin(23)), "_get_state", gone)
    with pytest.raises(Unplugged, match=r"'gpio:\?pin=23' cannot be read any more"):
        next(switch.changes())
    monkeypatch.undo()
    switch.close()


def test_a_pin_in_use_is_unavailable(pins: Any) -> None:
    switch = GpioSwitch(23, pin_factory=pins)
    with pytest.raises(Unavailable, match="cannot use GPIO23 for the switch"):
        GpioSwitch(23, pin_factory=pins)
    switch.close()
    GpioSwitch(23, pin_factory=pins).close()


def test_lines_that_are_no_level_are_dropped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "door.fifo"
    switch = open_switch(f"fifo:{path}?active=1")
    changes = switch.changes()
    assert next(changes).active
    path.write_bytes(b"on\n\x00\n" + b"x" * 500 + b"\n1\n0\n")
    assert not next(changes).active
    assert [message.partition(": ")[2] for message in caplog.messages] == ["a line was dropped: write 1 or 0"]
    switch.close()


def test_a_path_that_is_no_fifo_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable, match="is not a FIFO"):
        open_switch(f"fifo:{tmp_path}/file")
