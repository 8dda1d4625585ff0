"""The parts of libcamera's Python module that the driver meets, and a frame's bytes in its pixel formats."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class AeExposureModeEnum(IntEnum):
    Normal = 0
    Short = 1


class AfModeEnum(IntEnum):
    Continuous = 2


class AfSpeedEnum(IntEnum):
    Fast = 1


class AfMeteringEnum(IntEnum):
    Auto = 0
    Windows = 1


CONTROL_ENUMS = (AeExposureModeEnum, AfModeEnum, AfSpeedEnum, AfMeteringEnum)


class StreamRole(Enum):
    Raw = 0
    Viewfinder = 3


class Rectangle(NamedTuple):
    x: int
    y: int
    width: int
    height: int


class ColorSpace:
    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def Sycc(cls) -> ColorSpace:  # noqa: N802 - libcamera's own name
        return cls("sYCC")

    @classmethod
    def Rec709(cls) -> ColorSpace:  # noqa: N802 - libcamera's own name
        return cls("Rec709")


def buffer_of(grey: NDArray[np.uint8], pixel_format: str, stride: int) -> NDArray[np.uint8]:
    """A frame's bytes: rows padded with 255 to the stride, then the planes of colour."""
    if pixel_format == "BGR888":
        grey = np.repeat(grey, 3, axis=1)
    if pixel_format == "YUYV":
        grey = np.stack([grey, np.full_like(grey, 128)], axis=2).reshape(len(grey), -1)
    rows = np.pad(grey, ((0, 0), (0, stride - grey.shape[1])), constant_values=255)
    return np.concatenate([rows.ravel(), np.full(rows.size // 2, 128, np.uint8)])
