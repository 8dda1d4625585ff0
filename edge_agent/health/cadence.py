"""Says when telemetry is due: every so often, sooner when something has changed, and never all devices at once. Pure.

Source: design.md "MQTT". A broker that starts again meets all its devices within seconds; each waits a while of its own before its first
telemetry and, once that is sent, for the second; then it keeps a beat that drifts.
"""

from __future__ import annotations

import random
from collections.abc import Callable

LEAST_S = 5.0  # between two, whatever changes
_DRIFT = 0.1


class Cadence:
    """One device's beat.

    Args:
        period_s: the time between two when nothing changes, seconds.
        chance: a number from 0 to 1, another each time.

    Example:
        >>> cadence = Cadence(30.0, chance=lambda: 0.5)
        >>> cadence.connected(100.0)
        >>> [cadence.is_due(at_s, "open") for at_s in (100.0, 102.6)]
        [False, True]
        >>> cadence.sent(102.6, "open")
        >>> [cadence.is_due(at_s, "open") for at_s in (120.0, 120.2)]
        [False, True]
        >>> cadence.sent(120.2, "open")
        >>> [cadence.is_due(*look) for look in ((150.0, "open"), (150.3, "open"), (122.0, "shut"), (125.3, "shut"))]
        [False, True, False, True]
    """

    def __init__(self, period_s: float, chance: Callable[[], float] = random.random) -> None:
        self._period_s = period_s
        self._chance = chance
        self._sent_s = self._due_s = float("inf")
        self._told: object = None
        self._phase_drawn = False

    def connected(self, now_s: float) -> None:
        """Begins anew: what was told before may never have come."""
        self._due_s, self._sent_s = now_s + LEAST_S * self._chance(), float("inf")
        self._phase_drawn = False

    def sent(self, now_s: float, told: object) -> None:
        """Notes what was sent."""
        self._sent_s, self._told = now_s, told
        if self._phase_drawn:
            self._due_s = now_s + self._period_s * (1 + _DRIFT * (2 * self._chance() - 1))
        else:  # all that a broker met within seconds are spread over the whole period
            self._due_s = now_s + LEAST_S + max(0.0, self._period_s - LEAST_S) * self._chance()
            self._phase_drawn = True

    def rest_s(self, now_s: float) -> float:
        """How long nothing is due unless something changes; at most `LEAST_S`, after which it is worth a look whether it has."""
        return min(LEAST_S, max(0.0, self._due_s - now_s))

    def is_due(self, now_s: float, would_tell: object) -> bool:
        """Whether to send now.

        Args:
            now_s: monotonic seconds.
            would_tell: the states that it would tell; another than the last time makes it due sooner.
        """
        return now_s >= self._due_s or (would_tell != self._told and now_s >= self._sent_s + LEAST_S)
