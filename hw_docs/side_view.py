"""Draws a mounted camera or reader from the side, to scale: what it sees, where a code is read, who stands there."""

from __future__ import annotations

import math

import schemdraw.elements as elm
from optics import Mounting
from sketch import DEVICE, INK, OUTSIDE, SOFT, Align, Point, Sheet

_SCALE = 6.0  # units a metre
_SEEN, _READ = "#fbf3d9", "#bfe3c6"
_BODY = "#cfd6dd"


def _at(x_m: float, y_m: float) -> Point:
    return x_m * _SCALE, y_m * _SCALE


def _ray(place: Mounting, distance_m: float, off_axis_degrees: float) -> Point:
    angle = math.radians(-place.down_degrees + off_axis_degrees)
    return _at(distance_m * math.cos(angle), place.height_m + distance_m * math.sin(angle))


def seen(sheet: Sheet, place: Mounting, seen_m: float) -> None:
    """What the picture holds, and the part of it in which a code is read."""
    half = place.eye.up_degrees / 2
    near_m, far_m = (each / 1000 for each in place.zone_mm())
    steps = [-half + half * step / 6 for step in range(13)]
    sheet.area([_at(0, place.height_m), *(_ray(place, seen_m, step) for step in steps)], _SEEN)
    inner, outer = ([_ray(place, distance_m, step) for step in steps] for distance_m in (near_m, far_m))
    sheet.area([*inner, *reversed(outer)], _READ, "#2c8a3c")
    sheet.wire(_at(0, place.height_m), _ray(place, seen_m * 0.92, 0), colour=SOFT, width=1.0, dashed=True)
    sheet.wire(_at(0, place.height_m), _at(seen_m, place.height_m), colour=SOFT, width=0.8)
    sheet.text(_at(seen_m + 0.02, place.height_m), "horizon", size=9, colour=SOFT)
    start = seen_m * 0.72
    arc = [_ray(place, start, place.down_degrees - place.down_degrees * step / 8) for step in range(9)]
    sheet.wire(*arc, colour=SOFT, width=1.0)
    sheet.text(_ray(place, start + 0.03, place.down_degrees * 0.55), f"{place.down_degrees:g}°", size=10)


def floor(sheet: Sheet, left_m: float, right_m: float, y_m: float = 0.0) -> None:
    """The ground on which people stand."""
    sheet.wire(_at(left_m, y_m), _at(right_m, y_m), width=2.4)


def person(sheet: Sheet, x_m: float, tall_m: float, name: str, hand: Point, floor_m: float = 0.0) -> None:
    """A standing person whose hand holds a phone at a place (metres)."""
    head = tall_m * 0.07
    neck, hip = floor_m + tall_m * 0.84, floor_m + tall_m * 0.5
    for start, end, width in (
        ((x_m, neck), (x_m, hip), 13),
        ((x_m, hip), (x_m - 0.05, floor_m + 0.04), 8),
        ((x_m, hip), (x_m + 0.07, floor_m + 0.04), 8),
    ):
        sheet.add(elm.Line(color=_BODY, lw=width, zorder=-3).at(_at(*start)).to(_at(*end)))
    _arm(sheet, (x_m - 0.02, neck - 0.05), hand)
    sheet.add(elm.Dot(radius=head * _SCALE, color=_BODY, fill=_BODY, zorder=-3).at(_at(x_m, floor_m + tall_m - head)).theta(0))
    sheet.text(_at(x_m, floor_m + tall_m + 0.06), name, size=10, align="center")


def seated(sheet: Sheet, x_m: float, name: str, hand: Point) -> None:
    """Somebody in a wheelchair whose hand holds a phone."""
    for start, end, width in (
        ((x_m, 1.08), (x_m + 0.03, 0.55), 13),
        ((x_m + 0.03, 0.55), (x_m - 0.36, 0.52), 9),
        ((x_m - 0.36, 0.52), (x_m - 0.4, 0.16), 8),
    ):
        sheet.add(elm.Line(color=_BODY, lw=width, zorder=-3).at(_at(*start)).to(_at(*end)))
    sheet.add(elm.Dot(radius=0.09 * _SCALE, color=_BODY, fill=_BODY, zorder=-3).at(_at(x_m, 1.22)).theta(0))
    sheet.add(elm.Dot(radius=0.28 * _SCALE, color=SOFT, fill="#ffffff", lw=2, zorder=-4).at(_at(x_m + 0.05, 0.28)).theta(0))
    _arm(sheet, (x_m - 0.02, 1.02), hand)
    sheet.text(_at(x_m + 0.1, 1.4), name, size=10, align="center")


def _arm(sheet: Sheet, shoulder: Point, hand: Point) -> None:
    elbow = ((shoulder[0] + hand[0]) / 2 + 0.02, min(shoulder[1], hand[1]) - 0.06)
    for start, end in ((shoulder, elbow), (elbow, hand)):
        sheet.add(elm.Line(color="#aeb8c2", lw=6, zorder=-2).at(_at(*start)).to(_at(*end)))


def phone(sheet: Sheet, place: Mounting, distance_m: float) -> Point:
    """A phone held squarely to the axis; returns where its hand is, in metres."""
    up = math.radians(90 - place.down_degrees)
    x, y = (each / _SCALE for each in _ray(place, distance_m, 0))
    top, bottom = (x + math.cos(up) * 0.07, y + math.sin(up) * 0.07), (x - math.cos(up) * 0.07, y - math.sin(up) * 0.07)
    sheet.add(elm.Line(color=INK, lw=4).at(_at(*top)).to(_at(*bottom)))
    return bottom


def post(sheet: Sheet, place: Mounting, width_m: float, top_m: float, bottom_m: float = 0.0) -> None:
    """The post, the box on it and its hood."""
    left, right = -0.16 - width_m, -0.16
    sheet.frame(left * _SCALE, (place.height_m - 0.1) * _SCALE, right * _SCALE, bottom_m * _SCALE, OUTSIDE)
    sheet.area(
        [
            _at(-0.3, place.height_m - 0.13),
            _at(-0.3, top_m),
            _at(-0.06, top_m),
            _at(0.0, place.height_m + 0.06),
            _at(-0.04, place.height_m - 0.13),
        ],
        DEVICE,
        INK,
    )
    sheet.add(elm.Dot(radius=0.022 * _SCALE, color=INK, fill=INK).at(_at(0, place.height_m)).theta(0))


def rise(sheet: Sheet, x_m: float, top_m: float, text: str, *, bottom_m: float = 0.0, align: Align = "right") -> None:
    """A height above the floor."""
    offset = -0.03 if align == "right" else 0.03
    sheet.span(_at(x_m, bottom_m), _at(x_m, top_m), text, _at(x_m + offset, (top_m + bottom_m) / 2), align=align)
