"""What the parts report to the one consumer: a code that was read, one that stays unread, a button, and how a source is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from firmware.aim import Advice

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
class Pressed:
    """A button was pressed.

    Attributes:
        part: its name in the configuration.
        at_s: when, `time.monotonic()` seconds.
    """

    part: str
    at_s: float


@dataclass(frozen=True, slots=True)
class SourceChanged:
    """A source works now, or does not; `why` is for people."""

    lane: str
    state: SourceState
    why: str = ""


Report: TypeAlias = Reading | Unread | Pressed | SourceChanged
