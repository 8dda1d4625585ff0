"""Draws how a code comes to a gate: from 60 cm, tilting, blurred by its motion, while the camera still finds its brightness.

A pinhole camera of 66 degrees looks at a flat code. Every number is drawn from the seed: the same seed gives the same frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
import segno
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Grey = NDArray[np.uint8]

SIZE = (1280, 720)
FRAME_MS = 1000 / 30
FRAMES = 60  # two seconds: 1.3 s of approach, then held
_FOCAL = 985.0  # pixels: 1280 wide at 66 degrees, Raspberry Pi Camera Module 3
_FAR_MM, _ARRIVED_S = 600.0, 1.3
_SIDE = 560  # pixels of the drawn code, quiet zone included
_SUBFRAMES = 3  # poses averaged over the exposure: motion blur


class Carrier(StrEnum):
    """What the code is on."""

    PHONE = "phone"
    DARK_PHONE = "dark-mode phone"  # light modules on dark
    CRUMPLED = "crumpled print"
    CARD = "glossy card"


@dataclass(frozen=True, slots=True)
class Approach:
    """One person's way to the camera, as drawn from a seed."""

    carrier: Carrier
    width_mm: float
    held_mm: float
    centre: tuple[float, float]
    roll: float
    tilt: tuple[float, float]
    exposure_s: float
    overexposed: float  # gain at first sight, 1 is right
    moire: float
    glare: float
    defocus: float
    noise: float


def drawn(rng: np.random.Generator) -> Approach:
    """A way to the camera by chance."""
    carrier = list(Carrier)[int(rng.choice(4, p=(0.45, 0.2, 0.2, 0.15)))]
    screen = carrier in (Carrier.PHONE, Carrier.DARK_PHONE)
    return Approach(
        carrier=carrier,
        width_mm=float(rng.uniform(45, 60)) if carrier is not Carrier.CARD else float(rng.uniform(28, 36)),
        held_mm=float(rng.uniform(150, 260)) if carrier is not Carrier.CARD else float(rng.uniform(110, 150)),
        centre=(float(rng.uniform(-0.08, 0.08)), float(rng.uniform(-0.06, 0.06))),
        roll=float(rng.normal(0, 0.35)),
        tilt=(float(rng.uniform(-0.5, 0.5)), float(rng.uniform(-0.5, 0.5))),
        exposure_s=float(rng.uniform(0.004, 0.016)),
        overexposed=float(rng.uniform(1.0, 2.6)) if screen else float(rng.uniform(0.45, 1.2)),
        moire=float(rng.uniform(0, 0.28)) if screen else 0.0,
        glare=float(rng.uniform(0, 0.9)) if carrier is not Carrier.CRUMPLED else 0.0,
        defocus=float(rng.uniform(0.3, 1.5)),
        noise=float(rng.uniform(1.5, 7.0)),
    )


def frames(text: str, seed: int) -> Iterator[Grey]:
    """Yields the frames of one approach, each of shape (720, 1280)."""
    rng = np.random.default_rng(seed)
    way = drawn(rng)
    face, wall = _face(text, way, rng), _wall(rng)
    tremor = rng.normal(0, 1, (FRAMES * _SUBFRAMES + 8, 4)).cumsum(axis=0)
    tremor = (tremor[6:] - tremor[:-6]) / 6  # a hand's smooth unrest
    for number in range(FRAMES):
        light = np.zeros((SIZE[1], SIZE[0]), np.float32)
        for part in range(_SUBFRAMES):
            at_s = number * FRAME_MS / 1000 + part / _SUBFRAMES * way.exposure_s
            light += _seen(face, wall, way, at_s, tremor[number * _SUBFRAMES + part]) / _SUBFRAMES
        yield _through_the_camera(light, way, number * FRAME_MS / 1000, rng)


def _face(text: str, way: Approach, rng: np.random.Generator) -> Floats:
    """The code from the front, 0 black to 1 white, within its carrier."""
    matrix = segno.make_qr(text, error="m", encoding="utf-8", boost_error=False).matrix
    dark = np.pad(np.array([list(row) for row in matrix], dtype=bool), 4)
    black, white = (0.07, 0.8) if way.carrier in (Carrier.CRUMPLED, Carrier.CARD) else (0.05, 0.95)
    code = np.where(dark, black, white).astype(np.float32)
    if way.carrier is Carrier.DARK_PHONE:
        code = white + black - code
    face: Floats = np.asarray(cv2.resize(code, (_SIDE, _SIDE), interpolation=cv2.INTER_NEAREST), np.float32)
    if way.carrier is Carrier.CRUMPLED:
        face = _crumpled(face, rng)
    rim = _SIDE // 12
    return np.asarray(cv2.copyMakeBorder(face, rim, rim, rim, rim, cv2.BORDER_CONSTANT, value=(0.08,)), np.float32)


def _crumpled(face: Floats, rng: np.random.Generator) -> Floats:
    """Paper with folds: displaced and shaded by one field of heights."""
    height = cv2.resize(rng.normal(0, 1, (7, 7)).astype(np.float32), (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
    down, across = np.gradient(height)
    rows, columns = np.mgrid[0:_SIDE, 0:_SIDE].astype(np.float32)
    reach = float(rng.uniform(20, 170))
    moved = cv2.remap(
        face, (columns + reach * across).astype(np.float32), (rows + reach * down).astype(np.float32), cv2.INTER_LINEAR, borderValue=(0.8,)
    )
    return np.asarray(moved * np.clip(1 + 9 * (across + down), 0.4, 1.2), np.float32)


def _wall(rng: np.random.Generator) -> Floats:
    """What is behind: uneven light, posts and stalls."""
    wall = cv2.resize(rng.uniform(0.15, 0.6, (9, 16)).astype(np.float32), SIZE, interpolation=cv2.INTER_CUBIC)
    for _ in range(14):
        left, top = int(rng.integers(0, SIZE[0])), int(rng.integers(0, SIZE[1]))
        right, bottom = left + int(rng.integers(20, 260)), top + int(rng.integers(20, 260))
        cv2.rectangle(wall, (left, top), (right, bottom), (float(rng.uniform(0.05, 0.8)),), -1)
    return np.asarray(cv2.GaussianBlur(wall, (0, 0), 2.0), np.float32)


def _seen(face: Floats, wall: Floats, way: Approach, at_s: float, tremor: NDArray[np.float64]) -> Floats:
    """The light of one instant."""
    near = min(1.0, at_s / _ARRIVED_S)
    near = near * near * (3 - 2 * near)  # sets off and arrives softly
    away = 1 - near
    distance = _FAR_MM + (way.held_mm - _FAR_MM) * near + 2.5 * tremor[2]
    tilt = [angle * (0.35 + away) + 0.012 * float(unrest) for angle, unrest in zip(way.tilt, tremor[:2], strict=True)]
    turn = _turned(way.roll * (0.4 + away) + 0.012 * float(tremor[3]), *tilt)
    half = way.width_mm / 2 * face.shape[0] / _SIDE
    corners = np.array([(-half, -half, 0), (half, -half, 0), (half, half, 0), (-half, half, 0)]) @ turn.T
    where = (way.centre[0] * _FAR_MM + 140 * away + 0.9 * tremor[0], way.centre[1] * _FAR_MM * 0.6 + 90 * away + 0.9 * tremor[1])
    shares = where[0] * (0.3 + 0.7 * away), where[1] * (0.3 + 0.7 * away)
    points = (corners[:, :2] + shares) * (_FOCAL / (distance + corners[:, 2:])) + (SIZE[0] / 2, SIZE[1] / 2)
    if way.moire:
        face = _moire(face, way.moire, away)
    side = face.shape[0]
    there = cv2.getPerspectiveTransform(np.array([(0, 0), (side, 0), (side, side), (0, side)], np.float32), points.astype(np.float32))
    scale = max(1.0, side * distance / (_FOCAL * 2 * half))  # shrunk more than twofold, the face would alias
    drawn_face = cv2.GaussianBlur(face, (0, 0), 0.45 * scale) if scale > 1.2 else face
    return np.asarray(cv2.warpPerspective(drawn_face, there, SIZE, dst=wall.copy(), borderMode=cv2.BORDER_TRANSPARENT), np.float32)


def _moire(face: Floats, strength: float, away: float) -> Floats:
    """The beat of the screen's pixels with the camera's: finer and faster from afar."""
    rows, columns = np.ogrid[0 : face.shape[0], 0 : face.shape[1]]
    beat = 0.08 + 0.6 * away
    return np.asarray(face * (1 + strength * np.sin(beat * columns + 0.17 * rows) * np.sin(0.4 * beat * rows + 9 * away)), np.float32)


def _turned(roll: float, tilt_x: float, tilt_y: float) -> NDArray[np.float64]:
    (a, b), (c, d), (e, f) = ((math.cos(angle), math.sin(angle)) for angle in (roll, tilt_x, tilt_y))
    around_z = np.array([(a, -b, 0), (b, a, 0), (0, 0, 1)])
    around_x = np.array([(1, 0, 0), (0, c, -d), (0, d, c)])
    return np.asarray(around_z @ around_x @ np.array([(e, 0, f), (0, 1, 0), (-f, 0, e)]))


def _through_the_camera(light: Floats, way: Approach, at_s: float, rng: np.random.Generator) -> Grey:
    """Glare, focus, automatic brightness, noise."""
    near = min(1.0, at_s / _ARRIVED_S)
    if way.glare:
        columns, rows = np.arange(SIZE[0], dtype=np.float32), np.arange(SIZE[1], dtype=np.float32)
        at_x, at_y = SIZE[0] * (0.35 + 0.25 * near), SIZE[1] * (0.3 + 0.15 * near)
        spot = np.outer(np.exp(-(((rows - at_y) / 60) ** 2)), np.exp(-(((columns - at_x) / 110) ** 2)))
        light = np.asarray(light + way.glare * spot, np.float32)
    soft = way.defocus * (1 + 1.6 * math.exp(-at_s / 0.5))  # autofocus arrives late
    gain = 1 + (way.overexposed - 1) * math.exp(-at_s / 0.45)  # so does automatic brightness
    exposed = 235 * gain * np.asarray(cv2.GaussianBlur(light, (0, 0), soft), np.float32)
    noisy = exposed + rng.standard_normal(exposed.shape, np.float32) * (way.noise * np.sqrt(0.3 + np.abs(exposed) / 235))
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)
