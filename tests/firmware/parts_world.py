"""What stands round a gate in tests: contacts on FIFOs and on mock pins, a display that is looked at, and what a gate told of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import gpiozero
import pytest
from gate_world import Enrolled, wait_until
from gpiozero.pins.mock import MockFactory, MockPin
from PIL import Image

from drivers import oled_display
from drivers.display_face import Face, draw
from edge_agent.device.control import ask_counters
from edge_agent.device.settings import InputSettings, Settings, VehicleSettings
from edge_agent.wire.entry import Kind, Note


class Contact:
    """A contact on a FIFO that is there before the gate is."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path, 0o600)
        self.url = f"fifo:{path}"
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def be(self, active: bool) -> None:
        os.write(self._fd, b"1\n" if active else b"0\n")

    def press(self) -> None:
        os.write(self._fd, b"1\n0\n")

    def close(self) -> None:
        os.close(self._fd)


class Pin(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """A pin whose wire can be torn off."""

    torn: set[int] = set()  # noqa: RUF012 - by BCM number

    def _check(self) -> None:
        if self.info.name in {f"GPIO{number}" for number in Pin.torn}:
            raise gpiozero.PinError("the wire is off")

    def _get_state(self) -> Any:
        self._check()
        return super()._get_state()

    def _set_state(self, value: Any) -> None:
        self._check()
        super()._set_state(value)


@contextmanager
def mock_pins() -> Iterator[MockFactory]:
    """The header of a Pi, its pins at rest."""
    before, Pin.torn = gpiozero.Device.pin_factory, set()
    gpiozero.Device.pin_factory = factory = MockFactory(pin_class=Pin)
    yield factory
    gpiozero.Device.pin_factory = before
    factory.reset()


def levels(factory: MockFactory, number: int) -> list[bool]:
    """What a pin was, change by change."""
    return [bool(state.state) for state in factory.pin(number).states]


class Panel:
    """An OLED as somebody before it sees it: luma's device, as far as our driver uses it."""

    size, mode = (128, 64), "1"

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.picture: Image.Image | None = None
        self.opened = 0
        self.broken = False
        monkeypatch.setattr(oled_display, "_open", self._open)

    def _open(self, *_: object) -> Any:
        self.opened += 1
        return _Glass(self)

    def shows(self, face: Face) -> bool:
        return self.picture is not None and self.picture.tobytes() == draw(face, self.size, self.mode).tobytes()


class _Glass:
    """One opening of the panel."""

    def __init__(self, panel: Panel) -> None:
        self.panel, self.size, self.mode = panel, panel.size, panel.mode

    def display(self, picture: Image.Image) -> None:
        if self.panel.broken:
            raise OSError(121, "Remote I/O error")
        self.panel.picture = picture

    def cleanup(self) -> None:
        self.panel.picture = None


def surrounded(settings: Settings, *inputs: InputSettings, vehicle: VehicleSettings | None = None, **gate: Any) -> Settings:
    """A configuration with contacts, a vehicle and other rules."""
    return replace(settings, gate=replace(settings.gate, **gate), inputs=inputs, vehicle=vehicle or VehicleSettings())


def counters(enrolled: Enrolled) -> dict[str, Any]:
    """What the running gate tells of itself."""
    return ask_counters(enrolled.runtime) or {}


def wait_for_inputs(enrolled: Enrolled) -> None:
    """Waits until every contact is open."""
    wait_until(lambda: set(counters(enrolled).get("inputs", {}).values()) == {"working"}, "the contacts are open")


def notes(enrolled: Enrolled, kind: Kind) -> list[dict[str, str | int]]:
    """The facts of every note of a kind, in order."""
    return [dict(body.facts) for header, body in enrolled.entries() if header.kind is kind and isinstance(body, Note)]
