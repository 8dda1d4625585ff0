"""Sends telemetry while there is a connection: the newest alone, never a queue of old ones.

Telemetry goes with QoS 0: what is lost is said again in half a minute, and a line that was slow must not be full of yesterday's health
when it is well again. A message that is still in hand when the next is due is waited for. In a thread of its own: a look reads the disk.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from edge_agent.health.cadence import LEAST_S, Cadence
from edge_agent.health.own_health import OwnHealth
from edge_agent.link.broker_link import Message
from edge_agent.wire import telemetry
from edge_agent.wire.topics import DeviceName, Leaf

log = logging.getLogger(__name__)
_STOP_S = 2.0


class Reporter:
    """Tells how the device is, again and again.

    Args:
        name: who we are.
        health: looks at the device.
        publish: hands a message to the connection; what it returns tells whether it is still in hand.
        period_s: the time between two when nothing changes, seconds.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        name: DeviceName,
        health: OwnHealth,
        publish: Callable[[Message], Callable[[], bool] | None],
        period_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topic = name.topic(Leaf.TELEMETRY)
        self._health, self._publish, self._clock = health, publish, clock
        self._cadence = Cadence(period_s)
        self._connected = self._was_connected = False
        self._in_hand: Callable[[], bool] | None = None
        self._trouble = ""
        self._stopping, self._wake = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)

    def start(self) -> None:
        """Begins; returns at once."""
        self._thread.start()

    def connection(self, up: bool) -> None:
        """Notes whether there is a connection now."""
        self._connected = up
        self._wake.set()

    def look_now(self) -> None:
        """Something may have changed."""
        self._wake.set()

    def stop(self) -> None:
        """Ends it, and waits a moment for it; a look that hangs on a dead disk is left to the process's end."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)

    def _run(self) -> None:
        rest_s = LEAST_S
        while not self._stopping.is_set():
            self._wake.wait(rest_s)
            self._wake.clear()
            rest_s = LEAST_S
            try:
                rest_s = self.round()
            except Exception as error:  # noqa: BLE001 - health that cannot be told must not end the agent
                if (kind := type(error).__name__) != self._trouble:
                    self._trouble = kind
                    log.error("telemetry cannot be put together (%s): please report it", kind)  # noqa: TRY400 - no trace: it could hold data

    def round(self) -> float:
        """One look, and one message if it is due; returns after how many seconds the next look is."""
        now_s, up = self._clock(), self._connected
        if up and not self._was_connected:
            self._cadence.connected(now_s)
            self._in_hand = None  # with a connection that is gone
        self._was_connected = up
        if not up or (self._in_hand is not None and self._in_hand()):
            return LEAST_S
        states = self._health.states()
        if self._cadence.is_due(now_s, states):
            self._in_hand = self._publish(Message(self._topic, telemetry.encode(self._health.look()), qos=0))
            self._cadence.sent(now_s, states)
        return self._cadence.rest_s(now_s)
