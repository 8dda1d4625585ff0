"""Tells the time to the agent if it can be trusted, and nothing otherwise.

Source: design.md "Time". Whether the province's certificates are in their time is judged by a trusted clock only; without one, by the
signed lower bound alone: at 1970 nothing is "not yet valid".
"""

from __future__ import annotations

from drivers import system_clock

_TOLERANCE_MS = 5 * 60_000  # the province's clock may be a little ahead of ours


def trusted_ms(not_before_ms: int, *, always: bool = False) -> int | None:
    """The wall time in milliseconds since 1970 UTC, or None when it cannot be trusted.

    Args:
        not_before_ms: a signed lower bound; a clock before it is certainly wrong.
        always: the configuration says that the operating system's clock is right.
    """
    wall_ms = system_clock.wall_ms()
    if wall_ms + _TOLERANCE_MS < not_before_ms or not (always or _is_set()):
        return None
    return wall_ms


def _is_set() -> bool:
    try:
        return system_clock.clock_state() != "unknown"
    except OSError:
        return False
