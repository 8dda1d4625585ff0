"""Counts what the demonstration saw and works out its figures. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

Entry: TypeAlias = tuple[str, int]  # log (hex) and number


@dataclass
class Tally:
    """What was seen.

    Attributes:
        shown: codes held up.
        greens: entry → when its green light came on, milliseconds since 1970.
        registered: entry → when the province's database had it, milliseconds since 1970.
        scan_to_green_ms: from the picture that was read to the green light, one a green.
    """

    shown: int = 0
    greens: dict[Entry, int] = field(default_factory=dict)
    registered: dict[Entry, int] = field(default_factory=dict)
    scan_to_green_ms: list[float] = field(default_factory=list)

    def green_to_register_ms(self) -> list[int]:
        """From the green light to the database, one a green that arrived; 0 when the collector was faster than our clock's tick."""
        return [max(0, self.registered[entry] - at_ms) for entry, at_ms in self.greens.items() if entry in self.registered]


def percentile(values: list[float] | list[int], part: float) -> float | None:
    """The smallest value that at least `part` of all values do not exceed (nearest rank); None of nothing.

    Example:
        >>> percentile([40, 10, 30, 20], 0.5), percentile([], 0.5)
        (20, None)
    """
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(part * 100) // 100) - 1)]


def summary(tally: Tally, passages: list[int], still_waiting: int) -> dict[str, object]:
    """The demonstration's last word.

    Args:
        tally: what was seen at the gate and from the collector.
        passages: for each person shown, how often the register holds them, found by token.
        still_waiting: entries the device still keeps, for want of a receipt.
    """
    registered = sum(1 for count in passages if count)
    green = len(tally.greens)
    return {
        "shown": tally.shown,
        "green": green,
        "registered": registered,
        "receipted": max(0, min(green, len(tally.registered)) - still_waiting),
        "lost": max(0, green - registered),
        "duplicates": sum(count - 1 for count in passages if count > 1),
        "scan_to_green_ms": _p50_p95(tally.scan_to_green_ms),
        "green_to_register_ms": _p50_p95(tally.green_to_register_ms()),
    }


def _p50_p95(values: list[float] | list[int]) -> dict[str, float | None]:
    return {"p50": percentile(values, 0.5), "p95": percentile(values, 0.95)}
