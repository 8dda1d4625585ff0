"""Where the broker is and how we prove who we are to it; apart from the link, so that firmware need not load MQTT to know it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the broker is and how we prove who we are to it (PEM files)."""

    host: str
    port: int
    authority_file: Path
    certificate_file: Path
    key_file: Path
