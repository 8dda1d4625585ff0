"""Who is inside, without knowing who: marks in memory, counts for people.

Only passages whose direction is known (lane, button) move the counts; inferred ones are tallied beside them and never added. The
memory begins empty at each start: those who come out without having been seen coming in are tallied and take nobody away.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from edge_agent.wire.entry import Direction, Known
from firmware.marks import Marker

CAPACITY = 100_000  # about 20 MB at the most; a large market's day is far less


@dataclass(frozen=True, slots=True)
class Last:
    """Somebody's last passage.

    Attributes:
        direction: its direction, known or guessed.
        at_s: when, monotonic seconds.
    """

    direction: Direction
    at_s: float


@dataclass(frozen=True, slots=True)
class Counts:
    """What may be shown to anyone.

    Attributes:
        inside: people whose last passage of known direction was in.
        came, went: passages of known direction since the last reset.
        went_unseen: of those who went, how many had not been seen coming in.
        inferred_in, inferred_out: passages whose direction was only guessed; part of no other number.
    """

    inside: int = 0
    came: int = 0
    went: int = 0
    went_unseen: int = 0
    inferred_in: int = 0
    inferred_out: int = 0


class Presence:
    """Who is inside one gate.

    Args:
        capacity: people remembered at most, above 0; beyond it the longest unseen is forgotten, and no longer counted inside.

    Raises:
        ValueError: capacity is not above 0.

    Example:
        >>> presence = Presence()
        >>> presence.passed("001099012345", Direction.IN, Known.LANE, 0.0)
        >>> presence.counts().inside, presence.last("001099012345").direction
        (1, <Direction.IN: 'in'>)
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        if capacity <= 0:
            raise ValueError(f"capacity must be above 0, got {capacity}")
        self._capacity = capacity
        self.reset()

    def reset(self) -> None:
        """Forgets everybody, under a new key."""
        self._mark = Marker()
        self._last: OrderedDict[bytes, Last] = OrderedDict()
        self._inside: set[bytes] = set()
        self._came = self._went = self._went_unseen = 0
        self._inferred = dict.fromkeys(Direction, 0)

    def last(self, who: str) -> Last | None:
        """Somebody's last passage, None when not seen since the last reset."""
        return self._last.get(self._mark(who))

    def passed(self, who: str, direction: Direction, known: Known, at_s: float) -> None:
        """Notes a passage that is on disk."""
        mark = self._mark(who)
        self._last[mark] = Last(direction, at_s)
        self._last.move_to_end(mark)
        if len(self._last) > self._capacity:
            longest_unseen, _ = self._last.popitem(last=False)
            self._inside.discard(longest_unseen)
        if known is Known.INFERRED:
            self._inferred[direction] += 1
        elif direction is Direction.IN:
            self._came += 1
            self._inside.add(mark)
        else:
            self._went += 1
            self._went_unseen += mark not in self._inside
            self._inside.discard(mark)

    def counts(self) -> Counts:
        """How many."""
        inferred = self._inferred
        return Counts(len(self._inside), self._came, self._went, self._went_unseen, inferred[Direction.IN], inferred[Direction.OUT])
