"""Tells when the night's border has been passed: a time of day in Vietnam's civil time (decision 0007), never by a wrong clock.

It remembers no date, only how long ago it last said so, on the clock that nobody sets. A wall time that jumps, is corrected, or
becomes known after days therefore never makes a night, nor hides one.
"""

from __future__ import annotations

import re

from edge_agent.wire.keyring import day_of

NEVER = "never"
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_MINUTE_MS = 60_000


class BadTime(ValueError):
    """Not a time of day."""


def read_time(text: str) -> int | None:
    """The minute of the day of `HH:MM`; None for `never`.

    Raises:
        BadTime: neither.
    """
    if text == NEVER:
        return None
    parts = _TIME.fullmatch(text)
    if parts is None:
        raise BadTime(f"{text!r} is not allowed; allowed is a time of day from 00:00 to 23:59, or never")
    return 60 * int(parts[1]) + int(parts[2])


class Nightly:
    """The border between two days.

    Args:
        minute: of the day in Vietnam; None never.

    Example:
        >>> night, noon_ms, hour_ms = Nightly(0), 1_633_410_000_000, 3_600_000
        >>> [night.passed(now_s=h * 3600.0, wall_ms=noon_ms + h * hour_ms) for h in (0, 11, 12, 13)]
        [False, False, True, False]
    """

    def __init__(self, minute: int | None) -> None:
        self._minute = minute
        self._since_s: float | None = None

    def passed(self, now_s: float, wall_ms: int | None) -> bool:
        """Says whether a border lies between now and the last time this said so (or was first asked).

        Args:
            now_s: monotonic seconds.
            wall_ms: milliseconds since 1970, None when it cannot be trusted.
        """
        if self._since_s is None:
            self._since_s = now_s
        if wall_ms is None or self._minute is None:
            return False
        shift_ms = self._minute * _MINUTE_MS
        before_ms = wall_ms - round((now_s - self._since_s) * 1000)  # when that was, by what the clock says now
        if day_of(max(0, before_ms - shift_ms)) >= day_of(max(0, wall_ms - shift_ms)):
            return False
        self._since_s = now_s
        return True
