"""Draws side_market_gate.svg: the market gate from the side, to scale. Written to a file by `make docs`."""

from __future__ import annotations

import side_view as view
from optics import MARKET_GATE
from sketch import SOFT, Sheet

_U = 6.0  # units a metre, as in side_view


def draw() -> str:
    """The picture as SVG."""
    sheet, place = Sheet(), MARKET_GATE
    near_cm, far_cm = (each / 10 for each in place.zone_mm())
    view.seen(sheet, place, 1.0)
    view.floor(sheet, -0.6, 2.5)
    view.post(sheet, place, 0.08, place.height_m + 0.3)
    sheet.area([(-0.34 * _U, 1.47 * _U), (0.14 * _U, 1.4 * _U), (0.14 * _U, 1.425 * _U), (-0.34 * _U, 1.5 * _U)], "#8d99a6")
    sheet.text((-0.34 * _U, 1.56 * _U), "hood, 14 cm beyond the window", size=10)
    hand = view.phone(sheet, place, (near_cm + far_cm) / 200)
    view.person(sheet, 0.72, 1.6, "adult 1.60 m", hand)
    view.seated(sheet, 1.5, "in a wheelchair", (1.05, place.zone_height_m() - 0.1))
    view.person(sheet, 2.2, 1.15, "child 1.15 m", (1.95, 0.92))
    view.rise(sheet, -0.42, place.height_m, f"window {place.height_m:.2f} m")
    view.rise(sheet, 0.36, place.zone_height_m(), f"zone {place.zone_height_m():.2f} m", align="left")
    sheet.text((-1.6 * _U, 1.95 * _U), "Market gate from the side", size=15, bold=True)
    sheet.text(
        (-1.6 * _U, 1.84 * _U),
        f"green: a code on a phone is read, {near_cm:.0f}–{far_cm:.0f} cm from the window; yellow: what the camera sees. To scale.",
        size=10,
        colour=SOFT,
    )
    for place_in_list, line in enumerate(
        (
            f"Camera axis {place.down_degrees:g}° down: the top edge of",
            f"the picture is {place.below_horizon_degrees():.1f}° below the horizon,",
            "so no sky and no sun are in it.",
            "Window matt around, lamps above it.",
        )
    ):
        sheet.text((-1.6 * _U, (1.62 - 0.075 * place_in_list) * _U), line, size=10)
    return sheet.svg("Market gate from the side")
