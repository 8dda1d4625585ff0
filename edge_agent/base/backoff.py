"""How long to wait before connecting again. Pure: what came of connections is passed in.

"Decorrelated jitter": each wait is drawn between the shortest and three times the one before, so that a thousand scanners that lost
one broker do not come back in one beat, and a broker that stays away is asked once a minute. The first wait after a connection that was of
use is drawn from a wider span: a broker that is started again loses all its clients at the same moment, and each TLS handshake costs it
milliseconds (tests/fleet: 860 came within the same second).
"""

from __future__ import annotations

import random
from collections.abc import Callable

_SPREAD = 6


class BackOff:
    """The waits of one client.

    Args:
        first_s: the shortest wait, above 0.
        longest_s: the longest, not below the shortest.
        draw: a random number between two bounds.

    Raises:
        ValueError: the bounds are not so.

    Example:
        >>> waits = BackOff(0.5, 60.0, draw=max)
        >>> [waits.next_s() for _ in range(6)], waits.next_s(useful=True)
        ([1.5, 4.5, 13.5, 40.5, 60.0, 60.0], 3.0)
    """

    def __init__(self, first_s: float, longest_s: float, draw: Callable[[float, float], float] = random.uniform) -> None:
        if not 0 < first_s <= longest_s:
            raise ValueError(f"needs 0 < first_s <= longest_s, got {first_s} and {longest_s}")
        self._first_s = first_s
        self._longest_s = longest_s
        self._draw = draw
        self._wait_s = first_s

    def next_s(self, *, useful: bool = False) -> float:
        """The next wait.

        Args:
            useful: the connection that has ended was of use. Waits are short again then; not after one that a broker accepted only to
                drop it, however often it does.
        """
        span_s = self._first_s * _SPREAD if useful else self._wait_s * 3
        self._wait_s = min(self._longest_s, self._draw(self._first_s, span_s))
        return self._wait_s
