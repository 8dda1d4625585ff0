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
        notes: entries about the device itself that were registered (boot, clock).
        scan_to_green_ms: from the picture that was read to the green light, one a green.
    """

    shown: int = 0
    greens: dict[Entry, int] = field(default_factory=dict)
    registered: dict[Entry, int] = field(default_factory=dict)
    notes: set[Entry] = field(default_factory=set)
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


def summary(tally: Tally, passages: list[int], receipted_entries: int) -> dict[str, object]:
    """The demonstration's last word.

    Args:
        tally: what was seen at the gate and from the collector.
        passages: for each person shown, how often the register holds them, found by token.
        receipted_entries: how many entries the device has forgotten on a receipt, by its own count.
    """
    return {
        "shown": tally.shown,
        "green": len(tally.greens),
        "registered": sum(1 for count in passages if count),
        "receipted": max(0, min(len(tally.greens), receipted_entries - len(tally.notes))),
        "lost": len(set(tally.greens) - set(tally.registered)),
        "duplicates": sum(count - 1 for count in passages if count > 1),
        "scan_to_green_ms": _p50_p95(tally.scan_to_green_ms),
        "green_to_register_ms": _p50_p95(tally.green_to_register_ms()),
    }


def is_whole(result: dict[str, object]) -> bool:
    """Tells whether everyone shown got a green light, is in the register once, and was receipted."""
    counts = {result[name] for name in ("shown", "green", "registered", "receipted")}
    return len(counts) == 1 and result["lost"] == result["duplicates"] == 0


def _p50_p95(values: list[float] | list[int]) -> dict[str, float | None]:
    return {"p50": percentile(values, 0.5), "p95": percentile(values, 0.95)}
