"""Answers what listeners on the control socket ask for: counters, orders of an operator, trips, a configuration to be looked at."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.indicator import Signal
from edge_agent.control import TICKET_TRIED
from firmware.configuration import overlay_problems
from firmware.gate_state import GateState
from firmware.happenings import Happenings
from firmware.inbox import Inbox
from firmware.reading import TripOrder
from firmware.setting_up import SettingUp
from firmware.shown_orders import ShownOrders

log = logging.getLogger(__name__)
_MOST_PROBLEMS, _PROBLEM_CHARACTERS = 20, 500
_DONE = {"type": "done"}


@dataclass(frozen=True, slots=True)
class Requests:
    """Whoever answers; called in the control server's thread.

    Attributes:
        source: gate.toml.
        restart: ends this process, for another to begin.
        counters: how the gate is.
    """

    source: Path
    gate_state: GateState
    orders: ShownOrders
    setting_up: SettingUp
    happenings: Happenings
    reports: Inbox
    restart: Callable[[], None]
    counters: Callable[[], Mapping[str, Any]]

    def answer(self, request: dict[str, Any]) -> Mapping[str, Any] | None:  # noqa: PLR0911 - one return an answer
        """The answer to one request, None where none is due."""
        match request["type"]:
            case "counters":
                return self.counters()
            case "identify" | "test-pattern" | "setup" | "restart" as wanted:
                return self._order(wanted)
            case "check-config":
                wanted = request.get("tables")
                return {"type": "config-checked", "problems": self._check_config(wanted if isinstance(wanted, dict) else {})}
            case "close" | "open" as wanted:
                return self._close_gate(closed=wanted == "close")
            case "trip-begin" | "trip-end" | "trip-terminus" as wanted:
                return self._order_trip(TripOrder(wanted))
            case str(word) if word == TICKET_TRIED:
                joined = request.get("joined") is True
                if self.setting_up.tried(request.get("text"), joined=joined) and not joined:
                    self.orders.show(Signal.REFUSED)
                return None
            case _:
                return {"type": "refused", "why": "not a request this firmware knows"}

    def _order(self, wanted: str) -> Mapping[str, Any]:
        match wanted:
            case "identify":
                self.orders.show(Signal.IDENTIFY)
            case "test-pattern" if not self.gate_state.closed:
                return {"type": "refused", "why": "it shows green to whoever comes: close the gate first"}
            case "test-pattern":
                self.orders.begin_pattern()
            case "setup":
                log.warning("set up by command: for ten minutes this gate obeys an enrolment ticket")
                begin_to_set_up(self.setting_up, self.orders)
            case "restart":
                log.warning("a restart was ordered: the gate closes, and this process ends")
                self.restart()
        return _DONE

    def _check_config(self, wanted: Mapping[str, Any]) -> list[str]:
        return [problem[:_PROBLEM_CHARACTERS] for problem in overlay_problems(self.source, wanted)][:_MOST_PROBLEMS]

    def _order_trip(self, order: TripOrder) -> Mapping[str, Any]:
        if not self.happenings.has_trips:
            return {"type": "refused", "why": "this gate has no trips; set vehicle.trips = true in its configuration"}
        try:
            self.reports.put(order, block=False)
        except queue.Full:
            return {"type": "refused", "why": "the gate is busy; try again"}
        return _DONE

    def _close_gate(self, *, closed: bool) -> Mapping[str, Any]:
        """Obeys an operator; the next person is answered by it, the lights follow within a second."""
        try:
            self.gate_state.close_gate(closed)
        except OSError as error:
            return {"type": "refused", "why": f"the state folder cannot be written ({error.strerror}); the gate is as before"}
        log.info("the gate is %s by command", "closed" if closed else "open")
        return _DONE


def begin_to_set_up(setting_up: SettingUp, orders: ShownOrders) -> None:
    """From now on a ticket is obeyed, for ten minutes, and the lights show it."""
    setting_up.begin()
    orders.show(Signal.IDENTIFY)
