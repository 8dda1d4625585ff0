"""Tells which of a scanner's logs lie wholly before or after a day, by the logs that precede and follow them. Pure.

A scanner writes one log at a time. So all of a log was made before anything of the log that names its end; and of logs that no names
link (an outbox was deleted between them), those whose sure days are all earlier come first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from province.records.days import SureDay


class LogOrder:
    """The order of a scanner's logs.

    Args:
        sure: of every log, its sure days.
        after: of a log, the one before it and the number of that one's end, as its first entry names them.
    """

    def __init__(self, sure: Mapping[bytes, Sequence[SureDay]], after: Mapping[bytes, tuple[bytes, int]]) -> None:
        self._sure = sure
        self._after = after
        self._root = {log: self._root_of(log) for log in sure}
        self._spread: dict[bytes, tuple[str, str]] = {}
        for log, days in sure.items():
            for one in days:
                first, last = self._spread.get(self._root[log], (one.day, one.day))
                self._spread[self._root[log]] = min(first, one.day), max(last, one.day)

    def begun_after(self, log: bytes, day: str) -> bool:
        """Whether the log was begun after the day: one before it holds something later than the day already."""
        linked = (one.day > day and one.first <= end for before, end in self._before(log) for one in self._sure.get(before, ()))
        return any(linked) or any(last > day for _root, (_first, last), turn in self._unlinked(log) if turn < 0)

    def ended_before(self, log: bytes, day: str) -> bool:
        """Whether the log was ended before the day: one after it holds something earlier than the day already."""
        follows = (one.day < day for other in self._sure if self._precedes(log, other) for one in self._sure[other])
        return any(follows) or any(first < day for _root, (first, _last), turn in self._unlinked(log) if turn > 0)

    def is_first(self, log: bytes) -> bool:
        """Whether every thread of logs that no names link to this one comes after it."""
        after = {root for root, _spread, turn in self._unlinked(log) if turn > 0}
        return set(self._root.values()) <= {self._root[log], *after}

    def _before(self, log: bytes) -> Iterator[tuple[bytes, int]]:
        """The logs before this one, each with the number up to which it comes before; forged names may lead in a circle."""
        seen = {log}
        while (step := self._after.get(log)) is not None and step[0] not in seen:
            yield step
            log = step[0]
            seen.add(log)

    def _precedes(self, log: bytes, other: bytes) -> bool:
        return any(before == log for before, _end in self._before(other))

    def _root_of(self, log: bytes) -> bytes:
        return [log, *(before for before, _end in self._before(log))][-1]

    def _unlinked(self, log: bytes) -> Iterator[tuple[bytes, tuple[str, str], int]]:
        """Each other thread of logs by its first, with first and last sure day, and -1 when it comes before this log's, 1 when after."""
        mine = self._spread.get(self._root[log])
        for root, other in self._spread.items():
            if mine is None or root == self._root[log]:
                continue
            before, after = other[1] <= mine[0], mine[1] <= other[0]
            if before != after:
                yield root, other, -1 if before else 1
