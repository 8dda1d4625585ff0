"""Anti-passback: notices a code that comes in again before it went out, as when a phone is handed back over the fence. Pure.

Nobody is ever kept from leaving: someone who goes out twice is noted, not refused.
"""

from __future__ import annotations

from enum import StrEnum

from edge_agent.wire.entry import Direction
from firmware.presence import Last


class Passback(StrEnum):
    """How strict a gate is."""

    OFF = "off"
    TIMED = "timed"  # refused for a while, then recorded with a note
    HARD = "hard"  # refused until they went out, or until the night


class Finding(StrEnum):
    """What is to be done."""

    CLEAR = "clear"
    NOTE = "note"
    REFUSE = "refuse"


def look(mode: Passback, hold_s: float, direction: Direction, last: Last | None, at_s: float) -> Finding:
    """Judges somebody who wants to pass.

    Args:
        mode: how strict.
        hold_s: for `TIMED`, how long coming in again is refused, in seconds.
        direction: theirs now; guesses do not come here, see `GateRules`.
        last: their last passage.
        at_s: now, monotonic seconds.

    Example:
        >>> look(Passback.TIMED, 60.0, Direction.IN, Last(Direction.IN, at_s=0.0), at_s=59.0)
        <Finding.REFUSE: 'refuse'>
    """
    if mode is Passback.OFF or last is None or last.direction is not direction:
        return Finding.CLEAR
    if direction is Direction.OUT:
        return Finding.NOTE
    return Finding.REFUSE if mode is Passback.HARD or at_s - last.at_s < hold_s else Finding.NOTE
