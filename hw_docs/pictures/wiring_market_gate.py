"""Draws wiring_market_gate.svg: the wiring of the kit "market-gate". Written to a file by `make docs`."""

from __future__ import annotations

import wiring_sheet


def draw() -> str:
    """The picture as SVG."""
    return wiring_sheet.draw("market-gate")
