"""Tests the pins of the header: that no other program holds what this gate's lights need. Not while a gate runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from drivers.errors import Unavailable
from drivers.gpio_lines import holders
from edge_agent.settings import Settings
from firmware.configuration import pins_in
from firmware.verdict import Finding, fault, ok, skipped

_OF_THE_KERNEL = ("serial ", "I2C ")  # ports and buses, whose pins it holds for us


def check_pins(settings: Settings, held: Callable[[Collection[int]], Mapping[int, str]] = holders) -> Finding | None:
    """Whether the pins named in the configuration are free; None when it names none. That none is named twice, loading has checked."""
    parts = pins_in(settings)
    if not parts:
        return None
    try:
        taken = held({pin for pin, part in parts.items() if not part.startswith(_OF_THE_KERNEL)})
    except Unavailable as error:
        return skipped("pins", str(error))
    if taken:
        words = [f"GPIO{pin} ({parts[pin]}) is held by {holder}" for pin, holder in taken.items()]
        return fault(
            "pins", "; ".join(words), "end that program, switch off the interface in /boot/firmware/config.txt, or take other pins"
        )
    return ok("pins", f"GPIO {', '.join(map(str, sorted(parts)))}: each given once, free")
