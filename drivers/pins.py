"""Tells which of the header's pins a driver URL uses, so that a configuration can refuse a pin that is given twice."""

from __future__ import annotations

from collections.abc import Iterable

from drivers.fittings import BARRIERS
from drivers.schemes import INDICATORS
from drivers.urls import DriverUrl

BUS_PARTS = frozenset({"I2C SDA", "I2C SCL"})  # a bus is there to be shared
_SHARED = (*INDICATORS, *BARRIERS)  # lanes may have one light and one door between them


def pins_of(url: DriverUrl) -> dict[int, str]:
    """The pins a URL uses, named in it or implied by its bus or port: BCM number to part.

    Example:
        >>> from drivers.catalogue import check_indicator_url, check_reader_url
        >>> pins_of(check_indicator_url("gpio:?green=17&buzzer=18"))
        {17: 'green', 18: 'buzzer'}
        >>> pins_of(check_reader_url("serial:/dev/serial0"))
        {14: 'serial TXD', 15: 'serial RXD'}
    """
    named = {int(str(url.arguments[option.name])): option.name for option in url.scheme.options
             if option.is_pin and url.arguments[option.name] is not None}  # fmt: skip
    return {**url.scheme.fixed_pins(url.arguments), **named}


def clashes(urls: Iterable[tuple[str, DriverUrl]]) -> list[tuple[str, int, str]]:
    """The pins that two devices of one configuration would share.

    Args:
        urls: each device's key in the configuration with its URL. The same URL of an indicator or barrier twice is one device, shared by
            lanes; of anything else it is two parts on one pin.

    Returns:
        For each clash the later key, the pin, and the earlier key with its part.

    Example:
        >>> from drivers.catalogue import check_barrier_url, check_indicator_url
        >>> light, door = check_indicator_url("gpio:?green=17&red=5"), check_barrier_url("relay:?pin=5")
        >>> clashes([("gate.indicator", light), ("lane[1].indicator", light), ("gate.barrier", door)])
        [('gate.barrier', 5, 'red of gate.indicator')]
    """
    taken: dict[int, tuple[tuple[str, str], str]] = {}
    found: list[tuple[str, int, str]] = []
    for key, url in urls:
        device = (url.scheme.factory, url.url if url.scheme in _SHARED else key)
        for pin, part in pins_of(url).items():
            other, whose = taken.setdefault(pin, (device, f"{part} of {key}"))
            if other != device and not (part in BUS_PARTS and whose.startswith(part)):
                found.append((key, pin, whose))
    return found
