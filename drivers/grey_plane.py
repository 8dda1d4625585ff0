"""Copies the grey picture out of a camera's buffer, whatever pixel format the camera settled on. Pure: bytes in, a picture out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from drivers.camera import GreyFrame

# Names as libcamera writes them (libcamera/formats.yaml), which are DRM's: colours are named from the highest byte to the lowest.
_FIRST_PLANE = frozenset({"R8", "YUV420", "YVU420", "YUV422", "YVU422", "YUV444", "YVU444", "NV12", "NV21", "NV16", "NV61"})
_EVERY_SECOND = {"YUYV": 0, "YVYU": 0, "UYVY": 1, "VYUY": 1}  # the first grey byte
_COLOURS = {
    "RGB888": (3, 2, 1, 0),
    "BGR888": (3, 0, 1, 2),
    "XRGB8888": (4, 2, 1, 0),
    "XBGR8888": (4, 0, 1, 2),
}  # bytes a pixel; red, green, blue
_WEIGHTS = (77, 150, 29)  # 256ths of red, green and blue: the luma of ITU-R BT.601


def has_grey(pixel_format: str) -> bool:
    """Tells whether `copy_grey` can read a pixel format; formats with a whole grey plane cost a copy, coloured ones a conversion."""
    return pixel_format in _FIRST_PLANE or pixel_format in _EVERY_SECOND or pixel_format in _COLOURS


def copy_grey(buffer: NDArray[np.uint8], pixel_format: str, size: tuple[int, int], stride: int) -> GreyFrame:
    """Returns the grey picture of a buffer, as a copy that stays when the buffer goes back to the camera.

    Args:
        buffer: all bytes of a frame, dtype uint8; what follows the first plane is not looked at.
        pixel_format: one that `has_grey` knows.
        size: width and height in pixels.
        stride: bytes from the start of one row to the next, padding included.

    Raises:
        ValueError: the format is not known, or the buffer is shorter than its rows.

    Example:
        >>> copy_grey(np.array([10, 128, 20, 128, 0, 0], np.uint8), "YUYV", (2, 1), 6)
        array([[10, 20]], dtype=uint8)
    """
    width, height = size
    rows = buffer.reshape(-1)[: stride * height].reshape(height, stride)
    if pixel_format in _FIRST_PLANE:
        return rows[:, :width].copy()
    if pixel_format in _EVERY_SECOND:
        return rows[:, _EVERY_SECOND[pixel_format] : 2 * width : 2].copy()
    if pixel_format not in _COLOURS:
        raise ValueError(f"no grey picture is known in the pixel format {pixel_format}")
    step, *places = _COLOURS[pixel_format]
    weighted = np.zeros((height, width), np.uint16)
    for place, weight in zip(places, _WEIGHTS, strict=True):
        weighted += np.multiply(rows[:, place : step * width : step], weight, dtype=np.uint16)
    return (weighted >> 8).astype(np.uint8)
