"""When an enrolled gate obeys an enrolment ticket: for ten minutes after a press of its set-up button, once, and never else.

Source: design.md "Enrolment". A ticket that anybody may show to a gate could carry it off to another place, so the gate asks for a hand
inside its box first. Site codes and `WIFI:` codes are obeyed at no time (decision 0065). A ticket that nobody takes is answered too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

from drivers.indicator import Signal
from edge_agent.device.control import Tried
from edge_agent.wire import ticket

WINDOW_S = 600.0
NOBODY_S = 30.0  # an agent that starts with the device is there sooner
SIGNALS: Mapping[Tried, Signal] = MappingProxyType(
    {
        Tried.JOINED: Signal.JOINED,
        Tried.REFUSED: Signal.TICKET_REFUSED,
        Tried.NOT_REACHED: Signal.NOT_REACHED,
        Tried.FOREIGN: Signal.TICKET_FOREIGN,
        Tried.FAILED: Signal.REFUSED,
    }
)


class Unheard:
    """Finds a ticket that nobody listens to, because the agent is not running: whoever showed it must not wait for ever. For one thread.

    Args:
        clock: monotonic seconds.

    Example:
        >>> now_s = [0.0]
        >>> unheard = Unheard(lambda: now_s[0])
        >>> unheard.shown()
        >>> unheard.for_too_long(heard=False)
        False
        >>> now_s[0] = 30.1
        >>> unheard.for_too_long(heard=False), unheard.for_too_long(heard=False)  # told once
        (True, False)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since_s: float | None = None

    def shown(self) -> None:
        """A ticket was shown to the gate."""
        self._since_s = self._clock()

    def for_too_long(self, *, heard: bool) -> bool:
        """Whether it is time to say so, each time that a ticket is told to whoever listens.

        Args:
            heard: whether anybody did. An agent may take long, such as for an approval: while it is there, it is waited for.
        """
        if self._since_s is None:
            return False
        if heard:
            self._since_s = self._clock()
            return False
        if self._clock() - self._since_s < NOBODY_S:
            return False
        self._since_s = None
        return True


class SettingUp:
    """The ten minutes after a press, and the ticket shown in them. Its methods may be called from any thread.

    Args:
        clock: monotonic seconds.

    Example:
        >>> now_s = [0.0]
        >>> setting_up = SettingUp(lambda: now_s[0])
        >>> setting_up.take("GATE1:T:ABC")
        False
        >>> setting_up.begin()
        >>> setting_up.take("GATE1:S:ABC"), setting_up.take("GATE1:T:ABC"), setting_up.untried()
        (False, True, 'GATE1:T:ABC')
        >>> now_s[0] = 600.1
        >>> setting_up.take("GATE1:T:ABC"), setting_up.untried()
        (False, None)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._ends_s: float | None = None
        self._untried: str | None = None
        self._unheard = Unheard(clock)

    def begin(self) -> None:
        """Somebody with a hand in the box has pressed the button."""
        with self._lock:
            self._ends_s = self._clock() + WINDOW_S

    @property
    def open(self) -> bool:
        """Whether a ticket would be obeyed now."""
        with self._lock:
            return self._is_open()

    def take(self, text: str) -> bool:
        """Keeps a ticket for the agent, and says whether it will be obeyed."""
        with self._lock:
            if not (self._is_open() and ticket.looks_like_one(text) and len(text) <= ticket.MAX_TEXT_CHARACTERS):
                return False
            self._untried = text
            self._unheard.shown()
            return True

    def untried(self) -> str | None:
        """The ticket that the agent has not tried yet; told to it again and again, for it may not be there."""
        with self._lock:
            return self._untried if self._is_open() else None

    def unheard_for_too_long(self, *, heard: bool) -> bool:
        """See `Unheard.for_too_long`."""
        with self._lock:
            return self._unheard.for_too_long(heard=heard)

    def tried(self, text: object, *, joined: bool) -> bool:
        """Notes what came of a ticket, and says whether it was the one waited for; one that was obeyed ends the ten minutes."""
        with self._lock:
            if text is None or text != self._untried:
                return False
            self._untried = None
            if joined:
                self._ends_s = None
            return True

    def _is_open(self) -> bool:
        return self._ends_s is not None and self._clock() <= self._ends_s
