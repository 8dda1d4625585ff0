"""What the parts report to the one consumer: a code that was read, one that stays unread, a button, and how a source is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from firmware.aim import Advice
from firmware.declaration import Declaration

Method: TypeAlias = Literal["camera", "serial", "hid"]


class SourceState(StrEnum):
    """How a camera or reader is."""

    OPENING = "opening"
    WORKING = "working"
    FAULT = "fault"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Reading:
    """A code that was read.

    Attributes:
        lane: the lane's name.
        data: the code's bytes, somebody's: kept out of `repr`.
        method: how it was read.
        at_s: when the frame was taken or the line was complete, `time.monotonic()` seconds.
    """

    lane: str
    data: bytes = field(repr=False)
    method: Method
    at_s: float


@dataclass(frozen=True, slots=True)
class Unread:
    """A code is held up and cannot be read; what would help."""

    lane: str
    advice: Advice


@dataclass(frozen=True, slots=True)
class SourceChanged:
    """A source works now, or does not; `why` is for people."""

    lane: str
    state: SourceState
    why: str = ""


@dataclass(frozen=True, slots=True)
class Switched:
    """A contact is active now, or is not.

    Attributes:
        name: the input's name.
        active: how it is from now on.
        at_s: when it became so, `time.monotonic()` seconds.
        first: it has just been opened (anew), and this tells how it is: nobody knows since when.
    """

    name: str
    active: bool
    at_s: float
    first: bool = False

    @property
    def is_press(self) -> bool:
        """Whether a button was pressed now: one that is stuck, or held while it is opened, was not."""
        return self.active and not self.first


class TripOrder(StrEnum):
    """What an operator says of a vehicle's trip."""

    BEGIN = "trip-begin"
    END = "trip-end"
    TERMINUS = "trip-terminus"


@dataclass(frozen=True, slots=True)
class Declared:
    """The keeper declares somebody.

    Attributes:
        at_s: when the request came, `time.monotonic()` seconds.
        answer: told what came of it; returns at once.
    """

    declaration: Declaration
    at_s: float
    answer: Callable[[Mapping[str, Any]], None] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pulse:
    """The watchdog's token: it goes the way of every report, and `arrived` is called where that way ends."""

    arrived: Callable[[], None] = field(repr=False)


Report: TypeAlias = Reading | Unread | SourceChanged | Switched | TripOrder | Declared | Pulse
