"""The trip a vehicle is on, kept through restarts, and what of it is to be recorded."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from firmware.time_sense import Now
from firmware.trip_memory import TripMemory, new_name
from firmware.trips import TripChange, Trips, Why

log = logging.getLogger(__name__)


class Vehicle:
    """A vehicle's trips.

    Args:
        state: the device's state folder.
        boot: the kernel's boot id, 16 bytes.
        linger_s: how long the ignition must be off before the trip ends, seconds.
        now: the time.
    """

    def __init__(self, state: Path, boot: bytes, linger_s: float, now: Callable[[], Now]) -> None:
        self._now = now
        self._memory = TripMemory(state, boot)
        self._forgetful = False
        running, runs_on = self._recall()
        self._trips = Trips(lambda: new_name(now()), linger_s, running)
        self.lost = [] if runs_on else self._trips.end(Why.LOST)  # to be recorded once the gate can record

    @property
    def trip(self) -> str | None:
        """The name of the running trip."""
        return self._trips.current

    def ignition(self, *, on: bool, now_s: float) -> list[TripChange]:
        """Takes in the ignition at `now_s` (monotonic seconds); returns what is to be recorded, as all of these do."""
        return self._noted(self._trips.ignition(on=on, now_s=now_s))

    def tick(self, now_s: float) -> list[TripChange]:
        """Lets time pass."""
        return self._noted(self._trips.tick(now_s))

    def terminus_pressed(self, now_s: float) -> list[TripChange]:
        """The terminus button was pressed."""
        return self._noted(self._trips.terminus_pressed(now_s))

    def terminus(self, now_s: float) -> list[TripChange]:
        """The vehicle is at its terminus, by command."""
        return self._noted(self._trips.terminus(now_s))

    def begin(self, now_s: float) -> list[TripChange]:
        """A trip begins by command."""
        return self._noted(self._trips.begin(now_s))

    def end(self) -> list[TripChange]:
        """The trip ends by command."""
        return self._noted(self._trips.end())

    def close(self) -> None:
        """Notes until when the trip is known to have run; to be called last."""
        self._noted([], closing=True)

    def _recall(self) -> tuple[str | None, bool]:
        try:
            return self._memory.recall(self._now())
        except OSError as error:
            log.warning("the running trip cannot be recalled (%s): a new one begins", error.strerror)
            return None, False

    def _noted(self, changes: list[TripChange], *, closing: bool = False) -> list[TripChange]:
        try:
            self._memory.note(self._trips.current, self._now(), closing=closing)
            self._forgetful = False
        except OSError as error:
            if not self._forgetful:
                log.warning("the running trip cannot be noted (%s): it goes on, and a restart would begin a new one", error.strerror)
            self._forgetful = True
        return changes
