"""Wakes the streams of pages when something has changed, from whichever thread it is told."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Changes:
    """Counts what has changed, and wakes the pages' streams; belongs to the pages' event loop."""

    def __init__(self) -> None:
        self.number = 0
        self._loop = asyncio.get_running_loop()
        self._happened = asyncio.Event()

    def tell(self) -> None:
        """Something has changed; from any thread, and after the loop's end too."""
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(self._wake)

    async def after(self, number: int, timeout_s: float) -> None:
        """Waits until `self.number` is another one, or the time is over."""
        if self.number == number:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._happened.wait(), timeout_s)

    def _wake(self) -> None:
        self.number += 1
        happened, self._happened = self._happened, asyncio.Event()
        happened.set()
