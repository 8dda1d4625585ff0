"""A relay that opens a door, flap or turnstile for a moment.

Wiring (BCM numbers): GPIO26 (pin 37) to the input of a relay board with its own supply; 5 V (pin 2) and GND (pin 39) to the board.
GPIO0 to 8 will not do: the Pi pulls them up while it boots, and the relay in. A board that pulls in on a low level wants
`active_low=1`, and GPIO5 or GPIO6. The relay's dry contact goes to the turnstile's "open" input, or into
the lock's supply with the fuse and flyback diode the lock's maker asks for.

Fail-safe, and what a dead process leaves. At `close` the pin goes to the level of `when_closed` and is then let go. A process
that is killed says nothing more: the kernel takes the pin back and, depending on its version and the setting
`pinctrl_bcm2835.persist_gpio_outputs`, makes it an input or leaves the last level. So let the wiring decide: a resistor of
10 kΩ on the board's input, to the level at which people are safe, and a lock that is open without power on any way out. A
killed process can leave a relay pulled in until the service is started again, a second later, which begins at rest.

Example:
    >>> from drivers.catalogue import open_barrier                                   # doctest: +SKIP
    >>> open_barrier("relay:?pin=26&pulse_ms=500&when_closed=open").let_through()     # doctest: +SKIP
"""

from __future__ import annotations

import logging
import time
from threading import Condition, Thread
from typing import Any

from drivers.errors import Unplugged
from drivers.pin_opening import open_pin

_log = logging.getLogger(__name__)
_CLOSE_S = 1.0


class RelayBarrier:
    """One relay on one pin.

    Args:
        pin: BCM number.
        pulse_ms: how long one person is let through.
        active_low: whether a low level pulls the relay in.
        when_closed: what the gate leaves behind: `rest` (relay off) or `open` (relay on, as far as the pin keeps it).
        pin_factory: a gpiozero factory; None takes the machine's own.

    Raises:
        Unavailable: no pins here, no permission, or the pin is in use.
    """

    def __init__(
        self, pin: int, pulse_ms: int = 500, active_low: bool = False, when_closed: str = "rest", *, pin_factory: Any = None
    ) -> None:
        self._name = f"relay:?pin={pin}"
        self._pulse_s = pulse_ms / 1000
        self._open_when_closed = when_closed == "open"
        self._changed = Condition()
        self._until_s = 0.0  # of the time given to somebody
        self._ending = False
        self._error: Exception | None = None
        self._pin = open_pin(
            "relay",
            pin,
            "relay",
            lambda gpiozero: gpiozero.DigitalOutputDevice(pin, active_high=not active_low, initial_value=False, pin_factory=pin_factory),
        )
        self._thread = Thread(target=self._run, name=f"barrier {self._name}", daemon=True)
        self._thread.start()

    @staticmethod
    def probe(pin: int, *, pin_factory: Any = None, **_how: object) -> Any:
        """Takes the pin as an input, which moves nothing, for a test; close what comes back. Raises `Unavailable`."""
        return open_pin(
            "relay", pin, "relay", lambda gpiozero: gpiozero.InputDevice(pin, pull_up=None, active_state=True, pin_factory=pin_factory)
        )

    def let_through(self) -> None:
        """Opens for `pulse_ms`; see `Barrier.let_through`."""
        with self._changed:
            if self._error is not None:
                raise Unplugged(f"{self._name!r} does not work any more. Check the relay board; it is opened anew.") from self._error
            self._until_s = time.monotonic() + self._pulse_s
            self._changed.notify_all()

    def close(self) -> None:
        """Leaves the relay as `when_closed` says and releases the pin."""
        with self._changed:
            if self._ending:
                return
            self._ending = True
            self._changed.notify_all()
        self._thread.join(_CLOSE_S)
        if self._thread.is_alive():
            _log.warning("%s: the pin does not answer: it is released when it does", self._name)
        self._pin.close()

    def _run(self) -> None:
        try:
            with self._changed:
                while not self._ending:
                    left_s = self._until_s - time.monotonic()
                    self._pin.value = int(left_s > 0)
                    self._changed.wait(left_s if left_s > 0 else None)
                self._pin.value = int(self._open_when_closed)
        except Exception as error:  # noqa: BLE001 - whatever pins raise must reach the next caller, not die with this thread
            _log.exception("%s the relay failed", self._name)
            with self._changed:
                self._error = error
