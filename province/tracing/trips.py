"""Tells when a vehicle's trips began and ended, by what its scanner noted at the time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from province.tracing.stays import TripSpan


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a gate.

    Attributes:
        facts: as the scanner noted them; see firmware's `TripChange.facts`.
    """

    early_ms: int
    late_ms: int
    facts: Mapping[str, str | int]


def spans(events: Iterable[Told]) -> dict[str, TripSpan]:
    """The trips among events, by name. The end of one that was lost with the power is not known: it is told when the power is back.

    Example:
        >>> spans([Told(5, 5, {"what": "trip-begin", "trip": "noon"}), Told(9, 9, {"what": "trip-end", "trip": "noon", "why": "terminus"})])
        {'noon': TripSpan(begin_ms=5, end_ms=9)}
    """
    found: dict[str, TripSpan] = {}
    for one in events:
        trip = one.facts.get("trip")
        if not isinstance(trip, str):
            continue
        span = found.setdefault(trip, TripSpan())
        if one.facts.get("what") == "trip-begin":
            found[trip] = replace(span, begin_ms=one.early_ms)
        elif one.facts.get("what") == "trip-end" and one.facts.get("why") != "lost":
            found[trip] = replace(span, end_ms=one.late_ms)
    return found
