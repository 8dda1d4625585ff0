"""Tells whether a code still held up has had its answer; whoever was kept out gets another when the reason has changed."""

from __future__ import annotations

import math

from firmware.repeat_window import RepeatWindow


class HeldCodes:
    """The codes held up at one lane, as keyed hashes: a camera sees them in each frame, and many readers read them over and over.

    Args:
        held_s: a code unseen for so many seconds counts as taken away, above 0.

    Example:
        >>> held = HeldCodes(held_s=1.5)
        >>> [held.saw("code", at_s) for at_s in (0.0, 1.0, 2.0, 4.0)]
        [False, True, True, False]
        >>> held.kept_out("code", at_s=4.0)
        >>> held.look_again(since_s=4.5)  # the keeper has pressed their button
        >>> [held.saw("code", at_s) for at_s in (4.4, 4.6, 5.0)]
        [True, False, True]
    """

    def __init__(self, held_s: float) -> None:
        self._held_s = held_s
        self._answered = RepeatWindow(held_s)
        self._kept_out = RepeatWindow(held_s)
        self._again_s = math.inf

    def saw(self, code: str, at_s: float) -> bool:
        """Notes a code at `at_s` (monotonic seconds, never less than before) and says whether it is still held up after its answer."""
        if at_s >= self._again_s:
            self._again_s, self._kept_out = math.inf, RepeatWindow(self._held_s)
        window = self._kept_out if self._kept_out.holds(code, at_s) else self._answered
        return window.saw(code, at_s)

    def kept_out(self, code: str, at_s: float) -> None:
        """Notes that the answer let nobody through, for a reason that may change."""
        self._answered.forget(code)
        self._kept_out.saw(code, at_s)

    def look_again(self, since_s: float) -> None:
        """A reason has changed: whoever was kept out is answered anew when their code is seen at `since_s` or later.

        A picture taken before a button was pressed, and read after it, is not yet judged by that press.
        """
        self._again_s = since_s
