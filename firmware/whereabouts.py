"""Knows where a vehicle is now, or that nobody knows: the newest position of its receiver, for as long as it is fresh."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from drivers.catalogue import open_position
from drivers.errors import Stalled
from drivers.position import Fix, NoFix, PositionSource
from edge_agent.wire.entry import Position
from firmware.reading import SourceState
from firmware.said_once import SaidOnce
from firmware.supervised import Supervised

_E7 = 10_000_000
_GRID_M = 200.0
_DEGREE_M = 40_007_863 / 360  # of a meridian, WGS 84


def rounded(latitude: float, longitude: float) -> tuple[float, float]:
    """The nearest point of a grid of 200 m: enough for a desk to see the vehicle on a map, too little to see at whose door it stops.

    Args:
        latitude: degrees north, WGS 84.
        longitude: degrees east.

    Example:
        >>> rounded(21.028511, 105.804817)
        (21.0289, 105.804)
    """
    step = _GRID_M / _DEGREE_M
    north = round(latitude / step) * step
    step_east = step / max(0.01, math.cos(math.radians(north)))
    return round(north, 4), round(round(longitude / step_east) * step_east, 4)


class Whereabouts:
    """A vehicle's receiver of positions; `kept` starts and stops it.

    Args:
        url: its driver URL.
        max_age_s: how old a position may be to go into an entry, seconds, above 0.
        clock: monotonic seconds.
    """

    def __init__(self, url: str, max_age_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._url, self._max_age_s, self._clock = url, max_age_s, clock
        self._newest: Fix | NoFix | None = None  # replaced whole: readers need no lock
        self.state = SourceState.OPENING
        self._said = SaidOnce("position")
        self.kept = Supervised[PositionSource]("position", lambda: open_position(url), self._follow, self._say)

    def position(self) -> Position | None:
        """Where the vehicle is; None when the receiver does not know, or has not said so for `max_age_s`."""
        newest = self._newest
        if not isinstance(newest, Fix) or self._clock() - newest.at_s > self._max_age_s:
            return None
        return Position(round(newest.latitude * _E7), round(newest.longitude * _E7))

    def near(self) -> tuple[float, float] | None:
        """Where the vehicle is, degrees north and east, to 200 m; None as `position`."""
        known = self.position()
        return None if known is None else rounded(known.latitude_e7 / _E7, known.longitude_e7 / _E7)

    def _follow(self, source: PositionSource) -> None:
        try:
            for report in source.fixes():
                self._newest = report
                self.kept.works()
        except Stalled:
            self._newest = None
            raise

    def _say(self, state: SourceState, why: str) -> None:
        self.state = state
        self._said.say(self._url, state, why)
