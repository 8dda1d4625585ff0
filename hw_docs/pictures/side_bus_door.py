"""Draws side_bus_door.svg: the reader at a bus door from the side, to scale. Written to a file by `make docs`."""

from __future__ import annotations

import side_view as view
from optics import BUS_DOOR
from sketch import SOFT, Sheet

_U = 6.0  # units a metre, as in side_view


def draw() -> str:
    """The picture as SVG."""
    sheet, place = Sheet(), BUS_DOOR
    near_cm, far_cm = (each / 10 for each in place.zone_mm())
    view.seen(sheet, place, 0.8)
    view.floor(sheet, -0.9, 1.0)
    sheet.wire((1.0 * _U, 0), (1.0 * _U, -0.32 * _U), (1.7 * _U, -0.32 * _U), width=2.4)
    sheet.text((0.2 * _U, -0.08 * _U), "bus floor", size=10, align="center")
    sheet.text((1.35 * _U, -0.41 * _U), "step or kerb", size=10, align="center")
    view.post(sheet, place, 0.05, place.height_m + 0.25, bottom_m=0.0)
    sheet.wire((-0.235 * _U, (place.height_m + 0.25) * _U), (-0.235 * _U, 1.95 * _U), width=2.4)
    sheet.text((-0.27 * _U, 1.8 * _U), "handrail pole, inside the door", size=10, align="right")
    hand = view.phone(sheet, place, (near_cm + far_cm) / 200)
    view.person(sheet, 0.62, 1.6, "boarding", hand)
    view.person(sheet, 1.42, 1.5, "next", (1.2, 0.72), floor_m=-0.32)
    sheet.wire((1.02 * _U, 0.05 * _U), (1.02 * _U, 2.0 * _U), colour=SOFT, dashed=True)
    sheet.text((1.05 * _U, 1.95 * _U), "open door: daylight from behind the", size=10, colour=SOFT)
    sheet.text((1.05 * _U, 1.87 * _U), "passenger; the axis points to the floor", size=10, colour=SOFT)
    view.rise(sheet, -0.42, place.height_m, f"window {place.height_m:.2f} m")
    view.rise(sheet, 0.3, place.zone_height_m(), f"zone {place.zone_height_m():.2f} m", align="left")
    sheet.text((-1.6 * _U, 2.35 * _U), "Bus door from the side", size=15, bold=True)
    sheet.text(
        (-1.6 * _U, 2.24 * _U),
        f"green: a code on a phone is read, {near_cm:.0f}–{far_cm:.0f} cm from the window; yellow: what the reader sees. To scale.",
        size=10,
        colour=SOFT,
    )
    for place_in_list, line in enumerate(
        (
            "Box on the pole, clear of the",
            "gangway and of the door's swing.",
            "Lamps face the passenger and",
            "cannot be seen by the driver.",
        )
    ):
        sheet.text((-1.6 * _U, (1.5 - 0.075 * place_in_list) * _U), line, size=10)
    return sheet.svg("Bus door from the side")
