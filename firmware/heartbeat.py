"""Feeds systemd's watchdog by a token that travels queue → consumer → outbox, and tells when the gate has begun to read.

Source: design.md "Watchdog". Belongs to the consumer's thread: where that hangs, nothing is sent.
"""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from edge_agent.base.notify import Notifier
from firmware.inbox import Inbox
from firmware.reading import Pulse
from firmware.sources import Source
from firmware.vigil import Vigil

log = logging.getLogger(__name__)
_IN_VAIN = "restarts-in-vain"  # in the runtime folder, which outlives us and not the power


class Heartbeat:
    """The gate's sign of life.

    Args:
        notifier: where it goes.
        reports: the consumer's inbox.
        sources: the lanes'.
        runtime: the runtime folder.
        status: what the gate does, in a few words and without any person.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        notifier: Notifier,
        reports: Inbox,
        sources: Sequence[Source],
        runtime: Path,
        status: Callable[[], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._notifier, self._reports, self._sources, self._status, self._clock = notifier, reports, sources, status, clock
        self._in_vain = runtime / _IN_VAIN
        self._restarts = _read(self._in_vain)
        self._vigil = Vigil(self._restarts, clock)
        self._next_s = 0.0
        self._given_up = False

    def tick(self) -> None:
        """To be called once a second: sends a token when it is time, and says it when the gate has begun to read."""
        if self._notifier.beat_s is None:
            return
        if not self._notifier.is_ready and self._reads():
            self._notifier.ready(self._status())
        if self._clock() >= self._next_s:
            self._next_s = self._clock() + self._notifier.beat_s
            with suppress(queue.Full):  # nobody takes what waits there: that is what the watchdog is for
                self._reports.put(Pulse(self._arrived), block=False)

    def _arrived(self) -> None:
        if self._reads() and self._restarts:
            self._restarts = 0
            self._in_vain.unlink(missing_ok=True)
        if self._vigil.hopeless([source.signs() for source in self._sources]):
            self._give_up()
            return
        self._given_up = False
        self._notifier.status(self._status())
        self._notifier.alive()

    def _reads(self) -> bool:
        return any(source.kept.is_working for source in self._sources)

    def _give_up(self) -> None:
        if self._given_up:
            return
        self._given_up = True
        log.error("no camera or reader has come back: the watchdog starts this service anew")
        with suppress(OSError):
            self._in_vain.write_text(str(self._restarts + 1), encoding="ascii")


def _read(file: Path) -> int:
    try:
        return max(0, int(file.read_text(encoding="ascii")))
    except (OSError, ValueError):
        return 0
