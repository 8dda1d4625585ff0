"""What firmware said last of the gate: its counters, as long as they are fresh. Firmware repeats them each second."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

_FRESH_S = 10.0


class FirmwareWord:
    """The newest counters; one thread hears, any may ask.

    Args:
        clock: monotonic seconds.

    Example:
        >>> word = FirmwareWord(clock=lambda: 5.0)
        >>> word.heard({"type": "counters", "gate": "open"})
        True
        >>> word.counters()["gate"]
        'open'
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._newest: tuple[Mapping[str, Any], float] = ({}, float("-inf"))  # replaced whole: readers need no lock

    def heard(self, message: Mapping[str, Any]) -> bool:
        """Takes in a message of firmware, of which only counters tell; says whether a state among them has changed."""
        if message["type"] != "counters":
            return False
        before, self._newest = self.states(), (message, self._clock())
        return self.states() != before

    def counters(self) -> Mapping[str, Any]:
        """The counters, empty when firmware has said nothing for ten seconds."""
        counters, at_s = self._newest
        return counters if self._clock() - at_s < _FRESH_S else {}

    def states(self) -> tuple[object, ...]:
        """What an operator wants to hear of at once when it changes: the gate, its clock, what works, and whether the outbox is full."""
        counters = self.counters()
        full = float(counters.get("outbox_fullness", 0)) >= 1
        return counters.get("gate"), counters.get("clock"), counters.get("sources"), faults(counters), full


def faults(counters: Mapping[str, Any]) -> int:
    """How many parts beside the lanes' sources do not work.

    Example:
        >>> faults({"lights": {"gpio:": "working", "display": "fault"}, "position": "fault"})
        2
    """
    parts = [*counters.get("lights", {}).values(), *counters.get("inputs", {}).values(), counters.get("position")]
    return parts.count("fault")
