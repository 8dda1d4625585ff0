"""The parts of a gate that a test takes away: how each goes, how one sees that it has gone, and how it comes back."""

from __future__ import annotations

import itertools
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gate_world import BLANK, WAIT_S, Enrolled, Reader, SpyIndicator, ToldCamera, wait_until
from gpiozero.pins.mock import MockFactory
from parts_world import Contact, Panel, Pin, counters, levels, surrounded
from pty_port import PtyPort
from qr_pictures import picture_of
from receivers import rmc

from drivers import oled_display
from drivers.display_face import Face
from drivers.errors import Stalled
from drivers.indicator import Signal
from edge_agent.device.settings import InputSettings, Settings, VehicleSettings
from firmware.person_codes import write_person
from province.demo.synthetic import synthetic_people

EACH = 8  # people at each of the two lanes, half of them while the part is away
_PEOPLE = synthetic_people(2 * EACH + 1)
NUMBERS = [person.id_number for person in _PEOPLE]
CODES = [write_person(person) for person in _PEOPLE]
LAST = CODES[-1]  # of whoever passes where the part was away


class Showing:
    """What is before a camera: the newest picture, thirty times a second, until the camera is closed."""

    def __init__(self) -> None:
        self.picture: Any = BLANK
        self._pause = threading.Event()

    def __iter__(self) -> Iterator[Any]:
        while True:
            yield self.picture
            self._pause.wait(0.03)


class Away(ABC):
    """A part, and how it goes away and comes back."""

    def __init__(self, folder: Path, pins: MockFactory, _patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.reader = Reader(folder / "tty-third")
        self.camera = ""
        self.pins = pins
        self.enrolled = Enrolled(folder / "state", folder / "run")

    def settings(self, settings: Settings) -> Settings:
        """The gate with the part; by itself it has a third lane, which may be the part."""
        return settings

    @property
    def light(self) -> SpyIndicator:
        return SpyIndicator.by_name["third"]

    def works(self) -> bool:
        return bool(counters(self.enrolled)["sources"]["third"] == "working")

    @abstractmethod
    def go(self) -> None:
        """Goes away."""

    @abstractmethod
    def is_away(self) -> bool:
        """Whether the gate has noticed."""

    @abstractmethod
    def come(self) -> None:
        """Comes back."""

    def pass_there(self) -> None:
        """Somebody passes at the third lane, which works."""
        before = self.light.count(Signal.ACCEPTED)
        self.reader.scan(LAST)
        self.light.wait_for(Signal.ACCEPTED, before + 1)

    def close(self) -> None:
        self.reader.unplug()


class StalledCamera(Away):
    def __init__(self, folder: Path, pins: MockFactory, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, pins, monkeypatch)
        self.camera = "told:third"
        self.stalls, self.mended, self.shown = threading.Event(), threading.Event(), Showing()
        ToldCamera.plans["third"] = [self.first(), self.then()]

    def first(self) -> Iterator[Any]:
        yield BLANK
        self.stalls.wait(WAIT_S)
        yield Stalled("no frame for 3 s")

    def then(self) -> Iterator[Any]:
        self.mended.wait(WAIT_S)
        yield from self.shown

    def go(self) -> None:
        self.stalls.set()

    def is_away(self) -> bool:
        return self.light.count(Signal.FAULT) == 1

    def come(self) -> None:
        self.mended.set()

    def pass_there(self) -> None:
        self.shown.picture = picture_of(LAST)
        self.light.wait_for(Signal.ACCEPTED)


class UnpluggedReader(Away):
    def go(self) -> None:
        self.reader.unplug()

    def is_away(self) -> bool:
        return self.light.count(Signal.FAULT) == 1

    def come(self) -> None:
        self.reader.plug()


class FloodingReader(Away):
    """Ten thousand lines of garbage a second, as far as the port takes them."""

    LINES, PAUSE_S = 100, 0.01

    def go(self) -> None:
        os.set_blocking(self.reader._ours, False)
        self._over = threading.Event()
        self._flood = threading.Thread(target=self._pour)
        self._flood.start()

    def _pour(self) -> None:
        numbers = itertools.count()  # each line is another: one that is still held up is not answered twice
        while not self._over.wait(self.PAUSE_S):
            garbage = b"".join(b"0010990%09d|garbage|\r\n" % next(numbers) for _ in range(self.LINES))
            with suppress(BlockingIOError):
                os.write(self.reader._ours, garbage)

    def is_away(self) -> bool:
        return self.light.count(Signal.NOT_A_PERSON_CODE) > 1000

    def come(self) -> None:
        self._over.set()
        self._flood.join()
        os.set_blocking(self.reader._ours, True)
        self.reader.scan(b"")  # the end of what was cut


class LostContact(Away):
    PIN = 16

    def settings(self, settings: Settings) -> Settings:
        return surrounded(settings, InputSettings("lid", "tamper", f"gpio:?pin={self.PIN}&pull=none&active=high&bounce_ms=0"))

    def works(self) -> bool:
        return bool(counters(self.enrolled)["inputs"] == {"lid": "working"})

    def go(self) -> None:
        Pin.torn.add(self.PIN)

    def is_away(self) -> bool:
        return bool(counters(self.enrolled)["inputs"] == {"lid": "fault"})

    def come(self) -> None:
        Pin.torn.clear()


class ChatteringContact(Away):
    """A contact that changes as fast as it can."""

    def settings(self, settings: Settings) -> Settings:
        self.contact = Contact(self.folder / "door")
        return surrounded(settings, InputSettings("door", "door", self.contact.url))

    def works(self) -> bool:
        return bool(counters(self.enrolled)["inputs"] == {"door": "working"})

    def go(self) -> None:
        self._over = threading.Event()
        self._noise = threading.Thread(target=self._chatter)
        self._noise.start()

    def _chatter(self) -> None:
        while not self._over.wait(0.01):
            with suppress(BlockingIOError):
                os.write(self.contact._fd, b"1\n0\nx\n" * 50)

    def is_away(self) -> bool:
        return len(self.enrolled.kinds()) > 60

    def come(self) -> None:
        self._over.set()
        self._noise.join()

    def close(self) -> None:
        super().close()
        self.contact.close()
        assert len(self.enrolled.kinds()) < 60 + 2 * EACH + 10


class LostPosition(Away):
    def settings(self, settings: Settings) -> Settings:
        self.port = PtyPort(self.folder / "tty-gps")
        return surrounded(settings, vehicle=VehicleSettings(position=f"nmea:{self.port.path}"))

    def works(self) -> bool:
        self.port.send(rmc(1).encode())
        return bool(counters(self.enrolled)["position"] == "working")

    def go(self) -> None:
        self.port.unplug()

    def is_away(self) -> bool:
        return bool(counters(self.enrolled)["position"] == "fault")

    def come(self) -> None:
        self.port.replug()

    def close(self) -> None:
        super().close()
        self.port.unplug()


class FailingDisplay(Away):
    def __init__(self, folder: Path, pins: MockFactory, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, pins, monkeypatch)
        monkeypatch.setattr(oled_display, "_ANSWER_S", 0.05)
        self.panel = Panel(monkeypatch)

    def settings(self, settings: Settings) -> Settings:
        return surrounded(settings, display="oled:ssd1306")

    def works(self) -> bool:
        return bool(counters(self.enrolled)["lights"]["display"] == "working" and self.panel.shows(Face(Signal.READY, self.inside())))

    def inside(self) -> int:
        inside = counters(self.enrolled)["presence"]["inside"]
        assert isinstance(inside, int)
        return inside

    def go(self) -> None:
        self.panel.broken = True
        self._answered = 0

    def is_away(self) -> bool:
        if self.light.count(Signal.NOT_A_PERSON_CODE) == self._answered:  # nobody has anything to show before that; one after the other
            self._answered += 1
            self.reader.scan(f"no code {self._answered}")
        return bool(counters(self.enrolled)["lights"]["display"] == "fault")

    def pass_there(self) -> None:
        self.reader.scan(LAST)

    def come(self) -> None:
        self.panel.broken = False


class FailingBarrier(Away):
    """The relay of the third lane, whose wire is off."""

    URL = "relay:?pin=26&pulse_ms=20"
    PIN = 26

    def settings(self, settings: Settings) -> Settings:
        *others, third = settings.lanes
        return replace(settings, lanes=(*others, replace(third, barrier=self.URL)))

    def works(self) -> bool:
        return bool(counters(self.enrolled)["lights"][self.URL] == "working")

    def go(self) -> None:
        self._others = map(write_person, synthetic_people(2000, seed=2))  # for each of whom it should do something
        Pin.torn.add(self.PIN)

    def is_away(self) -> bool:
        self.reader.scan(next(self._others))
        return bool(counters(self.enrolled)["lights"][self.URL] == "fault")

    def come(self) -> None:
        Pin.torn.clear()

    def pass_there(self) -> None:
        self.reader.scan(LAST)
        wait_until(lambda: levels(self.pins, self.PIN)[-2:] == [True, False], "it works for them")


class FailingIndicator(FailingBarrier):
    URL = "gpio:?green=17&red=27"
    PIN = 17

    def settings(self, settings: Settings) -> Settings:
        *others, third = settings.lanes
        return replace(settings, lanes=(*others, replace(third, indicator=self.URL)))


PARTS = [
    StalledCamera, UnpluggedReader, FloodingReader, LostContact, ChatteringContact, LostPosition, FailingDisplay, FailingBarrier,
    FailingIndicator,
]  # fmt: skip
