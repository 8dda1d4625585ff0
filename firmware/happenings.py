"""What the gate's contacts mean: which of their changes the province is told, and what the gate does about them. Pure, but for the trip."""

from __future__ import annotations

from edge_agent.device.settings import InputSettings
from firmware.allowance import Allowance, Facts
from firmware.reading import Switched, TripOrder
from firmware.trips import TripChange
from firmware.vehicle import Vehicle

_TOLD = {"tamper", "door", "power-fail"}


class Happenings:
    """The contacts of one gate.

    Args:
        inputs: the contacts as configured.
        vehicle: whose trips the ignition and terminus rule; None at a gate that stands still.

    Example:
        >>> happenings = Happenings((InputSettings("nắp", "tamper", "gpio:?pin=24"),), None)
        >>> happenings.switched(Switched("nắp", False, 1.0)), happenings.switched(Switched("nắp", True, 2.0))
        ([], [{'what': 'tamper', 'part': 'nắp', 'active': 1}])
        >>> happenings.tampered
        True
    """

    def __init__(self, inputs: tuple[InputSettings, ...], vehicle: Vehicle | None) -> None:
        self._roles = {each.name: each.role for each in inputs}
        self._vehicle = vehicle
        self._active: dict[str, bool] = {}
        self._allowances = {each.name: Allowance(each.role, each.name) for each in inputs if each.role in _TOLD}

    def role(self, name: str) -> str:
        """What a contact stands for."""
        return self._roles[name]

    def is_active(self, name: str) -> bool:
        """Whether a contact is active, as far as it has told."""
        return self._active.get(name, False)

    @property
    def tampered(self) -> bool:
        """Whether the case is open: an operator should look."""
        return self._any("tamper")

    @property
    def power_failed(self) -> bool:
        """Whether only the reserve supplies the gate."""
        return self._any("power-fail")

    def begun(self) -> list[Facts]:
        """What is to be recorded when the gate opens."""
        return _facts(self._vehicle.lost) if self._vehicle is not None else []

    def switched(self, report: Switched) -> list[Facts]:
        """Takes in a change and returns what is to be recorded of it; how a contact is at the start is news only if it is active."""
        role, before = self._roles[report.name], self.is_active(report.name)
        self._active[report.name] = report.active
        if self._vehicle is not None and role == "ignition":
            return _facts(self._vehicle.ignition(on=report.active, now_s=report.at_s))
        if report.active == before:
            return []
        if self._vehicle is not None and role == "terminus":
            return _facts(self._vehicle.terminus_pressed(report.at_s)) if report.is_press else []
        return self._allowances[report.name].changed(report.at_s, active=report.active) if role in _TOLD else []

    @property
    def has_trips(self) -> bool:
        """Whether this is a vehicle whose passages belong to trips."""
        return self._vehicle is not None

    def ordered(self, order: TripOrder, now_s: float) -> list[Facts]:
        """Obeys an operator and returns what is to be recorded of it."""
        if self._vehicle is None:
            return []
        match order:
            case TripOrder.BEGIN:
                return _facts(self._vehicle.begin(now_s))
            case TripOrder.END:
                return _facts(self._vehicle.end())
            case TripOrder.TERMINUS:
                return _facts(self._vehicle.terminus(now_s))

    def tick(self, now_s: float) -> list[Facts]:
        """Lets time pass."""
        trips = _facts(self._vehicle.tick(now_s)) if self._vehicle is not None else []
        return trips + [facts for allowance in self._allowances.values() for facts in allowance.tick(now_s)]

    def close(self) -> None:
        """The gate closes, and remembers what it goes on with when it opens again."""
        if self._vehicle is not None:
            self._vehicle.close()

    def _any(self, role: str) -> bool:
        return any(active for name, active in self._active.items() if self._roles[name] == role)


def _facts(changes: list[TripChange]) -> list[Facts]:
    return [change.facts() for change in changes]
