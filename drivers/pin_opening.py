"""Opens a pin through gpiozero, and says what to do when it cannot be had."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from drivers.errors import Unavailable


def open_pin(scheme: str, pin: int, part: str, make: Callable[[Any], Any]) -> Any:
    """Opens one pin.

    Args:
        scheme: of the driver, for messages.
        pin: its BCM number.
        part: what hangs on it, for messages.
        make: makes the gpiozero device, given the gpiozero module.

    Raises:
        Unavailable: no pins here, no permission, or the pin is in use.
    """
    try:
        import gpiozero  # noqa: PLC0415 - only machines with pins need it

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", gpiozero.PinFactoryFallback)  # each way to the pins it tried; ours says it once
            return make(gpiozero)
    except Exception as problem:
        raise Unavailable(
            f"'{scheme}:' cannot use GPIO{pin} for the {part} ({type(problem).__name__}: {problem}). Check that this is a Raspberry Pi, "
            "that the user is in the group gpio and that no other program holds the pin; on a machine without pins leave it out, or use "
            "`console:` for lights and `fifo:` for switches."
        ) from problem
