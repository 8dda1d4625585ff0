"""Listens to firmware beside the uplink, in a thread of its own: a passage is work, a ticket shown in its ten minutes is obeyed."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edge_agent.carry.connecting import Recorded, Stop, Work
from edge_agent.carry.intake import Intake
from edge_agent.device.control import BadMessage, ControlClient, Tried, scanned_ticket, tried_message
from edge_agent.enrolment import join

log = logging.getLogger(__name__)
_REOPEN_S = 1.0


def _move(text: str, state: Path) -> Tried:
    """Obeys a ticket shown to a member: another place, the same name. Firmware says when it may be obeyed."""
    try:
        granted = join.until_answered(text, state, lambda _seconds: True)
    except join.FAILURES as error:
        log.error("the ticket was not obeyed: %s", error)  # noqa: TRY400 - a message for people
        return join.what_came(error)
    log.warning("%s stands at %s, %s now: firmware and agent go on there", granted.name, granted.site, granted.gate)
    return Tried.JOINED


def listen(runtime: Path, state: Path, work: Intake[Work], over: threading.Event, heard: Callable[[Mapping[str, Any]], None]) -> None:
    """Turns firmware's passage messages into work, reconnecting until the agent ends or a ticket has moved it, which ends the work too.

    Args:
        runtime: where the control socket is.
        state: the device's state folder.
        work: told of passages, and of the end.
        over: set at the agent's end.
        heard: called with each message, in this thread; must return at once.
    """
    moved = False
    while not (over.is_set() or moved):
        with contextlib.suppress(OSError, BadMessage):
            client = ControlClient(runtime)
            try:
                work.put(Recorded())
                for message in client.messages():
                    if over.is_set():
                        break
                    heard(message)
                    if message["type"] == "passage":
                        work.put(Recorded())
                    elif (text := scanned_ticket(message)) is not None:
                        tried = _move(text, state)
                        moved = tried is Tried.JOINED
                        client.send(tried_message(text, tried))
                        if moved:
                            break
            finally:
                client.close()
        if not moved:
            over.wait(_REOPEN_S)
    work.put(Stop())
