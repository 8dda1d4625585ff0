"""Draws what a camera at a gate sees: a wall, or a phone with a QR code that comes nearer and steadier; pure, by a given chance."""

from __future__ import annotations

import math

import numpy as np
import segno
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from drivers.camera import GreyFrame

_APPROACH_FRAMES = 10  # a third of a second from "far" to "held still"
_QUIET_MODULES = 4
_SCREEN_PIXELS = 360  # about the width of the screen; modules are whole pixels, at least two
_NOISE_ROOM = 64
_NOISE_TOP = 7
_BRIGHTEST = 245  # noise is added without a check, so a picture stays below 256 - _NOISE_TOP


class TextDoesNotFit(ValueError):
    """The text is longer than a QR code can hold; the message does not repeat it."""


class Phone:
    """A lit phone showing a code, and how its holder happens to hold it.

    Args:
        text: of the code, at least one character.
        rng: decides brightness, angle and place.

    Raises:
        TextDoesNotFit: the text is too long for a QR code.
    """

    def __init__(self, text: str, rng: np.random.Generator) -> None:
        self.face = _face(text, white=int(rng.integers(205, _BRIGHTEST - _NOISE_TOP)))
        self.place = rng.uniform((-0.12, -0.08), (0.12, 0.08))
        self.roll_rad = float(rng.normal(0, 0.12))
        self.tilt_rad = rng.uniform(-0.22, 0.22, size=2)
        self.far_tilt_rad = rng.uniform(-0.5, 0.5, size=2)
        self.near_height = float(rng.uniform(0.78, 0.92))  # of the picture, for the whole phone


class Scene:
    """The view of one camera, with its background and its noise.

    Args:
        size: width and height in pixels.
        rng: decides everything that is left to chance.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> Scene((320, 240), rng).draw(Phone("any text", rng), frame_number=12).shape
        (240, 320)
    """

    def __init__(self, size: tuple[int, int], rng: np.random.Generator) -> None:
        self._size = size
        self._rng = rng
        self._background = _background(size, rng)
        room = (size[1] + _NOISE_ROOM, size[0] + _NOISE_ROOM)
        self._noise = rng.integers(0, 4, room, np.uint8) + rng.integers(0, 4, room, np.uint8)

    def draw(self, phone: Phone | None, frame_number: int) -> GreyFrame:
        """One frame.

        Args:
            phone: what is held up; None is nobody.
            frame_number: frames since it came into view, from 0.

        Returns:
            An array of shape (height, width), dtype uint8.
        """
        width, height = self._size
        x, y = self._rng.integers(0, _NOISE_ROOM, 2)
        frame: GreyFrame = self._background + self._noise[y : y + height, x : x + width]
        if phone is not None:
            self._hold(frame, phone, frame_number)
        return frame

    def _hold(self, frame: GreyFrame, phone: Phone, frame_number: int) -> None:
        width, height = self._size
        far = max(0.0, 1 - frame_number / _APPROACH_FRAMES) ** 1.5  # 1 far away and moving, 0 held still
        jitter = self._rng.normal(0, 0.0015 + 0.01 * far, size=2)
        scale = height * phone.near_height * (1 - 0.68 * far) / phone.face.height
        centre = np.array([0.5, 0.5]) + phone.place + jitter + np.array([0.18, 0.25]) * far
        tilt = phone.tilt_rad * (1 - far) + phone.far_tilt_rad * far + self._rng.normal(0, 0.01, size=2)
        corners = _corners(phone, scale, tilt, phone.roll_rad * (1 + far)) + centre * (width, height)
        left, top = np.floor(np.clip(corners.min(axis=0) - 12, 0, (width, height))).astype(int)
        right, bottom = np.ceil(np.clip(corners.max(axis=0) + 12, 0, (width, height))).astype(int)
        if right <= left or bottom <= top:
            return
        coefficients = _perspective(corners - (left, top), phone.face.size)
        seen = phone.face.transform(
            (int(right - left), int(bottom - top)), Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR
        )
        seen = seen.filter(ImageFilter.BoxBlur(0.35 + 2.2 * far))
        region = frame[top:bottom, left:right]
        layers = _smear(np.asarray(seen).astype(np.uint16), round(9 * far))
        light, cover = layers[..., 0], layers[..., 1]
        region[:] = ((region * (255 - cover) + light * cover) // 255).astype(np.uint8)


def render(text: str, frame_number: int, rng: np.random.Generator, size: tuple[int, int] = (1280, 720)) -> GreyFrame:
    """One frame of a new scene: nobody when the text is empty, else a phone that shows it `frame_number` frames after it came.

    Raises:
        TextDoesNotFit: the text is too long for a QR code.
    """
    scene = Scene(size, rng)
    return scene.draw(Phone(text, rng) if text else None, frame_number)


def _face(text: str, white: int) -> Image.Image:
    """The phone from the front, `LA`: its light, and where there is phone at all."""
    try:
        matrix = segno.make_qr(text, error="m", encoding="utf-8", boost_error=False).matrix
    except ValueError as problem:  # segno.DataOverflowError is one; `from None`, as its message could quote the text
        raise TextDoesNotFit(f"a text of {len(text)} characters does not fit a QR code ({type(problem).__name__})") from None
    dark = np.pad(np.array([list(row) for row in matrix], dtype=bool), _QUIET_MODULES)
    side = len(dark) * max(2, _SCREEN_PIXELS // len(dark))
    bezel = side // 15
    code = Image.fromarray(np.where(dark, 24, white).astype(np.uint8)).resize((side, side), Image.Resampling.NEAREST)
    face = Image.new("LA", (side + 2 * bezel, side + 6 * bezel), (30, 255))
    face.paste((white, 255), (bezel, 2 * bezel, bezel + side, 4 * bezel + side))
    face.paste(code.convert("LA"), (bezel, 3 * bezel))
    return face


def _background(size: tuple[int, int], rng: np.random.Generator) -> GreyFrame:
    """A wall in uneven light with stains, and two posts."""
    width, height = size
    coarse = Image.fromarray(rng.integers(60, 170, (9, 16), np.uint8)).resize(size, Image.Resampling.BICUBIC)
    grain = Image.fromarray(rng.integers(0, 60, (max(1, height // 6), max(1, width // 6)), np.uint8)).resize(
        size, Image.Resampling.BILINEAR
    )
    wall = Image.blend(coarse, grain, 0.35)
    for left in rng.uniform(0, 0.9, size=2):
        post = (int(left * width), 0, int((left + 0.06) * width), height)
        wall.paste(int(rng.integers(20, 200)), post)
    return np.asarray(wall.filter(ImageFilter.BoxBlur(3))).clip(0, _BRIGHTEST - _NOISE_TOP).astype(np.uint8)


def _corners(phone: Phone, scale: float, tilt_rad: NDArray[np.float64], roll_rad: float) -> NDArray[np.float64]:
    """The phone's corners in pixels around its centre, shape (4, 2), seen by a pinhole camera."""
    half = np.array(phone.face.size) / 2 * scale
    flat = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half
    cos, sin = math.cos(roll_rad), math.sin(roll_rad)
    turned = flat @ np.array([(cos, sin), (-sin, cos)])
    depth = turned @ np.sin(tilt_rad)
    distance = 3.2 * half[1]
    return np.asarray(turned * np.cos(tilt_rad) * (distance / (distance + depth))[:, None])


def _perspective(corners: NDArray[np.float64], size: tuple[int, int]) -> list[float]:
    """Pillow's eight coefficients, which lead from the picture's pixels back to the phone's."""
    width, height = size
    rows: list[tuple[float, ...]] = []
    targets: list[float] = []
    for (x, y), (u, v) in zip(corners, ((0, 0), (width, 0), (width, height), (0, height)), strict=True):
        rows += [(x, y, 1, 0, 0, 0, -u * x, -u * y), (0, 0, 0, x, y, 1, -v * x, -v * y)]
        targets += [u, v]
    return [float(value) for value in np.linalg.solve(np.array(rows), np.array(targets))]


def _smear(layers: NDArray[np.uint16], pixels: int) -> NDArray[np.uint16]:
    """Motion blur along the rows over `pixels` pixels."""
    if pixels < 2 or layers.shape[1] <= pixels:
        return layers
    total = np.zeros_like(layers)
    for shift in range(pixels):
        total += np.roll(layers, shift - pixels // 2, axis=1)
    return total // np.uint16(pixels)
