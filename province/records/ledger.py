"""Keeps count of what a log has delivered: spans without a hole whose hash links hold. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.wire.entry import NO_PREVIOUS


@dataclass(frozen=True, slots=True)
class Span:
    """Entries `first` to `last` of one log, each linked to the one before it.

    Attributes:
        first_prev: what entry `first` names as the hash of the entry before it.
        last_hash: hash of entry `last`.
    """

    first: int
    first_prev: bytes
    last: int
    last_hash: bytes


@dataclass(frozen=True, slots=True)
class BrokenLink:
    """Entry `seq` names `prev` as the hash of the entry before it, and it is not."""

    seq: int
    prev: bytes


@dataclass(frozen=True, slots=True)
class Merge:
    """How an entry joins its neighbours.

    Attributes:
        removed: spans it swallows.
        span: what stands in their place.
        broken: links that turn out not to hold.
    """

    removed: tuple[Span, ...]
    span: Span
    broken: tuple[BrokenLink, ...]


def merge(left: Span | None, right: Span | None, entry: Span) -> Merge | None:
    """Joins one entry to the spans beside it.

    Args:
        left: the span with the greatest `first` not above the entry's number.
        right: the span with the least `first` above the entry's number.
        entry: the entry as a span of one.

    Returns:
        The change, or None when `left` holds that number already.

    Example:
        >>> a, b, c = b"a" * 32, b"b" * 32, b"c" * 32
        >>> merge(Span(1, NO_PREVIOUS, 1, a), Span(3, b, 3, c), Span(2, a, 2, b)).span == Span(1, NO_PREVIOUS, 3, c)
        True
    """
    if left is not None and left.last >= entry.first:
        return None
    removed: list[Span] = []
    broken: list[BrokenLink] = []
    span = entry
    if entry.first == 1 and entry.first_prev != NO_PREVIOUS:
        broken.append(BrokenLink(1, entry.first_prev))
    if left is not None and left.last + 1 == entry.first:
        if left.last_hash == entry.first_prev:
            removed.append(left)
            span = Span(left.first, left.first_prev, span.last, span.last_hash)
        else:
            broken.append(BrokenLink(entry.first, entry.first_prev))
    if right is not None and entry.last + 1 == right.first:
        if right.first_prev == entry.last_hash:
            removed.append(right)
            span = Span(span.first, span.first_prev, right.last, right.last_hash)
        else:
            broken.append(BrokenLink(right.first, right.first_prev))
    return Merge(tuple(removed), span, tuple(broken))


def gaps(spans: Sequence[Span], announced: int = 0) -> list[tuple[int, int]]:
    """The numbers that are missing.

    Args:
        spans: of one log, in any order.
        announced: how far the log must reach, as a later log says; 0 when nobody says.

    Returns:
        First and last of each hole.

    Example:
        >>> gaps([Span(2, b"", 3, b""), Span(6, b"", 6, b"")], announced=8)
        [(1, 1), (4, 5), (7, 8)]
    """
    holes: list[tuple[int, int]] = []
    reached = 0
    for span in sorted(spans, key=lambda span: span.first):
        if span.first > reached + 1:
            holes.append((reached + 1, span.first - 1))
        reached = max(reached, span.last)
    if announced > reached:
        holes.append((reached + 1, announced))
    return holes
