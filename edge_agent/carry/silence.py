"""Tells when a connection that stands but brings no receipts should be made anew. Pure: time is passed in.

A broker may take entries and their receipts may still go nowhere: a node of a cluster that was split off, a session whose subscriptions
are lost, a router that lets some packets through. No keep-alive sees that; a new connection mends it. Where the province itself is
away a new connection mends nothing, so each one that changed nothing doubles the patience.
"""

from __future__ import annotations

import random
from collections.abc import Callable

LONGEST_PATIENCE_S = 3600.0
_SPREAD = 0.5


class Silence:
    """How long nothing has been receipted although something was sent.

    Args:
        patience_s: seconds of silence after which the connection is given up the first time, above 0; up to half of it is added by
            chance, so that many scanners do not come back in one beat.
        chance: gives numbers from 0 to 1.

    Raises:
        ValueError: patience_s is not above 0.

    Example:
        >>> silence = Silence(10.0, chance=lambda: 0.0)
        >>> silence.sent(now_s=0.0), silence.is_over(now_s=9.9), silence.is_over(now_s=10.0)
        (None, False, True)
        >>> silence.sent(now_s=20.0), silence.is_over(now_s=39.9), silence.is_over(now_s=40.0)
        (None, False, True)
    """

    def __init__(self, patience_s: float, chance: Callable[[], float] = random.random) -> None:
        if patience_s <= 0:
            raise ValueError(f"patience_s must be above 0, got {patience_s}")
        self._first_patience_s = patience_s
        self._patience_s = patience_s
        self._chance = chance
        self._over_s: float | None = None

    def sent(self, now_s: float) -> None:
        """Notes that an entry was sent: silence begins, if it has not yet."""
        if self._over_s is None:
            self._over_s = now_s + self._patience_s * (1 + _SPREAD * self._chance())

    def heard(self) -> None:
        """Notes a receipt: the way to the province and back is whole."""
        self._over_s = None
        self._patience_s = self._first_patience_s

    def restart(self) -> None:
        """Notes that the connection began or ended: silence begins with what is sent next."""
        self._over_s = None

    def is_over(self, now_s: float) -> bool:
        """Tells whether to connect anew; told once, and the next silence may be twice as long, up to an hour."""
        if self._over_s is None or now_s < self._over_s:
            return False
        self._over_s = None
        self._patience_s = min(2 * self._patience_s, max(LONGEST_PATIENCE_S, self._first_patience_s))
        return True
