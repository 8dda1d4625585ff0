"""What the gate knows of its surroundings: its contacts, and for a vehicle the trip and the position; opened and closed together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from edge_agent.device.settings import Settings
from edge_agent.wire.entry import Position
from firmware.happenings import Happenings
from firmware.inbox import Inbox
from firmware.inputs import Input
from firmware.supervised import Supervised, stop_all
from firmware.time_sense import Now
from firmware.vehicle import Vehicle
from firmware.whereabouts import Whereabouts


class Surroundings:
    """The parts beside the lanes.

    Args:
        settings: the configuration.
        reports: where contacts tell their changes.
        boot: the kernel's boot id, 16 bytes.
        now: the time.
        pressed: by role, what a press of such a contact does beside being told; called in the contact's own thread, and not for one
            that is held already when it is opened.
    """

    def __init__(
        self, settings: Settings, reports: Inbox, boot: bytes, now: Callable[[], Now], pressed: Mapping[str, Callable[[], None]]
    ) -> None:
        vehicle = settings.vehicle
        self._vehicle = Vehicle(settings.device.state, boot, vehicle.linger_s, now) if vehicle.trips else None
        self._whereabouts = Whereabouts(vehicle.position, vehicle.position_max_age_s) if vehicle.position else None
        self._inputs = [Input(each, reports, pressed.get(each.role, _nothing)) for each in settings.inputs]
        self.happenings = Happenings(settings.inputs, self._vehicle)

    @property
    def trip(self) -> str | None:
        """The name of the trip the vehicle is on."""
        return None if self._vehicle is None else self._vehicle.trip

    @property
    def position(self) -> Position | None:
        """Where the vehicle is, if that is known now."""
        return None if self._whereabouts is None else self._whereabouts.position()

    def start(self) -> None:
        """Opens everything; returns at once."""
        for part in self._kept():
            part.start()

    def stop(self, timeout_s: float) -> None:
        """Closes everything, and waits so long for each."""
        stop_all(self._kept(), timeout_s)

    def counters(self) -> dict[str, Any]:
        """How the parts are, for the agent and for tools; empty where there are none."""
        shown: dict[str, Any] = {"inputs": {part.settings.name: str(part.state) for part in self._inputs}} if self._inputs else {}
        if self._whereabouts is not None:
            shown["position"] = str(self._whereabouts.state)
            if (near := self._whereabouts.near()) is not None:
                shown["near"] = near
        if self._vehicle is not None:
            shown["trip"] = self._vehicle.trip
        return shown

    def _kept(self) -> list[Supervised[Any]]:
        return [part.kept for part in (*self._inputs, self._whereabouts) if part is not None]


def _nothing() -> None:
    """What most contacts' presses do by themselves."""
