"""Draws wiring_bus_door.svg: the wiring of the kit "bus-door". Written to a file by `make docs`."""

from __future__ import annotations

import wiring_sheet


def draw() -> str:
    """The picture as SVG."""
    return wiring_sheet.draw("bus-door")
