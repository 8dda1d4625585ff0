"""What `gate-agent run` does on a device that belongs to nobody yet: takes the tickets that firmware scans, until one lets it join."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from edge_agent.base.disk import told
from edge_agent.device import device_keys
from edge_agent.device.control import BadMessage, ControlClient, Tried, scanned_ticket, tried_message
from edge_agent.enrolment import join
from edge_agent.wire.ticket import fingerprint, shown

log = logging.getLogger(__name__)
_LOOK_S = 0.5


class Stopped(Exception):
    """The agent was told to stop before it had joined."""


class WaitingToJoin:
    """Waits for a ticket that works. The caller holds the agent's lock.

    Args:
        state: the device's state folder.
        runtime: where firmware's control socket is.
        stopping: set when the agent should end.
        alive: called every half second while it waits.
    """

    def __init__(self, state: Path, runtime: Path, stopping: threading.Event, alive: Callable[[], None] = lambda: None) -> None:
        self._state = state
        self._runtime = runtime
        self._stopping = stopping
        self._alive = alive
        self._scanned: str | None = None

    def join(self) -> None:
        """Returns once this device is a member, by whichever way (a stick may be quicker).

        Raises:
            Stopped: told to stop.
            BadIdentity, OSError: the state folder cannot be used.
        """
        keys = device_keys.load_or_make(self._state)
        log.info("not enrolled: waiting for a ticket; this device's key is %s", shown(fingerprint(keys.signing.public_key())))
        while not self._stopping.is_set():
            self._alive()
            with suppress(OSError, BadMessage), closing(ControlClient(self._runtime, timeout_s=_LOOK_S)) as client:
                while not self._stopping.is_set() and not self._read(client):
                    if self._scanned is not None and self._try(client):
                        return
            self._stopping.wait(_LOOK_S)
        raise Stopped

    def _read(self, client: ControlClient) -> bool:
        """Notes a ticket that comes within a moment; True when firmware is gone."""
        self._alive()
        try:
            message = client.receive()
        except TimeoutError:
            return False
        if message is not None:
            self._scanned = scanned_ticket(message) or self._scanned
        return message is None

    def _try(self, client: ControlClient) -> bool:
        text, self._scanned = self._scanned or "", None

        def wait(seconds: float) -> bool:
            """Goes on listening meanwhile: another ticket is tried instead of this one."""
            until_s = time.monotonic() + seconds
            gone = False
            while time.monotonic() < until_s and not (gone or self._stopping.is_set()):
                gone = self._read(client)
                if self._scanned == text:
                    self._scanned = None
                if self._scanned is not None:
                    return True
            return gone or self._stopping.is_set()

        tried = Tried.JOINED
        try:
            granted = join.until_answered(text, self._state, wait, lambda why: log.warning("%s", why))
        except join.FAILURES as error:
            tried = join.what_came(error)
            why = told(error, self._state) if isinstance(error, OSError) else error
            log.error("not joined: %s", why)  # noqa: TRY400 - a message for people
        else:
            log.info("joined as %s at %s, %s", granted.name, granted.site, granted.gate)
        with suppress(OSError):
            client.send(tried_message(text, tried))
        return tried is Tried.JOINED
