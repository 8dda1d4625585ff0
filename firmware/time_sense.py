"""Tells the time with how far it may be trusted, and which day's key an entry may be sealed to.

Source: design.md "Time". A wall time below a signed lower bound (the keyring's) cannot be right, whatever the kernel says. A time
that was trusted stays so while it runs on evenly: about nine hours without the network the kernel calls its clock
unsynchronised, and a gate that lost the network would seal everybody to the undated key for no reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from drivers import system_clock
from edge_agent.wire.entry import Clock
from edge_agent.wire.keyring import day_of

_DRIFT_MS = 30_000  # in hours without the network a Raspberry Pi's crystal is a few seconds off at most
_BOUND_TOLERANCE_MS = 5 * 60_000  # the province's clock may be a little ahead of ours


@dataclass(frozen=True, slots=True)
class Now:
    """A moment.

    Attributes:
        wall_ms: milliseconds since 1970 UTC, as far as known.
        boottime_ms: milliseconds since boot.
        clock: how far wall_ms may be trusted.
        day: the civil day in Vietnam, None when the clock is not trusted.
    """

    wall_ms: int
    boottime_ms: int
    clock: Clock
    day: date | None


def _clock_of_the_kernel() -> Clock:
    return Clock(system_clock.clock_state())


class TimeSense:
    """The gate's clock.

    Args:
        always_trusted: the configuration says the operating system's clock is right.
        not_before_ms: a signed lower bound, asked at each look.
        clock: what the kernel says of its clock.
        wall_ms: the wall time.
        boottime_ms: milliseconds since boot.

    Example:
        >>> sense = TimeSense(always_trusted=True, not_before_ms=lambda: 2_000_000, clock=lambda: Clock.RTC, wall_ms=lambda: 1_000)
        >>> sense.now().clock  # before the signed bound: cannot be right
        <Clock.UNKNOWN: 'unknown'>
    """

    def __init__(
        self,
        *,
        always_trusted: bool,
        not_before_ms: Callable[[], int],
        clock: Callable[[], Clock] = _clock_of_the_kernel,
        wall_ms: Callable[[], int] = system_clock.wall_ms,
        boottime_ms: Callable[[], int] = system_clock.boottime_ms,
    ) -> None:
        self._always_trusted = always_trusted
        self._not_before_ms = not_before_ms
        self._clock = clock
        self._wall_ms = wall_ms
        self._boottime_ms = boottime_ms
        self._booted_ms: int | None = None  # the wall time at boot, by the last trusted look

    def now(self) -> Now:
        """This moment."""
        wall_ms = max(0, self._wall_ms())
        boottime_ms = self._boottime_ms()
        booted_ms = wall_ms - boottime_ms
        clock = self._clock()
        runs_on = self._booted_ms is not None and abs(booted_ms - self._booted_ms) <= _DRIFT_MS
        if clock is Clock.UNKNOWN and (self._always_trusted or runs_on):
            clock = Clock.RTC
        if wall_ms + _BOUND_TOLERANCE_MS < self._not_before_ms():
            clock = Clock.UNKNOWN
        if clock is Clock.SYNCHRONISED or (clock is Clock.RTC and self._booted_ms is None):
            self._booted_ms = booted_ms
        day = None if clock is Clock.UNKNOWN else day_of(wall_ms)
        return Now(wall_ms, boottime_ms, clock, day)
