"""Answers what is asked over the control socket, in the control server's thread: it changes nothing itself that the consumer owns.

What must be recorded goes the way of every report, through the inbox, and is answered by the consumer.
"""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable, Mapping
from typing import Any

from drivers.indicator import Signal
from edge_agent.device.control import TICKET_TRIED, Tried, came_of
from edge_agent.device.station_words import DECLARE, READER_TEST, READER_TEST_END, Verdict, WhyRefused, declared_message
from firmware import declaration as declarations
from firmware.consumer import Consumer
from firmware.control_server import Asker
from firmware.gate_state import GateState
from firmware.inbox import Inbox
from firmware.reader_tests import ReaderTests
from firmware.reading import Declared, TripOrder
from firmware.setting_up import SIGNALS, SettingUp
from firmware.shown_orders import ShownOrders

log = logging.getLogger(__name__)
Answer = Mapping[str, Any]
_DONE: Answer = {"type": "done"}


class Requests:
    """What may be asked of a running gate.

    Args:
        reports: where declarations and orders go.
        consumer: knows the lanes, the day, and whether there are trips.
        gate_state: whether an operator has closed the gate.
        setting_up: when a ticket is obeyed.
        tests: of readers.
        orders: what the lights show on every light, soon.
        own: what the gate answers itself, by the request's type.
    """

    def __init__(
        self,
        reports: Inbox,
        consumer: Consumer,
        gate_state: GateState,
        setting_up: SettingUp,
        tests: ReaderTests,
        orders: ShownOrders,
        own: Mapping[str, Callable[[Mapping[str, Any]], Answer]],
    ) -> None:
        self._reports = reports
        self._consumer = consumer
        self._gate_state = gate_state
        self._setting_up = setting_up
        self._tests = tests
        self._orders = orders
        self._answers: Mapping[str, Callable[[Mapping[str, Any], Asker], Answer | None]] = {
            "identify": lambda _request, _asker: self._show_which(),
            "test-pattern": lambda _request, _asker: self._begin_pattern(),
            **{name: _alone(answer) for name, answer in own.items()},
            "close": lambda _request, _asker: self._close_gate(closed=True),
            "open": lambda _request, _asker: self._close_gate(closed=False),
            **dict.fromkeys(TripOrder, self._order_trip),
            DECLARE: self._declare,
            READER_TEST: self._tests.begin,
            READER_TEST_END: lambda _request, _asker: self._tests.end(),
            TICKET_TRIED: self._ticket_tried,
        }

    def answer(self, request: Mapping[str, Any], asker: Asker) -> Answer | None:
        """The answer, None when there is none or it comes later."""
        answer = self._answers.get(request["type"])
        return {"type": "refused", "why": "not a request this firmware knows"} if answer is None else answer(request, asker)

    def _show_which(self) -> Answer:
        self._orders.show(Signal.IDENTIFY)
        return _DONE

    def _begin_pattern(self) -> Answer:
        if not self._gate_state.closed:
            return {"type": "refused", "why": "it shows green to whoever comes: close the gate first"}
        self._orders.begin_pattern()
        return _DONE

    def _declare(self, request: Mapping[str, Any], asker: Asker) -> Answer | None:
        at_s = time.monotonic()
        try:
            declaration = declarations.read(request, self._consumer.lanes, self._consumer.today(at_s))
        except declarations.BadRequest as error:
            return {"type": "refused", "why": str(error)}
        except declarations.BadDeclaration as error:
            return declared_message(error.ref, Verdict.REFUSED, WhyRefused.FIELDS, error.problems)
        try:
            self._reports.put(Declared(declaration, at_s, asker.tell), block=False)
        except queue.Full:
            return declared_message(declaration.ref, Verdict.REFUSED, WhyRefused.BUSY)
        return None

    def _order_trip(self, request: Mapping[str, Any], _asker: Asker) -> Answer:
        if not self._consumer.has_trips:
            return {"type": "refused", "why": "this gate has no trips; set vehicle.trips = true in its configuration"}
        try:
            self._reports.put(TripOrder(request["type"]), block=False)
        except queue.Full:
            return {"type": "refused", "why": "the gate is busy; try again"}
        return _DONE

    def _close_gate(self, *, closed: bool) -> Answer:
        """Obeys an operator; the next person is answered by it, the lights follow within a second."""
        try:
            self._gate_state.close_gate(closed)
        except OSError as error:
            return {"type": "refused", "why": f"the state folder cannot be written ({error.strerror}); the gate is as before"}
        log.info("the gate is %s by command", "closed" if closed else "open")
        return _DONE

    def _ticket_tried(self, request: Mapping[str, Any], _asker: Asker) -> None:
        tried = came_of(request)
        if self._setting_up.tried(request.get("text"), joined=tried is Tried.JOINED):
            self._orders.show(SIGNALS[tried])


def _alone(answer: Callable[[Mapping[str, Any]], Answer]) -> Callable[[Mapping[str, Any], Asker], Answer]:
    """The answer to a request whoever asks."""
    return lambda request, _asker: answer(request)
