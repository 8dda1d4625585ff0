"""Keeps a source of frames to its frame rate, and ends the wait at once when the source is closed."""

from __future__ import annotations

import time
from threading import Event


class Pacer:
    """Waits for the next frame's time.

    Args:
        fps: frames a second, above 0.
        closed: ends every wait when set.

    Example:
        >>> closed = Event()
        >>> pacer = Pacer(1000.0, closed)
        >>> pacer.wait(), closed.set(), pacer.wait()
        (True, None, False)
    """

    def __init__(self, fps: float, closed: Event) -> None:
        self._period_s = 1 / fps
        self._closed = closed
        self._next_s = time.monotonic()

    def wait(self) -> bool:
        """Waits until the next frame is due; False when the source is closed. A late caller is not made to catch up."""
        now_s = time.monotonic()
        if self._closed.wait(max(0.0, self._next_s - now_s)):
            return False
        self._next_s = max(self._next_s, now_s) + self._period_s
        return True
