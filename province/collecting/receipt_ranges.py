"""Says what became of a batch in as few receipt ranges as the hash chain allows. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edge_agent.wire.receipt import Range, Status


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the register did with one entry of a log.

    Attributes:
        forked: the register holds other bytes under this number too.
    """

    seq: int
    prev: bytes
    hash: bytes
    status: Status
    reason: str | None = None
    forked: bool = False


def build(outcomes: Iterable[Outcome]) -> list[Range]:
    """Ranges for the entries of one log, in any order.

    Entries share a range only when their numbers follow each other, each names the hash of the one before it, and they share
    their fate: so that the hash of a range's last entry pins all of it. An entry given twice counts once.

    Example:
        >>> a, b = b"a" * 32, b"b" * 32
        >>> [(part.first, part.last) for part in build([Outcome(2, a, b, Status.REGISTERED), Outcome(1, b"", a, Status.REGISTERED)])]
        [(1, 2)]
    """
    ranges: list[Range] = []
    ends: dict[tuple[int, bytes, Status, str | None, bool], int] = {}  # where a range waits for its next entry
    for item in sorted(set(outcomes), key=lambda item: (item.seq, item.hash)):
        place = ends.pop((item.seq, item.prev, item.status, item.reason, item.forked), None)
        first = item.seq if place is None else ranges[place].first
        part = Range(first, item.seq, item.hash, item.status, item.reason, item.forked)
        if place is None:
            place = len(ranges)
            ranges.append(part)
        else:
            ranges[place] = part
        ends[(item.seq + 1, item.hash, item.status, item.reason, item.forked)] = place
    return ranges
