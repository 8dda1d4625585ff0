"""Tells the time to the agent if it can be trusted, and nothing otherwise.

Source: design.md "Time". Whether the province's certificates are in their time is judged by a trusted clock only; without one, by the
signed lower bound alone: at 1970 nothing is "not yet valid". Where the service may not ask the kernel itself (`ProtectClock=` forbids even
that), firmware's word counts, which it repeats each second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from drivers import system_clock
from edge_agent.wire.entry import Clock

_WORD_S = 10.0
_TOLERANCE_MS = 5 * 60_000  # the province's clock may be a little ahead of ours


class ToldClock:
    """What firmware says of the clock; may be used from any thread.

    Args:
        clock: monotonic seconds.

    Example:
        >>> told = ToldClock(clock=lambda: 5.0)
        >>> told.heard({"type": "counters", "clock": "synchronised"})
        >>> told.is_set()
        True
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: tuple[bool, float] = (False, 0.0)

    def heard(self, message: Mapping[str, Any]) -> None:
        """Takes in what firmware says; of its messages only the counters tell."""
        if message["type"] == "counters":
            self._last = message.get("clock") in {Clock.SYNCHRONISED, Clock.RTC}, self._clock()

    def is_set(self) -> bool:
        """Whether the wall clock was set, by what firmware said a moment ago."""
        was_set, at_s = self._last
        return was_set and self._clock() - at_s < _WORD_S


def trusted_ms(not_before_ms: int, *, always: bool = False, told: Callable[[], bool] = lambda: False) -> int | None:
    """The wall time in milliseconds since 1970 UTC, or None when it cannot be trusted.

    Args:
        not_before_ms: a signed lower bound; a clock before it is certainly wrong.
        always: the configuration says that the operating system's clock is right.
        told: whether somebody who may ask the kernel says that the clock was set; asked where we may not.
    """
    wall_ms = system_clock.wall_ms()
    if wall_ms + _TOLERANCE_MS < not_before_ms or not (always or _is_set(told)):
        return None
    return wall_ms


def _is_set(told: Callable[[], bool]) -> bool:
    try:
        return system_clock.clock_state() != "unknown"
    except OSError:
        return told()
