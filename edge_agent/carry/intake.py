"""What the uplink has to do, in order, with a bound on what a broker may put there: a flood must not take the board's memory."""

from __future__ import annotations

import logging
import queue
import threading
from typing import TypeVar

from edge_agent.link.broker_link import Arrived

log = logging.getLogger(__name__)
_Work = TypeVar("_Work")
MAX_MESSAGES = 1000  # more than twice the entries that may be under way, each of which has one receipt
MAX_BYTES = 4 * 1024 * 1024


class Intake(queue.SimpleQueue[_Work]):
    """A queue into which nobody waits to put: a message that finds no room is dropped, all else always fits.

    Every message comes again by itself: a receipt when its entry is sent again, the keyring with the next connection, a certificate when it
    is asked for again. What is not a message (connected, recorded, stop) is never dropped, nor can a broker make much of it.

    Attributes:
        dropped: messages, so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dropped = 0
        self._lock = threading.Lock()
        self._messages = self._bytes = 0

    def put(self, item: _Work, block: bool = True, timeout: float | None = None) -> None:
        """Adds something to do; returns at once."""
        if isinstance(item, Arrived) and not self._has_room(len(item.payload)):
            self.dropped += 1
            if self.dropped.bit_count() == 1:  # 1, 2, 4, 8 …: a flood must not fill the log too
                log.warning(
                    "messages come faster than they can be taken: %d dropped so far, what they said will be sent again", self.dropped
                )
            return
        super().put(item, block, timeout)

    def _has_room(self, size: int) -> bool:
        with self._lock:
            if self._messages >= MAX_MESSAGES or self._bytes + size > MAX_BYTES:
                return False
            self._messages += 1
            self._bytes += size
            return True

    def get(self, block: bool = True, timeout: float | None = None) -> _Work:
        """Takes the oldest.

        Raises:
            queue.Empty: none came for `timeout` seconds.
        """
        item = super().get(block, timeout)
        if isinstance(item, Arrived):
            with self._lock:
                self._messages -= 1
                self._bytes -= len(item.payload)
        return item
