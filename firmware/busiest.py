"""Finds where a frame is busiest: black and white modules change at every step, faces and walls do not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .corners import Box

_STRIDE = 8  # a code's modules are 2 to 10 pixels: each sample falls on another one


def size_of_busiest(height: int, width: int, side: int) -> tuple[int, int]:
    """The height and width of what `busiest` returns for a frame of that size; at the frame's rim it may be less by some pixels."""
    return min(height, side // _STRIDE * _STRIDE), min(width, side // _STRIDE * _STRIDE)


def busiest(grey: NDArray[np.uint8], side: int, beside: Sequence[Box] = ()) -> Box:
    """Returns the square of about `side` pixels with the most contrast from sample to sample; all of a frame no larger than that.

    Args:
        grey: 2-D uint8 array.
        side: pixels, at least 8.
        beside: parts that do not count, since they are known already.

    Example:
        >>> frame = np.zeros((100, 400), np.uint8)
        >>> frame[16:80:16, 200:264] = 255
        >>> busiest(frame, 64).left in range(192, 209)
        True
    """
    samples = grey[::_STRIDE, ::_STRIDE]
    high, wide = (-(-length // _STRIDE) for length in size_of_busiest(grey.shape[0], grey.shape[1], side))
    busy = np.zeros((samples.shape[0] + 1, samples.shape[1] + 1), np.int32)
    busy[1:, 2:] += _steps(samples[:, 1:], samples[:, :-1])
    busy[2:, 1:] += _steps(samples[1:], samples[:-1])
    for known in beside:
        busy[known.top // _STRIDE : known.bottom // _STRIDE + 2, known.left // _STRIDE : known.right // _STRIDE + 2] = 0
    sums = busy.cumsum(axis=0).cumsum(axis=1)
    windows = sums[high:, wide:] - sums[:-high, wide:] - sums[high:, :-wide] + sums[:-high, :-wide]
    down, across = divmod(int(windows.argmax()), windows.shape[1])
    # The first of all windows that hold the code has it at its rim: what is busy goes to the middle, its quiet zone comes along.
    inside = busy[down + 1 : down + high + 1, across + 1 : across + wide + 1]
    top = _centred(inside.sum(axis=1), down, samples.shape[0]) * _STRIDE
    left = _centred(inside.sum(axis=0), across, samples.shape[1]) * _STRIDE
    return Box(left, top, min(left + wide * _STRIDE, grey.shape[1]), min(top + high * _STRIDE, grey.shape[0]))


def _centred(busy: NDArray[np.int32], start: int, length: int) -> int:
    """Returns where a window that began at `start` begins when its centre of business is its middle, within `length`."""
    total = int(busy.sum())
    if not total:
        return start
    middle = int(busy @ np.arange(len(busy))) / total
    return min(max(start + round(middle - (len(busy) - 1) / 2), 0), length - len(busy))


def _steps(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.maximum(one, other) - np.minimum(one, other)
