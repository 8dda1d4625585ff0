"""What needs somebody now: each room of pages says it of its own (`Section.needs`), the home page shows all, the most urgent first."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Urgency(IntEnum):
    """How much it presses; the first most."""

    NOW = 0
    SOON = 1
    KNOW = 2


@dataclass(frozen=True, slots=True)
class Need:
    """One thing.

    Attributes:
        text: for whoever looks, in their language; nobody's name or number.
        path: of the page where it is done, without the language; empty where there is none.
    """

    urgency: Urgency
    text: str
    path: str = ""
