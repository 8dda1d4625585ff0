"""Photographs with no code: what is left of the shared pictures beside their codes, mirrored out to a camera's frame."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray
from references import opencv_texts, plain_pyzbar_texts, zxing_alone
from shared_pictures import shared_pictures

from firmware import zbar

Grey = NDArray[np.uint8]

SIZE = (1280, 960)
_LEAST_SIDE = 120  # of a remainder, in pixels: less is not a scene
_MARGIN = 0.3  # around a code: its paper and print go too


def empty_photographs() -> list[Grey]:
    """Returns the frames, shape (960, 1280); nobody finds a code in any of them."""
    return [frame for frames in scenes().values() for frame in frames]


@cache
def scenes() -> dict[str, list[Grey]]:
    """The frames by the photograph they are cut from: the strips left, right, above and below its code, every second one mirrored."""
    found = {picture.name: [frame for frame in _remainders(picture.grey) if not _anything(frame)] for picture in shared_pictures()}
    return {name: frames for name, frames in found.items() if frames}


def _remainders(grey: Grey) -> Iterator[Grey]:
    """Yields the strips beside the code that are large enough, as frames."""
    codes = zxing_alone(grey)
    if not codes:
        return
    height, width = grey.shape
    places = [code.position for code in codes]
    points = [(at.x, at.y) for place in places for at in (place.top_left, place.top_right, place.bottom_right, place.bottom_left)]
    left, top = np.min(points, axis=0)
    right, bottom = np.max(points, axis=0)
    margin = int(_MARGIN * max(right - left, bottom - top))
    strips = (
        grey[:, : max(0, left - margin)],
        grey[:, min(width, right + margin) :][:, ::-1],
        grey[: max(0, top - margin)],
        grey[min(height, bottom + margin) :][::-1],
    )
    yield from (mirrored_out(strip) for strip in strips if min(strip.shape) >= _LEAST_SIDE)


def mirrored_out(grey: Grey) -> Grey:
    """Repeats a picture in mirrors until it fills a frame: its texture stays as fine as it was."""
    width, height = SIZE
    down = max(0, height - grey.shape[0])
    across = max(0, width - grey.shape[1])
    return np.ascontiguousarray(np.pad(grey, ((0, down), (0, across)), mode="symmetric")[:height, :width])


def _anything(frame: Grey) -> bool:
    return bool(zxing_alone(frame) or zbar.read_qr(frame) or plain_pyzbar_texts(frame) or opencv_texts(frame))
