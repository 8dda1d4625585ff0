"""What a light and buzzer is to us: something that shows a named signal and returns at once."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class Signal(StrEnum):
    """Everything a gate can say. States last until the next state; answers play once, then the state returns.

    States: STARTING, WAITING (the device is nobody's: it waits for its ticket), WAITING_WITH_FAULT (so too, and one of its parts is not
    well: look now, while you stand here), READY, ATTENTION (scanning goes on, an operator should
    look: outbox nearly full), SHUT (by command or opening hours: nobody comes in; or the reader is being tested), FAULT, FULL, CLOSED
    (the firmware has ended).
    Answers: ACCEPTED, ACCEPTED_ASK (recorded; the keeper should look), ALREADY, ASK_KEEPER (not let through by the light, for one of
    several reasons that it does not tell), NOT_OPEN, PASS_SEEN (a health pass was read: now the personal code), PASS_NOT_VALID,
    NOT_A_PERSON_CODE, CLOSER and HOLD_STILL (a code is seen, not yet read), UNREADABLE, REFUSED (could not be recorded), TESTED (a
    reader is being tested: read, and not recorded), IDENTIFY (an operator asks "which device is it?", or a ticket is being tried).
    Of a ticket, for whoever installs: JOINED, TICKET_REFUSED (the province said no: expired, used or for another device), NOT_REACHED
    (no network, or no province there), TICKET_FOREIGN (of another province, or forged).
    """

    STARTING = "starting"
    WAITING = "waiting-for-ticket"
    WAITING_WITH_FAULT = "waiting-with-fault"
    READY = "ready"
    ATTENTION = "attention"
    SHUT = "shut"
    FAULT = "fault"
    FULL = "full"
    CLOSED = "closed"
    ACCEPTED = "accepted"
    ACCEPTED_ASK = "accepted-ask"
    ALREADY = "already"
    ASK_KEEPER = "ask-keeper"
    NOT_OPEN = "not-open"
    PASS_SEEN = "pass-seen"  # noqa: S105 - a health pass, not a password
    PASS_NOT_VALID = "pass-not-valid"  # noqa: S105 - the same
    NOT_A_PERSON_CODE = "not-a-person-code"
    CLOSER = "closer"
    HOLD_STILL = "hold-still"
    UNREADABLE = "unreadable"
    REFUSED = "refused"
    TESTED = "tested"
    IDENTIFY = "identify"
    JOINED = "joined"
    TICKET_REFUSED = "ticket-refused"
    NOT_REACHED = "province-not-reached"
    TICKET_FOREIGN = "ticket-foreign"


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
