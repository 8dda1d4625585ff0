"""What the terminal's screens stand on: the fleet, whose it is, the commands, and the language of now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge_agent.wire.command import Action
from edge_agent.wire.topics import DeviceName
from province.fleet.accounts import Operator
from province.fleet.orders import Ordered, Orders, new_ref
from province.fleet.sight import Sight, State
from province.fleet.views import offered
from province.fleet.words import WORDS
from province.watch.fleet_store import FleetAlert

COLOURS: Mapping[State, str] = {
    State.ALARM: "bold red", State.OFFLINE: "magenta", State.TROUBLE: "yellow", State.SHUT: "grey70", State.WELL: "green",
}  # fmt: skip


class Desk:
    """What the screens show, and do in the operator's name.

    Args:
        sight: started.
        operator: whose organisation is shown, and whether commands may be sent.
        orders: for commands, started; None: none are sent.
        language: to begin with.

    Attributes:
        words: in the language of now.
    """

    def __init__(self, sight: Sight, operator: Operator, orders: Orders | None, language: str) -> None:
        self.sight, self.operator, self.words = sight, operator, WORDS[language]
        self._orders = orders

    def offered(self) -> Sequence[Action]:
        """The commands that may be sent."""
        return () if self._orders is None else offered(self.operator)

    def orders_of(self, name: DeviceName) -> list[Ordered]:
        """What was sent to a device from here."""
        return [] if self._orders is None else self._orders.of(name)

    def order(self, name: DeviceName, action: Action, why: str) -> None:
        """Sends a command; what becomes of it is on the device's screen.

        Raises:
            ProvinceError: it cannot be sent.
        """
        if self._orders is not None:
            self._orders.give(new_ref(), name, action, why, self.operator.name)

    def acknowledge(self, alert: FleetAlert, note: str) -> None:
        """Takes an alert on.

        Raises:
            ProvinceError: it cannot be noted.
        """
        self.sight.acknowledge(self.operator.org, alert.number, self.operator.name, note)
