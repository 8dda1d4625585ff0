"""How often one address, one poster or one account may ask: a burst, then so many a second. In memory, bounded; time is passed in."""

from __future__ import annotations

from collections import OrderedDict


class Pace:
    """Buckets that fill again.

    Args:
        burst: so many at once.
        each_s: then one in so many seconds.
        most: so many are remembered; beyond them the one unseen for longest begins anew.

    Example:
        >>> pace = Pace(burst=2, each_s=1.0)
        >>> [pace.allows("10.0.0.9", at_s) for at_s in (0.0, 0.0, 0.0, 1.0)], pace.allows("10.0.0.8", 0.0)
        ([True, True, False, True], True)
    """

    def __init__(self, burst: int, each_s: float, most: int = 20_000) -> None:
        self._burst, self._each_s, self._most = float(burst), each_s, most
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, who: str, at_s: float) -> bool:
        """Whether one more may come at `at_s`, monotonic seconds; it then counts."""
        left, counted_s = self._left.pop(who, (self._burst, at_s))
        left = min(self._burst, left + max(0.0, at_s - counted_s) / self._each_s)
        allowed = left >= 1
        self._left[who] = (left - 1 if allowed else left, at_s)
        if len(self._left) > self._most:
            self._left.popitem(last=False)
        return allowed
