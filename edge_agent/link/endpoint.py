"""Where the broker is and how we prove who we are to it; apart from the link, so that firmware need not load MQTT to know it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the broker is and how we prove who we are to it (PEM files).

    Attributes:
        known_ms: tells a time that has surely come, milliseconds since 1970 UTC: a clock that stands before it is not believed.
    """

    host: str
    port: int
    authority_file: Path
    certificate_file: Path
    key_file: Path
    known_ms: Callable[[], int] = lambda: 0
