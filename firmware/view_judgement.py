"""Judges a camera's picture: is there light, is anything to be seen, is it sharp."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BLACK, _SATURATED = 12.0, 243.0  # mean brightness of 0 to 255 beyond which no code can be read
_BURNT, _BURNT_PART = 250, 0.5
_FLAT = 8.0  # less between the brightest and the darkest hundredth than a sensor's own noise makes
_TEXTURED = 40.0  # from here on a focused lens shows an edge somewhere
_SHARP = 0.12  # below it edges are over 8 pixels wide; of 98 photographs of codes only one, badly blurred, is (shared set of tests/bench)


@dataclass(frozen=True, slots=True)
class View:
    """What a picture is like.

    Attributes:
        brightness: mean, 0 to 255.
        contrast: between the darkest and the brightest hundredth of it, 0 to 255.
        burnt: the part of it that is white through and through, 0 to 1.
        sharpness: how much of the contrast the sharpest edges climb in one pixel, 0 to 1 and above.
    """

    brightness: float
    contrast: float
    burnt: float
    sharpness: float


def measured(grey: NDArray[np.uint8]) -> View:
    """Measures a picture of shape (height, width), 0 black to 255 white."""
    low, high = np.percentile(grey, (1, 99))
    contrast = float(high - low)
    steps = [np.abs(np.diff(grey.astype(np.int16), axis=axis)) for axis in (0, 1)]
    steepest = max((float(np.percentile(step, 99.9)) for step in steps if step.size), default=0.0)
    return View(float(grey.mean()), contrast, float((grey >= _BURNT).mean()), steepest / contrast if contrast else 0.0)


def hopeless(view: View) -> tuple[str, str] | None:
    """Why no code can be read in such a view and what to do; None when one can."""
    if view.brightness <= _BLACK:
        return "black", "take off the lens cap, or give the gate light"
    if view.brightness >= _SATURATED:
        return "saturated", "turn the camera out of the sun, or set exposure_us lower"
    return None


def doubtful(view: View) -> tuple[str, str] | None:
    """What makes codes hard to read in such a view and what to do; None when nothing does."""
    if view.burnt >= _BURNT_PART:
        return f"{view.burnt:.0%} of the view is burnt out", "turn the camera away from lamp or sky, or shade it"
    if view.contrast < _FLAT:
        return "nothing can be told apart", "take off the protective film, clean the lens; a bare wall close by looks like this too"
    if view.contrast >= _TEXTURED and view.sharpness < _SHARP:
        return "blurred", "focus the lens for the distance of the code, clean it, and try again with --ask"
    return None
