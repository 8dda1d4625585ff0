"""What the lights show because somebody ordered it, and not because of a code: this device, a ticket in vain, the test pattern."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

from drivers.indicator import Signal

# Every answer once, states not: a light goes on showing those. The first one passes for a real green, so it runs on a closed gate only.
PATTERN = (
    Signal.ACCEPTED, Signal.ACCEPTED_ASK, Signal.ALREADY, Signal.ASK_KEEPER, Signal.NOT_OPEN, Signal.PASS_SEEN, Signal.PASS_NOT_VALID,
    Signal.NOT_A_PERSON_CODE, Signal.CLOSER, Signal.HOLD_STILL, Signal.UNREADABLE, Signal.REFUSED, Signal.TESTED, Signal.IDENTIFY,
    Signal.JOINED, Signal.TICKET_REFUSED, Signal.NOT_REACHED, Signal.TICKET_FOREIGN,
)  # fmt: skip


class ShownOrders:
    """What is to be shown; its methods may be called from any thread.

    Example:
        >>> orders = ShownOrders()
        >>> orders.show(Signal.IDENTIFY)
        >>> list(orders.due()), list(orders.due())
        ([<Signal.IDENTIFY: 'identify'>], [])
        >>> orders.begin_pattern()
        >>> orders.next_second(gate_is_closed=True)
        >>> list(orders.due())
        [<Signal.ACCEPTED: 'accepted'>]
        >>> orders.next_second(gate_is_closed=False)  # somebody may come in again: the pattern ends
        >>> list(orders.due())
        []
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: deque[Signal] = deque()
        self._pattern: deque[Signal] = deque()

    def show(self, signal: Signal) -> None:
        """Shows it at once."""
        with self._lock:
            if signal not in self._due:
                self._due.append(signal)

    def begin_pattern(self) -> None:
        """Shows every answer, one a second, from the first on."""
        with self._lock:
            self._pattern = deque(PATTERN)

    def next_second(self, *, gate_is_closed: bool) -> None:
        """A second has passed."""
        with self._lock:
            if not gate_is_closed:
                self._pattern.clear()
            elif self._pattern:
                self._due.append(self._pattern.popleft())

    def due(self) -> Iterator[Signal]:
        """What is to be shown now, each once."""
        while True:
            with self._lock:
                if not self._due:
                    return
                signal = self._due.popleft()
            yield signal
