"""Spoils a clean picture of a code in the ways of cheap prints and cheap cameras; the same seed spoils it the same way."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]


def degraded(code: Grey, seed: int) -> Grey:
    """A clean code as a bad picture of it: turned, tilted, small, unevenly lit, blurred, scratched, noisy, compressed.

    Args:
        code: with its quiet zone, at least 4 pixels a module.
        seed: of everything left to chance.
    """
    rng = np.random.default_rng(seed)
    picture = _worn(code.astype(np.float32), rng)
    picture = _placed(picture, rng)
    picture = _lit(picture, rng)
    picture = _blurred(picture, rng)
    noisy = picture + rng.normal(0, rng.uniform(1, 14), picture.shape)
    grey = np.clip(noisy, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        _, data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(18, 80))])
        grey = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
    return 255 - grey if rng.random() < 0.1 else grey


def _worn(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Scratches and a stain."""
    side = picture.shape[0]
    for _ in range(int(rng.integers(0, 4))):
        one, two = (tuple(int(value) for value in rng.integers(0, side, 2)) for _ in range(2))
        cv2.line(picture, one, two, (float(rng.choice((0, 255))),), int(rng.integers(1, 5)))
    if rng.random() < 0.3:
        at = tuple(int(value) for value in rng.integers(side // 4, side, 2))
        cv2.circle(picture, at, int(rng.uniform(0.03, 0.12) * side), (float(rng.uniform(0, 255)),), -1)
    return picture


def _placed(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Turned and tilted into a frame of 640 x 480, at about two to five pixels a module."""
    side = picture.shape[0]
    new, angle = rng.uniform(110, 300), rng.uniform(0, 2 * math.pi)
    cos, sin = math.cos(angle), math.sin(angle)
    square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * new / 2 @ np.array([(cos, sin), (-sin, cos)])
    corners = square * (1 + rng.uniform(-0.12, 0.12, (4, 1))) + (320 + rng.uniform(-60, 60), 240 + rng.uniform(-20, 20))
    there = cv2.getPerspectiveTransform(np.array([(0, 0), (side, 0), (side, side), (0, side)], np.float32), corners.astype(np.float32))
    shrink = side / new
    soft = cv2.GaussianBlur(picture, (0, 0), 0.4 * shrink) if shrink > 1.2 else picture
    return np.asarray(cv2.warpPerspective(soft, there, (640, 480), borderValue=(float(rng.uniform(40, 255)),)), np.float32)


def _lit(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Little contrast, light from one side, perhaps a reflection."""
    rows, columns = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]].astype(np.float32)
    dark = rng.uniform(0, 90)
    bright = dark + rng.uniform(50, 165)
    slope = rng.uniform(-0.5, 0.5) * columns / 640 + rng.uniform(-0.5, 0.5) * rows / 480
    picture = (dark + picture / 255 * (bright - dark)) * (1 + slope)
    if rng.random() < 0.35:
        x, y, reach = rng.uniform(200, 440), rng.uniform(140, 340), rng.uniform(20, 70)
        picture = picture + rng.uniform(60, 200) * np.exp(-(((columns - x) / reach) ** 2 + ((rows - y) / reach) ** 2))
    return np.asarray(picture, np.float32)


def _blurred(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Out of focus, or moved."""
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.5)), np.float32)
    length = int(rng.integers(1, 9))
    if rng.random() < 0.4 and length > 1:
        kernel = np.zeros((length, length), np.float32)
        slope = rng.uniform(0, math.pi)
        middle = (length - 1) / 2
        for step in np.linspace(-middle, middle, 4 * length):
            kernel[round(middle + step * math.sin(slope)), round(middle + step * math.cos(slope))] += 1
        picture = np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), np.float32)
    return picture
