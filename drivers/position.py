"""What a source of positions is to us: something that says where the vehicle is, or that it does not know."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Fix:
    """Where the vehicle is.

    Attributes:
        at_s: when the report came, `time.monotonic()` seconds.
        latitude: degrees north of the equator, WGS 84, -90 to 90.
        longitude: degrees east of Greenwich, WGS 84, -180 to 180.
    """

    at_s: float
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class NoFix:
    """The receiver works and does not know where it is: a tunnel, a roof, the first minute.

    Attributes:
        at_s: when it said so, `time.monotonic()` seconds.
    """

    at_s: float


class PositionSource(Protocol):
    """A source of positions.

    Example:
        >>> from drivers.catalogue import open_position                     # doctest: +SKIP
        >>> for report in open_position("gpsd:localhost:2947").fixes():     # doctest: +SKIP
        ...     note(report)
    """

    def fixes(self) -> Iterator[Fix | NoFix]:
        """Yields each report, about one a second, until `close` is called (from any thread).

        Raises:
            Stalled: no report came for longer than the driver's stall time: the last position is stale. The message says why what
                came instead, if anything, was thrown away (`oversize`, `binary`, `unended`, `incomplete`, `malformed`, `checksum`).
            Unplugged: the receiver or gpsd went away.
        """
        ...

    def close(self) -> None:
        """Ends `fixes` soon and releases the receiver; calling it twice is harmless."""
        ...


def plausible(latitude: float, longitude: float) -> bool:
    """Whether that is a place on Earth; 0 north 0 east, what a receiver says that knows nothing, is not.

    Example:
        >>> plausible(22.48, 103.97), plausible(0.0, 0.0), plausible(91.0, 0.0)
        (True, False, False)
    """
    return abs(latitude) <= 90 and abs(longitude) <= 180 and (latitude, longitude) != (0.0, 0.0)


def finite(value: Any) -> float:
    """A receiver's number.

    Raises:
        ValueError, TypeError: it is none, or not a finite one.
    """
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not a number")
    return number


def thrown_away(refused: Mapping[str, int], before: Mapping[str, int]) -> str:
    """For a message about silence: why what came meanwhile was thrown away, without counts, so that the same trouble reads the same.

    Example:
        >>> thrown_away({"binary": 7, "checksum": 1}, {"checksum": 1}), thrown_away({"checksum": 1}, {"checksum": 1})
        (' (what came was thrown away: binary)', '')
    """
    reasons = sorted(reason for reason, count in refused.items() if count > before.get(reason, 0))
    return f" (what came was thrown away: {', '.join(reasons)})" if reasons else ""
