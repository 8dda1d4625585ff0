"""The gate of a device that belongs to nobody yet: it reads codes for one purpose, to find the enrolment ticket that makes it a member.

Nobody is recorded and nothing is remembered. A ticket's text goes to the agent over the control socket; once the agent has joined, this
ends and the real gate opens. Source: design.md "Enrolment".
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from drivers.indicator import Signal
from drivers.patterns import PATTERNS
from edge_agent.base.notify import Notifier
from edge_agent.device import identity as identities
from edge_agent.device.control import NOT_ENROLLED, TICKET_TRIED, Tried, came_of, ticket_message
from edge_agent.device.identity import Identity
from edge_agent.device.settings import Settings
from edge_agent.wire import ticket
from firmware.codes import sort_code
from firmware.control_server import Asker, ControlServer
from firmware.feedback import Feedback
from firmware.heartbeat import Heartbeat
from firmware.inbox import Inbox
from firmware.other_codes import OtherCode
from firmware.reading import Pulse, Reading, Report, SourceChanged, SourceState, Unread
from firmware.said_once import SaidOnce
from firmware.setting_up import SIGNALS, Unheard
from firmware.sources import Source
from firmware.supervised import stop_all

log = logging.getLogger(__name__)
_LOOK_S = 0.5
_AGAIN_S = 3.0  # a code held up is read many times a second
_JOIN_S = 2.0
_TO_SHOW = 4
_BROKEN = (SourceState.FAULT, SourceState.ENDED)


class Unenrolled:
    """The gate before it has a name.

    Args:
        settings: the configuration.
        stopping: set when the gate should close.
        notifier: told how the gate is.
        faults: the parts that the self-test found at fault, see `first_boot.try_parts`: the light asks for a look.

    Raises:
        drivers.errors.DriverError: an indicator cannot be opened.
        OSError: the control socket cannot be made.
    """

    def __init__(
        self, settings: Settings, stopping: threading.Event, notifier: Notifier | None = None, faults: Collection[str] = ()
    ) -> None:
        self._settings = settings
        self._stopping = stopping
        self._faults = faults
        self._reports = Inbox()
        self._feedback = Feedback(settings.gate, settings.lanes)
        try:
            self._control = ControlServer(settings.device.runtime, self._request)
        except BaseException:
            self._feedback.close()
            raise
        self._sources = [Source(lane, self._reports) for lane in settings.lanes]
        manager = Notifier() if notifier is None else notifier
        self._heartbeat = Heartbeat(manager, self._reports, self._sources, settings.device.runtime, lambda: "waits for an enrolment ticket")
        self._said = SaidOnce("lane")
        self._last_text = ""
        self._last_s = 0.0
        self._untried: str | None = None
        self._unheard = Unheard()
        self._to_show: deque[Signal] = deque(maxlen=_TO_SHOW)
        self._state: Signal | None = None

    def wait(self) -> Identity | None:
        """Returns the identity once there is one, None when told to stop.

        Raises:
            BadIdentity: what enrolment left is damaged.
        """
        log.warning("not enrolled: nobody is recorded; show an enrolment ticket to the reader (gate-province ticket)")
        self._control.start()
        try:
            for source in self._sources:
                source.kept.start()
            while not self._stopping.is_set():
                with suppress(identities.NotEnrolled):
                    identity = identities.load(self._settings.device.state)
                    self._show_joined()
                    return identity
                self._follow_up()
                with suppress(queue.Empty):
                    self._take(self._reports.get(timeout=_LOOK_S))
                self._heartbeat.tick()
            return None
        finally:
            self._close()

    def _take(self, report: Report) -> None:
        match report:
            case Reading():
                self._answer(report)
            case Unread(lane, advice):
                self._feedback.answer(lane, Signal(str(advice)))
            case SourceChanged(lane, state, why):
                self._said.say(lane, state, why)
                self._feedback.source_is(lane, state)
            case Pulse(arrived):
                arrived()

    def _answer(self, reading: Reading) -> None:
        text = reading.data.decode("utf-8", errors="replace")
        now_s = time.monotonic()
        again = text == self._last_text and now_s - self._last_s < _AGAIN_S
        self._last_text, self._last_s = text, now_s
        if again:
            return
        if ticket.looks_like_one(text):
            self._feedback.answer(reading.lane, Signal.IDENTIFY)
            self._untried = text[: ticket.MAX_TEXT_CHARACTERS + 1]
            self._unheard.shown()
        elif isinstance(sort_code(reading.data), OtherCode):
            self._feedback.answer(reading.lane, Signal.NOT_A_PERSON_CODE)
        else:
            self._feedback.answer(reading.lane, Signal.REFUSED)  # it may be a person's code: they must see that nothing was recorded

    def _follow_up(self) -> None:
        """Tells the agent of a ticket until it has tried it, and the people at the gate when it was in vain."""
        untried = self._untried
        if untried is not None and self._unheard.for_too_long(heard=self._control.tell(ticket_message(untried))):
            log.error("a ticket was shown and gate-agent is not there to take it: systemctl status gate-agent")
            self._to_show.append(Signal.NOT_REACHED)
        while self._to_show:
            self._feedback.everywhere(self._to_show.popleft())
        state = self._how_it_waits()
        if state is not self._state:
            self._state = state
            self._feedback.everywhere(state)

    def _how_it_waits(self) -> Signal:
        broken = [state in _BROKEN for state in self._feedback.sources().values()]
        if all(broken):
            return Signal.FAULT  # without a reader no ticket can be read either
        return Signal.WAITING_WITH_FAULT if self._faults or any(broken) else Signal.WAITING

    def _show_joined(self) -> None:
        self._feedback.everywhere(Signal.JOINED)
        self._stopping.wait(PATTERNS[Signal.JOINED].duration_ms / 1000)

    def _request(self, request: dict[str, Any], _asker: Asker) -> Mapping[str, Any] | None:
        """Answers a listener's request, in the control server's thread."""
        if request["type"] == TICKET_TRIED:
            if request.get("text") == self._untried:  # else another ticket was shown meanwhile, and waits for its own answer
                self._untried = None
                if (tried := came_of(request)) is not Tried.JOINED:  # that shows once the identity is on disk
                    self._to_show.append(SIGNALS[tried])
            return None
        if request["type"] == "counters":
            return {"type": "counters", "gate": NOT_ENROLLED, "sources": self._feedback.sources(), "lights": self._feedback.lights()}
        return {"type": "refused", "why": f"this device is not enrolled: {request['type']} is not known here"}

    def _close(self) -> None:
        stop_all([source.kept for source in self._sources], _JOIN_S)
        self._control.stop()
        self._feedback.close()
