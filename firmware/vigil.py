"""Decides whether a restart could help: when no lane's source has come back after many reopenings, or all hang. Pure, but for the clock.

Source: design.md "Watchdog". One lane of two that fails, and a reader that is silent because nobody comes, are no reason. Each restart
in vain makes the next wait twice as long: a reader left unplugged over the holidays must not fill the outbox with `boot` entries.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

REOPENINGS = 30  # with a back-off of up to 10 s: about five minutes
HUNG_S = 120.0
_MOST_DOUBLINGS = 6  # about five hours


@dataclass(frozen=True, slots=True)
class Signs:
    """What is seen of a lane's source from outside.

    Attributes:
        lane: its name.
        steps: counts openings, failures and frames: as long as it grows, its thread goes on.
        in_vain: reopenings since it last worked.
        works: it is open and has shown that it works.
        may_be_silent: it waits for people now: a reader that is open.
        over: it came to its end, or its setting is wrong: no restart would change that.
    """

    lane: str
    steps: int
    in_vain: int
    works: bool
    may_be_silent: bool
    over: bool


class Vigil:
    """Watches the sources of one gate.

    Args:
        restarts: how many restarts there were since a source last worked, at least 0.
        clock: monotonic seconds.

    Example:
        >>> away = Signs("in", steps=61, in_vain=30, works=False, may_be_silent=False, over=False)
        >>> idle = Signs("out", steps=2, in_vain=0, works=True, may_be_silent=True, over=False)
        >>> Vigil().hopeless([away, idle]), Vigil().hopeless([away]), Vigil(restarts=1).hopeless([away])
        (False, True, False)
    """

    def __init__(self, restarts: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = 2 ** min(restarts, _MOST_DOUBLINGS)
        self._clock = clock
        self._last: dict[str, tuple[int, float]] = {}

    def hopeless(self, sources: Sequence[Signs]) -> bool:
        """Whether none of the sources works or will come back by itself; to be asked every few seconds."""
        now_s = self._clock()
        still_s = {each.lane: self._still_s(each, now_s) for each in sources}
        waited_for = [each for each in sources if not each.over]
        return bool(waited_for) and all(self._is_lost(each, still_s[each.lane]) for each in waited_for)

    def _still_s(self, source: Signs, now_s: float) -> float:
        steps, since_s = self._last.get(source.lane, (source.steps, now_s))
        self._last[source.lane] = source.steps, since_s if steps == source.steps else now_s
        return now_s - self._last[source.lane][1]

    def _is_lost(self, source: Signs, still_s: float) -> bool:
        if source.in_vain >= REOPENINGS * self._patience:
            return True
        return not source.may_be_silent and still_s >= HUNG_S * self._patience
