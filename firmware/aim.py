"""Tells a person whose code is seen but not read what would help: closer, hold still, or another code. Pure: time is passed in.

A module of the code must be about three pixels wide to be read. Most personal codes have 45 to 60 modules a side, so a code narrower than
180 pixels is too far away (one of 77 modules, the largest, then has modules of 2.3 pixels, which a rescue may read); one that is large
enough and moves is blurred; one that is large and still cannot be read at all. Nothing is said of a code that was read: its owner has had
an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from math import dist

from firmware.corners import Corners, centre, inside

_NARROW_PX = 180.0
_STILL_PART = 0.04  # of its own width from one look to the next
_GAP_S = 0.7  # a code unseen for so long was taken away
_FIRST_S, _AGAIN_S = 0.7, 1.5


class Advice(StrEnum):
    """What the person is told."""

    CLOSER = "closer"
    HOLD_STILL = "hold-still"
    UNREADABLE = "unreadable"


class Aim:
    """Watches what one camera sees and cannot read.

    Args:
        patience_s: how long a large, still code may stay unread before it is called unreadable, in seconds, above 0.

    Raises:
        ValueError: patience_s is not above 0.

    Example:
        >>> small = ((0, 0), (80, 0), (80, 80), (0, 80))
        >>> aim = Aim()
        >>> [aim.look([small], read=[], now_s=t / 2) for t in range(6)]
        [None, None, <Advice.CLOSER: 'closer'>, None, None, <Advice.CLOSER: 'closer'>]
    """

    def __init__(self, patience_s: float = 2.0) -> None:
        if patience_s <= 0:
            raise ValueError(f"patience_s must be above 0, got {patience_s}")
        self._patience_s = patience_s
        self._since_s: float | None = None
        self._last_s = 0.0
        self._told_s: float | None = None
        self._given_up = False
        self._before: Corners | None = None
        self._still_since_s = 0.0
        self._done: list[tuple[Corners, float]] = []  # codes that were read, and when they were last seen

    def look(self, located: Sequence[Corners], *, read: Sequence[Corners | None], now_s: float) -> Advice | None:
        """Takes in one look and says what to tell the person now, None when nothing.

        Args:
            located: corners of the codes seen and not read, in pixels.
            read: corners of the codes read in this look, None for one whose place is not known.
            now_s: monotonic seconds.
        """
        located = self._not_done(located, read, now_s)
        if read or (self._since_s is not None and now_s - self._last_s > _GAP_S):
            self._since_s, self._told_s, self._given_up, self._before = None, None, False, None
        if read or not located:
            return None
        largest = max(located, key=_width)
        self._follow(largest, now_s)
        if self._given_up or now_s - self._since_s_or(now_s) < _FIRST_S:
            return None
        advice = self._advice(largest, now_s)
        if advice is None or (self._told_s is not None and now_s - self._told_s < _AGAIN_S):
            return None
        self._told_s, self._given_up = now_s, advice is Advice.UNREADABLE
        return advice

    def _not_done(self, located: Sequence[Corners], read: Sequence[Corners | None], now_s: float) -> list[Corners]:
        """Returns the located codes that were not read before, and remembers those that are or were.

        A code that only some looks read is located at about its place by the others, for as long as it is held there.
        """
        before = [place for place, seen_s in self._done if now_s - seen_s <= _GAP_S]
        again = [corners for corners in located if any(inside(centre(corners), place) for place in before)]
        seen = [*(corners for corners in read if corners is not None), *again]
        unseen = [one for one in self._done if one[0] in before and not any(inside(centre(corners), one[0]) for corners in seen)]
        self._done = [*unseen, *((corners, now_s) for corners in seen)]
        return [corners for corners in located if corners not in again]

    def _since_s_or(self, now_s: float) -> float:
        return now_s if self._since_s is None else self._since_s

    def _follow(self, corners: Corners, now_s: float) -> None:
        if self._since_s is None:
            self._since_s = self._still_since_s = now_s
        elif self._before is not None and dist(centre(corners), centre(self._before)) > _STILL_PART * _width(corners):
            self._still_since_s = now_s
        self._last_s, self._before = now_s, corners

    def _advice(self, corners: Corners, now_s: float) -> Advice | None:
        if _width(corners) < _NARROW_PX:
            return Advice.CLOSER
        if now_s - self._still_since_s < _FIRST_S:
            return Advice.HOLD_STILL
        return Advice.UNREADABLE if now_s - self._still_since_s >= self._patience_s else None


def _width(corners: Corners) -> float:
    """The mean length of the four sides."""
    return sum(dist(corners[place], corners[place - 1]) for place in range(4)) / 4
