"""Draws wiring_two_lane.svg: the wiring of the kit "two-lane". Written to a file by `make docs`."""

from __future__ import annotations

import wiring_sheet


def draw() -> str:
    """The picture as SVG."""
    return wiring_sheet.draw("two-lane")
