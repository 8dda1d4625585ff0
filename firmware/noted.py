"""What the keeper's page shows of each lane beside counts: its last answer, and what is the matter with it. In memory only."""

from __future__ import annotations

import time
from typing import Any

from drivers.indicator import Signal

_WHY_CHARACTERS = 300


class Noted:
    """Bounded by the lanes there are.

    Example:
        >>> noted = Noted()
        >>> noted.source_is("in", "the port is gone")
        >>> noted.told()["why"]
        {'in': 'the port is gone'}
    """

    def __init__(self) -> None:
        self._answered: dict[str, dict[str, Any]] = {}
        self._why: dict[str, str] = {}

    def answered(self, lane: str, signal: Signal) -> None:
        """Notes an answer at a lane."""
        self._answered[lane] = {"signal": str(signal), "at_ms": time.time_ns() // 1_000_000}

    def source_is(self, lane: str, why: str) -> None:
        """Notes what its driver says is the matter with a lane's source; empty: nothing."""
        self._why[lane] = why[:_WHY_CHARACTERS]

    def told(self) -> dict[str, Any]:
        """By lane: `answered`, the last answer and when (wall time, milliseconds), and `why`, where something is the matter."""
        return {"answered": dict(self._answered), "why": {lane: why for lane, why in self._why.copy().items() if why}}
