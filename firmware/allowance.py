"""How often the province is told of one contact: a worn door that chatters for years must not fill the outbox that people need. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Facts: TypeAlias = Mapping[str, str | int]
BURST = 60
EACH_S = 60.0


class Allowance:
    """What is told of a contact: each change at first, and after a burst of them one a minute, with how many were left out.

    Args:
        what: the contact's role.
        part: its name.

    Example:
        >>> door = Allowance("door", "cửa")
        >>> door.changed(0.0, active=True)
        [{'what': 'door', 'part': 'cửa', 'active': 1}]
        >>> sum(len(door.changed(1.0, active=bool(number % 2))) for number in range(100)), door.tick(30.0), door.tick(61.0)
        (59, [], [{'what': 'door', 'part': 'cửa', 'active': 1, 'left_out': 40}])
    """

    def __init__(self, what: str, part: str) -> None:
        self._what, self._part = what, part
        self._active = False
        self._left = float(BURST)
        self._counted_s: float | None = None
        self._left_out = 0

    def changed(self, at_s: float, *, active: bool) -> list[Facts]:
        """Takes in a change at `at_s` (monotonic seconds) and returns what is to be recorded of it."""
        self._active = active
        self._left_out += 1
        return self.tick(at_s)

    def tick(self, now_s: float) -> list[Facts]:
        """Lets time pass; returns what is to be recorded of changes that were left out."""
        if self._counted_s is not None:
            self._left = min(float(BURST), self._left + max(0.0, now_s - self._counted_s) / EACH_S)
        self._counted_s = now_s
        if not self._left_out or self._left < 1:
            return []
        self._left -= 1
        others, self._left_out = self._left_out - 1, 0
        told: dict[str, str | int] = {"what": self._what, "part": self._part, "active": int(self._active)}
        return [told | {"left_out": others} if others else told]
