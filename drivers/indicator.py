"""What a light and buzzer is to us: something that shows a named signal and returns at once."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class Signal(StrEnum):
    """Everything a gate can say. States last until the next state; answers play once, then the state returns.

    States: STARTING, READY, ATTENTION (scanning goes on, an operator should look: outbox nearly full), FAULT, FULL, CLOSED.
    Answers: ACCEPTED, ALREADY, NOT_A_PERSON_CODE, CLOSER and HOLD_STILL (a code is seen, not yet read), UNREADABLE, REFUSED, IDENTIFY
    (an operator asks "which device is it?").
    """

    STARTING = "starting"
    READY = "ready"
    ATTENTION = "attention"
    FAULT = "fault"
    FULL = "full"
    CLOSED = "closed"
    ACCEPTED = "accepted"
    ALREADY = "already"
    NOT_A_PERSON_CODE = "not-a-person-code"
    CLOSER = "closer"
    HOLD_STILL = "hold-still"
    UNREADABLE = "unreadable"
    REFUSED = "refused"
    IDENTIFY = "identify"


class Indicator(Protocol):
    """A light and a sound.

    Example:
        >>> from drivers.catalogue import open_indicator       # doctest: +SKIP
        >>> open_indicator("console:").show(Signal.ACCEPTED)   # doctest: +SKIP
    """

    def show(self, signal: Signal) -> None:
        """Starts showing a signal and returns at once (under a millisecond).

        The newest answer wins over one still playing; a state asked for during an answer begins when the answer ends.

        Raises:
            Unplugged: the light stopped working while an earlier signal was shown.
        """
        ...

    def set_quiet(self, quiet: bool) -> None:
        """Whether signals are shown without sound from the next step on, as in quiet hours; light and rhythm stay."""
        ...

    def close(self) -> None:
        """Lights off, sound off, pins released; calling it twice is harmless."""
        ...
