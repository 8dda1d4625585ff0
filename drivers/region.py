"""Turns a region of interest into the rectangle of the sensor that a camera's scaler reads. Pure: numbers in, numbers out."""

from __future__ import annotations

from typing import NamedTuple


class Region(NamedTuple):
    """A part of the view in percent of its width and height, counted from the top left."""

    left: int
    top: int
    width: int
    height: int


class Rectangle(NamedTuple):
    """A part of the sensor in its own pixels, as libcamera writes one."""

    x: int
    y: int
    width: int
    height: int


def crop_of(region: Region, full: Rectangle, size: tuple[int, int]) -> Rectangle:
    """Returns what the scaler should read for a region.

    The scaler stretches what it reads to the frame, so the rectangle is given the frame's proportions: it grows round the region's
    middle, moves in from the border, and where the sensor is too small for that, is cut instead. Modules stay square.

    Args:
        region: what should be seen.
        full: the whole view in the sensor's pixels.
        size: width and height of the frames.

    Example:
        >>> crop_of(Region(25, 25, 50, 25), Rectangle(0, 0, 4608, 2592), (1280, 720))
        Rectangle(x=1152, y=324, width=2304, height=1296)
    """
    width, height = full.width * region.width / 100, full.height * region.height / 100
    middle_x = full.x + full.width * (region.left + region.width / 2) / 100
    middle_y = full.y + full.height * (region.top + region.height / 2) / 100
    shape = size[0] / size[1]
    width, height = max(width, height * shape), max(height, width / shape)  # grown in one of the two
    width, height = min(width, full.width, full.height * shape), min(height, full.height, full.width / shape)  # cut where it must be
    whole_width, whole_height = round(width), round(height)
    x = min(max(round(middle_x - width / 2), full.x), full.x + full.width - whole_width)
    y = min(max(round(middle_y - height / 2), full.y), full.y + full.height - whole_height)
    return Rectangle(x, y, whole_width, whole_height)
