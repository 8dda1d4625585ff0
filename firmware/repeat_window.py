"""Tells whether someone was here a moment ago, without remembering who."""

from __future__ import annotations

from collections import OrderedDict

from firmware.marks import Marker


class RepeatWindow:
    """People seen in the last seconds, kept as keyed hashes in memory only.

    Args:
        window_s: how long someone counts as just seen, in seconds, above 0.
        capacity: remembered at most; beyond it the longest unseen is forgotten, so a flood can make us record
            someone twice but never refuse someone.

    Raises:
        ValueError: window_s or capacity is not above 0.

    Example:
        >>> window = RepeatWindow(window_s=5.0)
        >>> [window.saw("001099012345", now_s=t) for t in (0.0, 3.0, 9.0)]
        [False, True, False]
    """

    def __init__(self, window_s: float, capacity: int = 4096) -> None:
        if window_s <= 0 or capacity <= 0:
            raise ValueError(f"window_s and capacity must be above 0, got {window_s} and {capacity}")
        self._window_s = window_s
        self._capacity = capacity
        self._mark = Marker()
        self._last_seen_s: OrderedDict[bytes, float] = OrderedDict()

    def holds(self, who: str, now_s: float) -> bool:
        """Tells whether someone was seen within the window, and notes nothing."""
        before_s = self._last_seen_s.get(self._mark(who))
        return before_s is not None and now_s - before_s < self._window_s

    def saw(self, who: str, now_s: float) -> bool:
        """Notes someone at `now_s` (monotonic seconds) and says whether the window already held them."""
        held = self.holds(who, now_s)
        mark = self._mark(who)
        self._last_seen_s[mark] = now_s
        self._last_seen_s.move_to_end(mark)
        if len(self._last_seen_s) > self._capacity:
            self._last_seen_s.popitem(last=False)
        return held

    def forget(self, who: str) -> None:
        """Forgets someone, seen or not."""
        self._last_seen_s.pop(self._mark(who), None)
