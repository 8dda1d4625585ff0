"""Calculates what a camera reads at which distance and sees where it is mounted: for camera.md, mounting.md and the side views."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Eye:
    """A camera or barcode reader.

    Attributes:
        name: for the tables.
        across_degrees: horizontal field of view.
        up_degrees: vertical field of view.
        across_px: pixels of a frame's width.
        nearest_mm: where it becomes sharp.
        source: where the figures are from.
    """

    name: str
    across_degrees: float
    up_degrees: float
    across_px: int
    nearest_mm: float
    source: str

    def pixels_per_mm(self, distance_mm: float) -> float:
        """Pixels on each millimetre of something at a distance, seen squarely."""
        return self.across_px / (2 * distance_mm * math.tan(math.radians(self.across_degrees) / 2))

    def farthest_mm(self, module_mm: float) -> float:
        """Where a code's modules are just wide enough to be read."""
        return self.pixels_per_mm(1.0) * module_mm / READABLE_PX

    def height_mm(self, distance_mm: float) -> float:
        """Height of what it sees at a distance."""
        return 2 * distance_mm * math.tan(math.radians(self.up_degrees) / 2)

    def closest_mm(self, code_mm: float) -> float:
        """Where a code, with a quarter of its width spare around it, just fits and is sharp."""
        return max(self.nearest_mm, code_mm * 1.25 / self.height_mm(1.0))


READABLE_PX = 3.0
_PI_CAMERAS = "Raspberry Pi documentation, about the camera modules"
MODULE_3 = Eye("Module 3", 66.0, 41.0, 1280, 100.0, _PI_CAMERAS)
CAMERAS = (
    Eye("Module 2", 62.2, 48.8, 1280, 1000.0, _PI_CAMERAS),
    MODULE_3,
    Eye("Module 3 Wide", 102.0, 67.0, 1280, 50.0, _PI_CAMERAS),
)
READER = Eye("GM65-S reader", 35.0, 28.0, 648, 40.0, "GM65-S user manual V1.3: 648 x 488, 35° x 28°, reads from 4 cm")
# name, width of the symbol in mm, modules a side
CODES = (
    ("national code, printed 50 mm", 50.0, 49),
    ("national code on a phone, 45 mm", 45.0, 49),
    ("identity card (CCCD), 18 mm", 18.0, 53),
)
_DISTANCES_CM = (10, 15, 20, 30, 40, 60)


@dataclass(frozen=True, slots=True)
class Mounting:
    """How an eye is mounted, in metres above the floor on which people stand.

    Attributes:
        eye: what is mounted.
        height_m: of its window.
        down_degrees: how far its axis points below the horizon.
    """

    eye: Eye
    height_m: float
    down_degrees: float

    def zone_mm(self) -> tuple[float, float]:
        """Nearest and farthest distance at which a code on a phone is read."""
        _name, width_mm, modules = CODES[1]
        return self.eye.closest_mm(width_mm), self.eye.farthest_mm(width_mm / modules)

    def zone_height_m(self) -> float:
        """Height of the middle of the zone."""
        near_mm, far_mm = self.zone_mm()
        return self.height_m - (near_mm + far_mm) / 2000 * math.sin(math.radians(self.down_degrees))

    def below_horizon_degrees(self) -> float:
        """How far even the top edge of its picture points below the horizon: above 0, no sky is in it."""
        return self.down_degrees - self.eye.up_degrees / 2


MARKET_GATE = Mounting(MODULE_3, 1.15, 25.0)
BUS_DOOR = Mounting(READER, 1.10, 20.0)
MOUNTINGS = {"market-gate": MARKET_GATE, "bus-door": BUS_DOOR}


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def distances() -> Iterator[str]:
    """Pixels per module by code, camera and distance."""
    yield _row("code", "camera", *(f"{distance} cm" for distance in _DISTANCES_CM))
    yield _row(*["---"] * (len(_DISTANCES_CM) + 2))
    for code, width_mm, modules in CODES:
        for camera in CAMERAS:
            pixels = [width_mm / modules * camera.pixels_per_mm(distance * 10) for distance in _DISTANCES_CM]
            yield _row(code, camera.name, *(f"**{each:.1f}**" if each >= READABLE_PX else f"{each:.1f}" for each in pixels))
    yield ""


def reach() -> Iterator[str]:
    """Between which distances each code is read by what the kits use."""
    yield _row("code", "read by", "from", "to", "picture there, width x height")
    yield _row(*["---"] * 5)
    for code, width_mm, modules in CODES:
        for eye in (MODULE_3, READER):
            near_mm, far_mm = eye.closest_mm(width_mm), eye.farthest_mm(width_mm / modules)
            if near_mm > far_mm:
                yield _row(code, eye.name, "nowhere", f"would need {far_mm / 10:.0f} cm or less", "")
                continue
            size = f"{eye.across_px / eye.pixels_per_mm(far_mm) / 10:.0f} x {eye.height_mm(far_mm) / 10:.0f} cm"
            yield _row(code, eye.name, f"{near_mm / 10:.0f} cm", f"{far_mm / 10:.0f} cm", size)
    yield ""


def mounting() -> Iterator[str]:
    """Height, tilt and reading zone of the kits."""
    yield _row("kit", "eye", "height of its window", "points down", "reading zone (phone)", "middle of the zone", "top edge of the picture")
    yield _row(*["---"] * 7)
    for kit, place in MOUNTINGS.items():
        near_mm, far_mm = place.zone_mm()
        yield _row(
            kit,
            place.eye.name,
            f"{place.height_m:.2f} m",
            f"{place.down_degrees:g}°",
            f"{near_mm / 10:.0f}–{far_mm / 10:.0f} cm",
            f"{place.zone_height_m():.2f} m",
            f"{place.below_horizon_degrees():.1f}° below the horizon",
        )
    yield ""


TABLES = {"distances": distances, "reach": reach, "mounting": mounting}
