"""Tests the pins of the header: that no other program holds what this gate needs, and that no relay pulls in while the Pi boots."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from drivers.errors import Unavailable
from drivers.gpio_lines import holders
from edge_agent.device.settings import Settings
from firmware.configuration import devices_in, pins_in
from firmware.verdict import Finding, fault, note, ok, skipped

_OF_THE_KERNEL = ("serial ", "I2C ")  # ports and buses, whose pins it holds for us
_FIRST_PULLED_DOWN = 9  # until a program sets them, GPIO0 to 8 are pulled up, the rest down (BCM2835 ARM Peripherals, table 6-31)


def check_pins(settings: Settings, held: Callable[[Collection[int]], Mapping[int, str]] = holders) -> Finding | None:
    """Whether the pins named in the configuration are free; None when it names none. Not while a gate runs.

    That none is named twice, loading has checked.
    """
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


def check_boot_levels(settings: Settings) -> Finding | None:
    """Whether a relay would open its door while the Pi boots, before any program says otherwise; None when there is none that would."""
    words = []
    for key, url in devices_in(settings):
        if url.scheme.name != "relay":
            continue
        pin, active_low = int(str(url.arguments["pin"])), bool(url.arguments["active_low"])
        if active_low == (pin >= _FIRST_PULLED_DOWN):
            words.append(f"{key}: the Pi pulls GPIO{pin} {'down' if active_low else 'up'} while it boots, and the relay in")
    if not words:
        return None
    return note(
        "pins at boot", "; ".join(words), "for a relay that works on a high level take GPIO9 or above, for active_low=1 GPIO5 or GPIO6"
    )
