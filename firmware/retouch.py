"""Retouches a grey picture before another look at it: numpy alone, in whole bytes, a fraction of a millisecond each.

Every function takes and returns 2-D uint8 arrays (0 black to 255 white) and leaves its argument alone. Pictures too small for a
retouch come back as they are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]


def halved_size(height: int, width: int) -> tuple[int, int]:
    """The height and width that `halved` makes of such a picture."""
    return (height // 2, width // 2) if min(height, width) > 1 else (height, width)


def shrunk_size(height: int, width: int, at_most: int) -> tuple[int, int]:
    """The height and width that `shrunk` makes of such a picture.

    Example:
        >>> shrunk_size(960, 1280, 640), shrunk_size(2, 5000, 640)
        ((480, 640), (1, 2500))
    """
    while max(height, width) > at_most and min(height, width) > 1:
        height, width = halved_size(height, width)
    return height, width


def shrunk(grey: Grey, at_most: int) -> Grey:
    """Halved until the longer side has `at_most` pixels, or the shorter one has a single one."""
    size = shrunk_size(grey.shape[0], grey.shape[1], at_most)
    while grey.shape != size:
        grey = halved(grey)
    return grey


def halved(grey: Grey) -> Grey:
    """Half the width and height, each pixel the mean of four: noise and moiré go, codes too large for their blur come back.

    Example:
        >>> halved(np.array([[0, 4, 9], [8, 4, 9]], np.uint8)).tolist()
        [[4]]
    """
    height, width = grey.shape[0] & ~1, grey.shape[1] & ~1
    if not height or not width:
        return grey
    rows = _mean(grey[:height:2, :width], grey[1:height:2, :width])
    return _mean(rows[:, ::2], rows[:, 1::2])


def doubled(grey: Grey) -> Grey:
    """Twice the width and height, straight lines between the pixels: modules of two pixels become readable.

    Example:
        >>> doubled(np.array([[0, 4]], np.uint8)).tolist()
        [[0, 2, 4, 4], [0, 2, 4, 4]]
    """
    height, width = grey.shape
    large = np.empty((2 * height, 2 * width), np.uint8)
    large[::2, ::2] = grey
    large[::2, 1:-1:2] = _mean(grey[:, :-1], grey[:, 1:])
    large[::2, -1] = grey[:, -1]
    large[1:-1:2] = _mean(large[:-2:2], large[2::2])
    large[-1] = large[-2]
    return large


def blurred(grey: Grey, step: int = 1) -> Grey:
    """Each pixel the mean (1 2 1) of those `step` above and below, left and right; the rim stays: scratches and noise go."""
    if min(grey.shape) <= 2 * step:
        return grey
    inner = slice(step, -step)
    soft = grey.copy()
    soft[inner] = _mean(_mean(grey[: -2 * step], grey[2 * step :]), grey[inner])
    across = soft.copy()
    across[:, inner] = _mean(_mean(soft[:, : -2 * step], soft[:, 2 * step :]), soft[:, inner])
    return across


def sharpened(grey: Grey) -> Grey:
    """Unsharp mask with a radius of about 2 pixels, at full strength: takes back the blur of motion and of a missed focus."""
    soft = blurred(blurred(blurred(grey), 2), 2)
    brighter = np.minimum(np.maximum(grey, soft) - soft, ~grey)  # all in bytes: what would pass 0 or 255 stops there
    darker = np.minimum(soft - np.minimum(grey, soft), grey)
    return grey + brighter - darker


def darkest(grey: Grey) -> Grey:
    """Each pixel the darkest of its 2 x 2: thin strokes of faded print grow together."""
    if min(grey.shape) < 2:
        return grey
    rows = np.minimum(grey[:-1], grey[1:])
    return np.minimum(rows[:, :-1], rows[:, 1:])


def _mean(one: Grey, other: Grey) -> Grey:
    # Without a wider type: bits in common, and half of those that differ.
    return (one & other) + ((one ^ other) >> np.uint8(1))
