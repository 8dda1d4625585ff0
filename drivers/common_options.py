"""Options that drivers of several kinds have in common: a pin, the speed of a port, the pins behind the header's port."""

from __future__ import annotations

from collections.abc import Mapping

from drivers.urls import Option, Value

BAUD = Option("baud", "integer", 9600, "Speed in bits a second, 8 data bits, no parity, 1 stop bit.", 300, 4_000_000)

# The header's UART as the kernel names it: RXD and TXD. Source: Raspberry Pi documentation, "Configure UARTs".
_HEADER_PORTS = frozenset({"/dev/serial0", "/dev/ttyAMA0", "/dev/ttyS0"})


def uart_pins(values: Mapping[str, Value]) -> Mapping[int, str]:
    """The header's pins that the port of a URL uses."""
    return {14: "serial TXD", 15: "serial RXD"} if values["port"] in _HEADER_PORTS else {}


def pin(name: str, doc: str) -> Option:
    """An option that is a pin of the header, by BCM number."""
    return Option(name, "integer", None, doc, 0, 27, is_pin=True)
