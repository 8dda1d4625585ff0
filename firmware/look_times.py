"""How long a camera's looks took lately: half of them less than this, nineteen of twenty less than that."""

from __future__ import annotations

from collections import deque

_LATELY = 512  # looks; at 20 frames/s the last half minute


class LookTimes:
    """The newest looks' durations; one thread adds, any may ask.

    Example:
        >>> times = LookTimes()
        >>> for took_ms in range(1, 101):
        ...     times.add(float(took_ms))
        >>> times.percentiles()
        {'look_p50_ms': 50.0, 'look_p95_ms': 95.0}
    """

    def __init__(self) -> None:
        self._newest: deque[float] = deque(maxlen=_LATELY)

    def add(self, took_ms: float) -> None:
        """Notes one look, milliseconds."""
        self._newest.append(took_ms)

    def percentiles(self) -> dict[str, float]:
        """The 50th and 95th percentile in milliseconds (the nearest rank); empty before the first look."""
        ranked = sorted(self._newest.copy())
        if not ranked:
            return {}
        return {f"look_p{part}_ms": round(ranked[-(-len(ranked) * part // 100) - 1], 2) for part in (50, 95)}
