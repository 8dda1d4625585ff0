"""How often somebody may guess the PIN: waits that grow with each miss, per address and for all together. Pure: time is passed in."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

FREE = 5  # an address may mistype so often before it waits
FIRST_WAIT_S, LONGEST_WAIT_S = 30.0, 3600.0
ALL_AT_ONCE, ALL_REFILL_S = 30, 120.0  # everybody together: 30 misses, then one in two minutes (8 digits: centuries)
_ADDRESSES = 256
_MOST_KNOWN = 8


@dataclass(slots=True)
class _Misses:
    count: int = 0
    until_s: float = 0.0


class Guesses:
    """The misses of the last hours, in memory only and bounded; an address that is forgotten for want of room still counts for all.

    Example:
        >>> guesses = Guesses()
        >>> for _ in range(6):
        ...     guesses.missed("192.168.1.9", now_s=0.0)
        >>> guesses.wait_s("192.168.1.9", now_s=10.0), guesses.wait_s("192.168.1.8", now_s=10.0)
        (20.0, 0.0)
    """

    def __init__(self) -> None:
        self._of: OrderedDict[str, _Misses] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._room = float(ALL_AT_ONCE)
        self._refilled_s = 0.0

    def wait_s(self, address: str, now_s: float) -> float:
        """How long this address must wait before its next guess is looked at; 0 when it may guess now.

        Where the PIN was entered before, only its own misses count: others who guess do not shut the keeper out.
        """
        misses = self._of.get(address)
        own = 0.0 if misses is None else max(0.0, misses.until_s - now_s)
        everybody = 0.0 if address in self._known else max(0.0, (1.0 - self._room_at(now_s)) * ALL_REFILL_S)
        return max(own, everybody)

    def missed(self, address: str, now_s: float) -> None:
        """Notes a guess before it is looked at, so that guesses at the same time do not slip through; `hit` takes it back."""
        self._room, self._refilled_s = max(0.0, self._room_at(now_s) - 1.0), now_s
        misses = self._of.pop(address, _Misses())
        misses.count += 1
        if misses.count > FREE:
            misses.until_s = now_s + min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(misses.count - FREE - 1, 16))
        self._of[address] = misses
        while len(self._of) > _ADDRESSES:
            self._of.popitem(last=False)

    def hit(self, address: str) -> None:
        """The guess was right: it does not count, and that address begins anew."""
        self._of.pop(address, None)
        self._known[address] = None
        self._known.move_to_end(address)
        while len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        self._room = min(float(ALL_AT_ONCE), self._room + 1.0)

    def _room_at(self, now_s: float) -> float:
        return min(float(ALL_AT_ONCE), self._room + max(0.0, now_s - self._refilled_s) / ALL_REFILL_S)
