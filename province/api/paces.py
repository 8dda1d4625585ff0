"""How often may be asked: each client so many a minute, and of one address so many tokens that nobody knows. In memory, bounded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256

from province.web.pace import Pace

PER_MINUTE, AT_ONCE = 600, 60  # of one client
UNKNOWN_AT_ONCE = 30  # tokens that we do not know, of one address; then one a second
_MOST_KNOWN = 4096


class Rates:
    """How often each client has asked: a bucket that fills steadily. Bounded. For many threads.

    Example:
        >>> rates = Rates(lambda: 0.0)
        >>> [rates.wait_s("counter") for _ in range(AT_ONCE + 1)][-2:]
        [0, 1]
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s, self._lock = now_s, threading.Lock()
        self._of: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what was left, and when

    def wait_s(self, name: str) -> int:
        """Counts a request; how long to wait before the next, 0 when it is answered."""
        with self._lock:
            now_s = self._now_s()
            left, at_s = self._of.pop(name, (float(AT_ONCE), now_s))
            left = min(float(AT_ONCE), left + (now_s - at_s) * PER_MINUTE / 60)
            self._of[name] = (left - 1 if left >= 1 else left), now_s
            if len(self._of) > _MOST_KNOWN:
                self._of.popitem(last=False)
        return 0 if left >= 1 else 1


class Strangers:
    """How many tokens that we do not know are looked up for one address; those that were known lately pass. For many threads.

    Example:
        >>> strangers = Strangers(lambda: 0.0)
        >>> strangers.told("ours", known=True)
        >>> tried = [strangers.allows(f"guess {number}", "10.0.0.9") for number in range(UNKNOWN_AT_ONCE + 1)]
        >>> tried[-2:], strangers.allows("ours", "10.0.0.9"), strangers.allows("a guess", "10.0.0.8")
        ([True, False], True, True)
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s, self._pace, self._lock = now_s, Pace(UNKNOWN_AT_ONCE, each_s=1.0), threading.Lock()
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def allows(self, token: str, address: str) -> bool:
        """Whether it is looked up whose this token is."""
        with self._lock:
            return sha256(token.encode()).digest() in self._known or self._pace.allows(address, self._now_s())

    def told(self, token: str, *, known: bool) -> None:
        """Notes what came of it."""
        with self._lock:
            self._known.pop(mark := sha256(token.encode()).digest(), None)
            if known:
                self._known[mark] = None
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
