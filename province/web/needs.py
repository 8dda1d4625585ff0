"""What needs somebody now: each room of pages says it of its own, the home page shows all, the most urgent first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, TypeAlias

from province.store.opened import Connection

if TYPE_CHECKING:
    from province.web.section import Visit


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


# Asked in a thread, with a connection to the register, whenever somebody of any role opens their home page: it must be quick.
Needs: TypeAlias = Callable[[Connection, "Visit"], Sequence[Need]]
