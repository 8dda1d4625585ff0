"""Where a code is in a frame: four corners, and the few sums the decoders need of them."""

from __future__ import annotations

from typing import NamedTuple

# Top left, top right, bottom right, bottom left of the symbol itself (clockwise, however it is turned), in pixels.
# A damaged code's corners may lie outside the frame.
Point = tuple[int, int]
Corners = tuple[Point, Point, Point, Point]


class Box(NamedTuple):
    """An upright rectangle of pixels: `frame[top:bottom, left:right]`."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        """Its pixels; 0 if it is empty."""
        return max(0, self.right - self.left) * max(0, self.bottom - self.top)

    def empty(self) -> bool:
        """Says whether it has no pixel."""
        return self.left >= self.right or self.top >= self.bottom


def centre(corners: Corners) -> Point:
    """Returns the middle of the four corners."""
    return sum(x for x, _ in corners) // 4, sum(y for _, y in corners) // 4


def inside(point: Point, corners: Corners) -> bool:
    """Says whether a point lies in the quadrilateral of the corners, whichever way round they go.

    Example:
        >>> turned = ((50, 0), (100, 50), (50, 100), (0, 50))
        >>> inside((50, 50), turned), inside((10, 10), turned)
        (True, False)
    """
    x, y = point
    within = False
    for (x1, y1), (x2, y2) in zip(corners, (*corners[1:], corners[0]), strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):  # a ray to the right crosses this side
            within = not within
    return within


def neighbourhood(corners: Corners, *, margin: float, width: int, height: int) -> Box:
    """Returns the box around the corners, widened on each side by `margin` of its size and cut to the frame; it may be empty.

    Example:
        >>> neighbourhood(((10, 10), (30, 10), (30, 30), (10, 30)), margin=0.5, width=100, height=35)
        Box(left=0, top=0, right=40, bottom=35)
    """
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    across, down = int(margin * (max(xs) - min(xs))), int(margin * (max(ys) - min(ys)))
    return Box(max(0, min(xs) - across), max(0, min(ys) - down), min(width, max(xs) + across), min(height, max(ys) + down))


def scaled(corners: Corners, scale: float, left: int, top: int) -> Corners:
    """Returns the corners as seen from a frame in which their picture begins at (left, top) and each of its pixels is `scale` wide.

    Example:
        >>> scaled(((0, 0), (8, 0), (8, 8), (0, 8)), 0.5, left=10, top=20)
        ((10, 20), (14, 20), (14, 24), (10, 24))
    """
    one, two, three, four = ((round(x * scale) + left, round(y * scale) + top) for x, y in corners)
    return one, two, three, four
