"""Lamps and a buzzer on the Raspberry Pi's header.

Wiring (BCM numbers; the header gives 3.3 V and at most 16 mA a pin):
green LED: GPIO17 (pin 11) through 330 Ω to the LED, the LED to GND (pin 9); red LED: GPIO27 (pin 13) the same way; amber
LED: GPIO22 (pin 15); active 3.3 V buzzer: GPIO18 (pin 12), above 16 mA through a transistor. Lamps of 12 or 24 V go behind
a relay or MOSFET board; if that board works on a low level, say `active_low=1`. A passive buzzer needs `buzzer_hz=2700`.
The user needs the group gpio. On a Pi 5 gpiozero works through lgpio, which makes a small pipe in the working folder: set
`LG_WD` to a folder that can be written.

A lamp that is not fitted is stood in for by amber, and amber by red; green never stands for red nor red for green.

Example:
    >>> from drivers.catalogue import open_indicator                                             # doctest: +SKIP
    >>> light = open_indicator("gpio:?green=17&red=27&amber=22&buzzer=18")                       # doctest: +SKIP
    >>> light.show(Signal.ACCEPTED)                                                              # doctest: +SKIP
"""

from __future__ import annotations

import math
from contextlib import ExitStack
from typing import Any

from drivers.indicator import Signal
from drivers.pattern_player import PatternPlayer
from drivers.patterns import Lamp, Step
from drivers.pin_opening import open_pin

_STANDS_IN = {Lamp.GREEN: Lamp.AMBER, Lamp.RED: Lamp.AMBER, Lamp.AMBER: Lamp.RED}


class GpioIndicator:
    """Lamps and a buzzer on pins.

    Args:
        green: BCM number of the green lamp's pin, None when not fitted; likewise the others.
        red: of the red lamp.
        amber: of the amber lamp.
        buzzer: of the buzzer.
        buzzer_hz: tone of a passive buzzer, 0 for an active one.
        active_low: whether a low level lights the lamps and sounds the buzzer.
        volume: of a passive buzzer, percent of its loudest; an active one knows 0 and 100 only.
        pin_factory: a gpiozero factory; None takes the machine's own.

    Raises:
        Unavailable: no pins here, no permission, or a pin is in use.
    """

    def __init__(
        self,
        green: int | None = None,
        red: int | None = None,
        amber: int | None = None,
        buzzer: int | None = None,
        buzzer_hz: int = 0,
        active_low: bool = False,
        volume: int = 100,
        *,
        pin_factory: Any = None,
    ) -> None:
        fitted = {Lamp.GREEN: green, Lamp.RED: red, Lamp.AMBER: amber}
        with ExitStack() as opened:
            self._lamps = {
                lamp: opened.enter_context(_output(pin, lamp, active_low, pin_factory)) for lamp, pin in fitted.items() if pin is not None
            }
            self._buzzer = (
                None if buzzer is None else opened.enter_context(_output(buzzer, "buzzer", active_low, pin_factory, tone_hz=buzzer_hz))
            )
            self._sound_on = duty(volume) if buzzer_hz else int(volume > 0)
            self._pins = opened.pop_all()
        self._player = PatternPlayer(self._apply, "gpio:")

    def show(self, signal: Signal) -> None:
        """Starts a signal and returns at once; raises `Unplugged` when the pins failed while an earlier one played."""
        self._player.show(signal)

    def set_quiet(self, quiet: bool) -> None:
        """Whether signals are shown without sound; see `Indicator.set_quiet`."""
        self._player.set_quiet(quiet)

    def close(self) -> None:
        """Lights off, sound off, pins released."""
        self._player.close()
        self._pins.close()

    def _apply(self, step: Step) -> None:
        lit = {lamp if lamp in self._lamps else _STANDS_IN[lamp] for lamp in step.lamps}
        for lamp, pin in self._lamps.items():
            pin.value = int(lamp in lit)
        if self._buzzer is not None:
            self._buzzer.value = self._sound_on if step.sound else 0


def _output(pin: int, part: str, active_low: bool, pin_factory: Any, tone_hz: int = 0) -> Any:
    def make(gpiozero: Any) -> Any:
        if tone_hz:
            return gpiozero.PWMOutputDevice(pin, active_high=not active_low, frequency=tone_hz, pin_factory=pin_factory)
        return gpiozero.DigitalOutputDevice(pin, active_high=not active_low, pin_factory=pin_factory)

    return open_pin("gpio", pin, part, make)


def duty(volume: int) -> float:
    """The part of each period in which a passive buzzer is driven.

    A square wave's tone is strongest at one half and grows with the sine of pi times that part (its first Fourier coefficient), so
    that `volume` percent of the strongest tone need the arc sine of it.

    Example:
        >>> [round(duty(volume), 3) for volume in (0, 10, 50, 100)]
        [0.0, 0.032, 0.167, 0.5]
    """
    return math.asin(volume / 100) / math.pi
