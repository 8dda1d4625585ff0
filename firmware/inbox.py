"""What the parts have reported and the consumer has not yet taken, in the order in which it was told, with room for each part.

A part that floods fills its own room: it keeps nobody else's report out, and delays it by so many reports at most. What must not
be delayed at all, a supply that fails, goes before everything else. Who needs the order in which things happened goes by their
times: a press is told when its contact has come to rest, maybe after a code that was read later.
"""

from __future__ import annotations

import queue
from collections import Counter, deque
from threading import Condition, Lock
from typing import TypeAlias

from firmware.reading import Declared, Pulse, Report, Switched, TripOrder

ROOM = 32
TABLE_ROOM = 2  # each declaration is an fsync: whoever shows a code waits for so many of them at most
_Part: TypeAlias = tuple[str, str]
_TABLE: _Part = ("table", "")


class Inbox:
    """Reports of lanes, contacts and operators; the methods are those of `queue.Queue`, the bound is each part's own.

    Args:
        room: how many reports of one part may wait, above 0; of the keeper's declarations `TABLE_ROOM` at most.

    Example:
        >>> from firmware.reading import Reading
        >>> inbox = Inbox(room=1)
        >>> for lane in ("in", "out"):
        ...     inbox.put(Reading(lane, b"1", "serial", 0.0), block=False)
        >>> [inbox.get(timeout=0).lane for _ in range(2)]
        ['in', 'out']
    """

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        lock = Lock()
        self._came, self._taken = Condition(lock), Condition(lock)
        self._waiting: deque[tuple[_Part, Report]] = deque()
        self._ahead: deque[tuple[_Part, Report]] = deque()
        self._of_part: Counter[_Part] = Counter()

    def put(self, report: Report, *, block: bool = True, timeout: float | None = None, ahead: bool = False) -> None:
        """Adds a report.

        Args:
            report: what a part has to say.
            block: whether to wait where the part's room is full.
            timeout: seconds to wait at most; None without end.
            ahead: whether it goes before everything that is not.

        Raises:
            queue.Full: it is full (still).
        """
        part = _part_of(report)
        with self._taken:
            if self._is_full(part) and not (block and self._taken.wait_for(lambda: not self._is_full(part), timeout)):
                raise queue.Full
            (self._ahead if ahead else self._waiting).append((part, report))
            self._of_part[part] += 1
            self._came.notify()

    def get(self, timeout: float | None = None) -> Report:
        """Takes the oldest report, of those that go ahead where there are any.

        Raises:
            queue.Empty: none came for `timeout` seconds.
        """
        with self._came:
            if not self._came.wait_for(lambda: not self.empty(), timeout):
                raise queue.Empty
            part, report = (self._ahead or self._waiting).popleft()
            if self._is_full(part):
                self._taken.notify_all()
            self._of_part[part] -= 1
            return report

    def qsize(self) -> int:
        """How many wait."""
        return len(self._ahead) + len(self._waiting)

    def empty(self) -> bool:
        """Whether none waits."""
        return not (self._ahead or self._waiting)

    def _is_full(self, part: _Part) -> bool:
        return self._of_part[part] >= (min(TABLE_ROOM, self._room) if part == _TABLE else self._room)


def _part_of(report: Report) -> _Part:
    match report:
        case Switched(name):
            return "contact", name
        case TripOrder():
            return "operator", ""
        case Declared():
            return _TABLE
        case Pulse():
            return "watchdog", ""
        case _:
            return "lane", report.lane
