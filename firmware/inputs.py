"""Watches the gate's contacts (door, tamper switch, buttons, ignition, failing power), each in a thread of its own."""

from __future__ import annotations

import queue
from collections.abc import Callable

from drivers.catalogue import open_switch
from drivers.switch import Switch
from edge_agent.device.settings import InputSettings
from firmware.inbox import Inbox
from firmware.reading import SourceState, Switched
from firmware.said_once import SaidOnce
from firmware.supervised import Supervised

_PUT_S = 1.0


class Input:
    """One contact; `kept` starts and stops it.

    Args:
        settings: the contact as configured.
        reports: where its changes go, as `Switched`.
        pressed: called in this contact's own thread when it is pressed; it may wait.
    """

    def __init__(self, settings: InputSettings, reports: Inbox, pressed: Callable[[], None] = lambda: None) -> None:
        self.settings = settings
        self.state = SourceState.OPENING
        self._reports = reports
        self._pressed = pressed
        self._said = SaidOnce("input")
        self.kept = Supervised[Switch](f"input-{settings.name}", lambda: open_switch(settings.switch), self._watch, self._say)

    def _watch(self, switch: Switch) -> None:
        first = True
        for change in switch.changes():
            self.kept.works()
            report = Switched(self.settings.name, change.active, change.at_s, first)
            first = False
            if report.is_press:
                self._pressed()
            self._put(report)

    def _put(self, report: Switched) -> None:
        while not self.kept.stopping.is_set():
            try:
                self._reports.put(report, timeout=_PUT_S, ahead=self.settings.role == "power-fail")
            except queue.Full:
                continue
            return

    def _say(self, state: SourceState, why: str) -> None:
        self.state = state
        self._said.say(self.settings.name, state, why)
