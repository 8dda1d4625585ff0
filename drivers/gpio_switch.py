"""A contact on the Raspberry Pi's header: tamper switch, door contact, button, or a line that another device drives.

Wiring (BCM numbers): a dry contact between GPIO21 (pin 40) and GND (pin 39), with the pin's own pull-up: `gpio:?pin=21`, active when
closed. Leads longer than a metre get 1 kΩ in series and 10 kΩ to 3.3 V at the Pi (`pull=none`). A vehicle's ignition (terminal 15,
9 to 36 V with spikes far above) or a charger's "power good" must never touch the header: an optocoupler stands between, its transistor
pulling the pin to GND: active low as well. A supercapacitor board's power-fail line is 3.3 V: `gpio:?pin=6&active=high&pull=down`.

A level counts when it has held for `bounce_ms`, or after a second in which it never did; it is read, not concluded from edges, so
that a missed edge is made good within a second.

Example:
    >>> from drivers.catalogue import open_switch                                          # doctest: +SKIP
    >>> for change in open_switch("gpio:?pin=21&active=low&pull=up").changes():            # doctest: +SKIP
    ...     print("closed" if change.active else "open")
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Condition, Lock
from typing import Any

from drivers.errors import Unplugged
from drivers.pin_opening import open_pin
from drivers.switch import Change

_LOOK_AGAIN_S = 1.0
_LONGEST_BOUNCE_S = 1.0  # a line that never comes to rest is told as it is by then
_PULL_UP = {"up": True, "down": False, "none": None}


class GpioSwitch:
    """One input pin.

    Args:
        pin: BCM number.
        active: the level that means active, `low` or `high`.
        pull: the pin's own resistor: `up`, `down` or `none`.
        bounce_ms: how long a level must hold to count, milliseconds.
        pin_factory: a gpiozero factory; None takes the machine's own.

    Raises:
        Unavailable: no pins here, no permission, or the pin is in use.
    """

    def __init__(self, pin: int, active: str = "low", pull: str = "up", bounce_ms: int = 50, *, pin_factory: Any = None) -> None:
        self._name = f"gpio:?pin={pin}"
        self._active_level = int(active == "high")
        self._bounce_s = bounce_ms / 1000
        self._edges = Condition()
        self._edge_s: float | None = None  # of the first edge not yet looked at
        self._last_edge_s = 0.0
        self._closed = False
        self._reading = Lock()  # held while the level is read, so that nobody closes the pin under it
        floating = True if pull == "none" else None  # gpiozero wants to know what a pin that is not pulled means; we read levels
        self._pin = open_pin(
            "gpio",
            pin,
            "switch",
            lambda gpiozero: gpiozero.DigitalInputDevice(pin, pull_up=_PULL_UP[pull], active_state=floating, pin_factory=pin_factory),
        )
        self._pin.when_activated = self._pin.when_deactivated = self._edge

    def changes(self) -> Iterator[Change]:
        """Yields how the switch is, then each change; see `Switch.changes`."""
        told: bool | None = None
        at_s = time.monotonic()
        while (active := self._level()) is not None:
            if active is not told:
                told = active
                yield Change(active, at_s)
            at_s = self._settled_s()

    def close(self) -> None:
        """Ends `changes` at once and releases the pin."""
        with self._edges:
            if self._closed:
                return
            self._closed = True
            self._edges.notify_all()
        with self._reading:
            self._pin.close()

    def _edge(self) -> None:
        with self._edges:
            self._last_edge_s = time.monotonic()
            self._edge_s = self._edge_s or self._last_edge_s
            self._edges.notify_all()

    def _settled_s(self) -> float:
        """Waits for an edge, and until no edge has come for the bounce time; when the first of them was."""
        with self._edges:
            self._edges.wait_for(lambda: self._closed or self._edge_s is not None, _LOOK_AGAIN_S)
            longest_s = time.monotonic() + max(self._bounce_s, _LONGEST_BOUNCE_S)
            while not self._closed and (left_s := min(self._last_edge_s + self._bounce_s, longest_s) - time.monotonic()) > 0:
                self._edges.wait(left_s)
            first_s, self._edge_s = self._edge_s, None
            return time.monotonic() if first_s is None else first_s

    def _level(self) -> bool | None:
        """Whether it is active now; None once it is closed."""
        with self._reading:
            if self._closed:
                return None
            try:
                return bool(self._pin.pin.state == self._active_level)
            except Exception as problem:
                raise Unplugged(f"{self._name!r} cannot be read any more. Check its wiring; it is opened anew.") from problem
