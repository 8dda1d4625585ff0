"""Decides which waiting entries to send when: oldest first, so many at once, again when no receipt comes. Pure: time is passed in.

It walks the outbox in passes. An entry is in the window from its sending until its receipt or its time-out; a timed-out entry
leaves the window (so that one the province never receipts blocks nobody) and is met again by the next pass. While nothing at
all is receipted the time-out doubles, so that a province that is away is not flooded. Where a pass is far behind, what was recorded
since the connection began need not wait for it: it gets one turn in four. What is still in the connection's hands does not
time out: on a thin line sending it again would put ever more copies before what is new.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

LONGEST_TIMEOUT_S = 600.0
_TURNS_FOR_OLD = 3  # to one for new


class SendWindow:
    """What is under way between the outbox and the province. Memory is bounded by `size`.

    Args:
        size: entries sent and not yet receipted at most, above 0.
        timeout_s: seconds without a receipt after which an entry leaves the window, above 0.

    Raises:
        ValueError: size or timeout_s is not above 0.

    Example:
        >>> window = SendWindow(size=2, timeout_s=10)
        >>> window.room(), window.after
        (2, 0)
        >>> window.sent(1, now_s=0.0), window.sent(2, now_s=0.0), window.room()
        (None, None, 0)
        >>> window.settled(1, 2), window.room(), window.after
        (None, 2, 2)
    """

    def __init__(self, size: int, timeout_s: float) -> None:
        if size <= 0 or timeout_s <= 0:
            raise ValueError(f"size and timeout_s must be above 0, got {size} and {timeout_s}")
        self._size = size
        self._base_timeout_s = timeout_s
        self._timeout_s = timeout_s
        self._due_s: OrderedDict[int, float] = OrderedDict()  # ordinal → when it times out, in that order
        self._in_hand: dict[int, Callable[[], bool]] = {}
        self._doubles_from_s = float("-inf")  # the time-out doubles once a silent round, not once an entry
        self.after = 0  # the pass has sent everything up to this ordinal
        self._left_behind = False  # the pass has passed an entry that timed out
        self._next_pass_s: float | None = None
        self._new_after: int | None = None  # entries after this ordinal are new, and those up to it that were new have been sent
        self._turns = _TURNS_FOR_OLD

    def restart(self) -> None:
        """Begins a new pass from the oldest entry: the connection is new, and what was under way may be lost."""
        self._due_s.clear()
        self._in_hand.clear()
        self.after = 0
        self._left_behind = False
        self._next_pass_s = None
        self._new_after = None
        self._turns = _TURNS_FOR_OLD

    def new_entries(self, newest: Callable[[], int]) -> tuple[int, int]:
        """Which new entries may go before the old ones now.

        Args:
            newest: tells the ordinal of the newest entry there is; asked once a connection.

        Returns:
            The ordinal after which they begin, and how many; none once the pass has come there itself.
        """
        if self._new_after is None:
            self._new_after = newest()
        if self.after >= self._new_after:
            self._new_after = self.after
            return self.after, 0
        return self._new_after, min(self.room(), self._turns // _TURNS_FOR_OLD)

    def room(self) -> int:
        """How many more entries may be sent now."""
        return self._size - len(self._due_s)

    def under_way(self, ordinal: int) -> bool:
        """Tells whether an entry is in the window."""
        return ordinal in self._due_s

    def sent(self, ordinal: int, now_s: float, in_hand: Callable[[], bool] | None = None) -> None:
        """Notes that the entry with this ordinal was handed to the connection.

        Args:
            ordinal: which.
            now_s: monotonic seconds.
            in_hand: tells whether the broker does not have it yet; None when nobody knows.
        """
        self._due_s[ordinal] = now_s + self._timeout_s
        if in_hand is not None:
            self._in_hand[ordinal] = in_hand
        self.after = max(self.after, ordinal)
        self._turns = min(self._turns + 1, max(self._size, _TURNS_FOR_OLD))

    def sent_new(self, ordinal: int, now_s: float, in_hand: Callable[[], bool] | None = None) -> None:
        """Notes that a new entry was handed to the connection before older ones."""
        pass_at, turns = self.after, self._turns
        self.sent(ordinal, now_s, in_hand)
        self.after, self._turns = pass_at, turns - _TURNS_FOR_OLD
        self.passed_new(ordinal)

    def passed_new(self, ordinal: int) -> None:
        """Notes that a new entry need not be sent before older ones."""
        self._new_after = ordinal

    def passed(self, ordinal: int) -> None:
        """Notes that the pass has met an entry that is still under way and need not be sent now."""
        self.after = max(self.after, ordinal)

    def settled(self, first: int, last: int) -> None:
        """Notes that the outbox has forgotten ordinals `first` to `last`: the province is there, time-outs are short again."""
        if last - first >= len(self._due_s):
            for ordinal in [ordinal for ordinal in self._due_s if first <= ordinal <= last]:
                self._leave(ordinal)
        else:
            for ordinal in range(first, last + 1):
                self._leave(ordinal)
        excess_s = self._timeout_s - self._base_timeout_s
        if excess_s:  # what went out while time-outs were long comes due sooner too
            self._due_s = OrderedDict((ordinal, due_s - excess_s) for ordinal, due_s in self._due_s.items())
        self._timeout_s, self._doubles_from_s = self._base_timeout_s, float("-inf")

    def _leave(self, ordinal: int) -> None:
        self._due_s.pop(ordinal, None)
        self._in_hand.pop(ordinal, None)

    def reached_end(self, now_s: float) -> None:
        """Notes that the pass has met the end of the outbox: what timed out on the way is due again after a time-out."""
        if self._left_behind and self._next_pass_s is None:
            self._next_pass_s = now_s + self._timeout_s

    def tick(self, now_s: float) -> None:
        """Lets time-outs happen, and starts the next pass when it is due."""
        expired = False
        while self._due_s and next(iter(self._due_s.values())) <= now_s:
            ordinal = next(iter(self._due_s))
            if (in_hand := self._in_hand.get(ordinal)) is not None and in_hand():
                self._due_s[ordinal] = now_s + self._timeout_s
                self._due_s.move_to_end(ordinal)
            else:
                self._leave(ordinal)
                expired = True
        if expired:
            self._left_behind = True
        if expired and now_s >= self._doubles_from_s:
            self._doubles_from_s = now_s + self._timeout_s
            self._timeout_s = min(self._timeout_s * 2, LONGEST_TIMEOUT_S)
        if self._next_pass_s is not None and self._next_pass_s <= now_s:
            self.after = 0
            self._left_behind = False
            self._next_pass_s = None

    def next_due_s(self) -> float | None:
        """When `tick` has something to do next, None when only an event can bring work."""
        dues = [next(iter(self._due_s.values()))] if self._due_s else []
        if self._next_pass_s is not None:
            dues.append(self._next_pass_s)
        return min(dues, default=None)
