"""Counts a place's day without opening a row: people are told apart by the day's tokens. Pure.

The rules are the gate's own (decision 0020, firmware.presence): inside is whose last passage was in; those who go out without having been
seen coming in take nobody away. What a second entry says of the same person in the same direction (a pass shown after the code) is no other
passage. Here entries may come late and in any order, so each person's passages are kept for the day.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

HOUR_MS = 3_600_000
HOURS = 24


@dataclass(frozen=True, slots=True)
class Counts:
    """A place's day so far.

    Attributes:
        inside: people whose last passage was in.
        came, went: passages, a repeat in the same direction not counted.
        went_unseen: of those who went, how many had not been seen coming in on this day.
        unnamed: passages of people who have no token (number hidden, erased): in `came` and `went`, one by one.
        blind: passages of a scanner whose clock was not set: their hour is what it claims.
        hours: passages in and out in each hour of the day.
    """

    inside: int
    came: int
    went: int
    went_unseen: int
    unnamed: int
    blind: int
    hours: Sequence[tuple[int, int]]


class DayTally:
    """One place on one day.

    Args:
        first_ms: when the day begins.

    Example:
        >>> tally = DayTally(0)
        >>> tally.add(1, 5_000, True, b"an"); tally.add(2, 9_000, True, b"an"); tally.add(3, 7_000, False, b"binh")
        >>> counts = tally.counts()
        >>> counts.inside, counts.came, counts.went, counts.went_unseen
        (1, 1, 1, 1)
    """

    def __init__(self, first_ms: int) -> None:
        self._first_ms = first_ms
        self._of: dict[bytes, list[tuple[int, int, bool]]] = {}
        self._unnamed: list[tuple[int, bool]] = []
        self._blind = 0

    def add(self, row_id: int, at_ms: int, inwards: bool, who: bytes | None, *, blind: bool = False) -> None:
        """Notes a passage, once.

        Args:
            row_id: of its row, above 0.
            at_ms: its best known time.
            inwards: in, otherwise out.
            who: the person's token, None when they have none.
            blind: nobody had set the scanner's clock.
        """
        self._blind += blind
        if who is None:
            self._unnamed.append((at_ms, inwards))
            return
        insort(self._of.setdefault(who, []), (at_ms, row_id, inwards))

    def _passages(self) -> Iterator[tuple[int, bool]]:
        yield from self._unnamed
        for theirs in self._of.values():
            before: bool | None = None
            for at_ms, _row_id, inwards in theirs:
                if inwards is not before:
                    yield at_ms, inwards
                before = inwards

    def counts(self) -> Counts:
        """How many."""
        hours = [[0, 0] for _ in range(HOURS)]
        for at_ms, inwards in self._passages():
            hours[min(max((at_ms - self._first_ms) // HOUR_MS, 0), HOURS - 1)][not inwards] += 1
        unnamed = sum(1 if inwards else -1 for _at_ms, inwards in self._unnamed)
        seen_inside = sum(theirs[-1][2] for theirs in self._of.values())
        return Counts(
            inside=seen_inside + max(0, unnamed),
            came=sum(hour[0] for hour in hours),
            went=sum(hour[1] for hour in hours),
            went_unseen=sum(not theirs[0][2] for theirs in self._of.values()),
            unnamed=len(self._unnamed),
            blind=self._blind,
            hours=[(hour[0], hour[1]) for hour in hours],
        )
