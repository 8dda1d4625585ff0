"""The trips of a vehicle: when one begins and ends, and under which name. Pure: time is passed in.

A trip is what its passengers share: the province asks who was on board together. It begins with the ignition or by command, and ends
at the terminus (by command or button) or when the ignition has been off for a while: an engine stopped at a red light ends nothing,
nor does a button pressed once more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

PRESSED_AGAIN_S = 60.0  # no trip is that short: a terminus button that chatters, or a driver who is not sure, ends none


class Why(StrEnum):
    """What began or ended a trip."""

    IGNITION = "ignition"
    COMMAND = "command"
    TERMINUS = "terminus"
    LOST = "lost"  # the power went, and nobody knows what the vehicle did meanwhile


@dataclass(frozen=True, slots=True)
class TripChange:
    """A trip that has begun or ended.

    Attributes:
        trip: its name.
        began: True when it begins, False when it ends.
        why: the cause.
    """

    trip: str
    began: bool
    why: Why

    def facts(self) -> dict[str, str | int]:
        """What the province is told."""
        return {"what": "trip-begin" if self.began else "trip-end", "trip": self.trip, "why": str(self.why)}


class Trips:
    """The trips of one vehicle.

    Args:
        new_name: makes the name of a trip that begins now, 1 to 100 characters, never the same twice.
        linger_s: how long the ignition must be off before the trip ends, in seconds, 0 and above.
        running: the trip that was not over when the power went, None when there was none.

    Raises:
        ValueError: linger_s is below 0.

    Example:
        >>> trips = Trips(iter(("morning", "noon")).__next__, linger_s=120)
        >>> [change.facts()["what"] for change in trips.ignition(on=True, now_s=0)], trips.current
        (['trip-begin'], 'morning')
        >>> trips.ignition(on=False, now_s=600), trips.tick(now_s=660), trips.current
        ([], [], 'morning')
        >>> [change.why for change in trips.tick(now_s=720)], trips.current
        ([<Why.IGNITION: 'ignition'>], None)
    """

    def __init__(self, new_name: Callable[[], str], linger_s: float, running: str | None = None) -> None:
        if linger_s < 0:
            raise ValueError(f"linger_s must be 0 or above, got {linger_s}")
        self._new_name = new_name
        self._linger_s = linger_s
        self._ignition: bool | None = None  # not told yet
        self._off_since_s: float | None = None
        self._began_s = -math.inf  # of one that ran when the power went, nobody knows
        self.current = running

    def ignition(self, *, on: bool, now_s: float) -> list[TripChange]:
        """Takes in the ignition's state, as often as one likes, at `now_s` (monotonic seconds)."""
        ended = self.tick(now_s)  # what was due before this
        was, self._ignition = self._ignition, on
        if on:
            self._off_since_s = None
            return ended if self.current else [*ended, self._begin(Why.IGNITION, now_s)]
        if was is not False:
            self._off_since_s = now_s
        return [*ended, *self.tick(now_s)]

    def tick(self, now_s: float) -> list[TripChange]:
        """Lets time pass."""
        if self.current is None or self._off_since_s is None or now_s - self._off_since_s < self._linger_s:
            return []
        return [self._end(Why.IGNITION)]

    def begin(self, now_s: float) -> list[TripChange]:
        """A trip begins by command, and one that is running ends; an ignition that was off before does not end it."""
        self._off_since_s = None
        ended = [self._end(Why.COMMAND)] if self.current else []
        return [*ended, self._begin(Why.COMMAND, now_s)]

    def end(self, why: Why = Why.COMMAND) -> list[TripChange]:
        """The trip ends by command, or because nobody knows whether it still runs."""
        return [self._end(why)] if self.current else []

    def terminus_pressed(self, now_s: float) -> list[TripChange]:
        """The terminus button was pressed; see `terminus`. A trip that has only just begun goes on."""
        return self.terminus(now_s) if now_s - self._began_s >= PRESSED_AGAIN_S else []

    def terminus(self, now_s: float) -> list[TripChange]:
        """The vehicle is at its terminus, says an operator: the trip ends, and the next begins where the engine runs on."""
        if self.current is None:
            return []
        ended = self._end(Why.TERMINUS)
        return [ended, self._begin(Why.TERMINUS, now_s)] if self._ignition else [ended]

    def _begin(self, why: Why, now_s: float) -> TripChange:
        self.current, self._began_s = self._new_name(), now_s
        return TripChange(self.current, True, why)

    def _end(self, why: Why) -> TripChange:
        assert self.current is not None  # noqa: S101 - every caller has looked
        ended, self.current = self.current, None
        return TripChange(ended, False, why)
