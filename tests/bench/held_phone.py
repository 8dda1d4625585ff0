"""The shared photographs as a held phone shows them: never twice on the same pixels."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from measures import Measure, at_least, none_of, told
from numpy.typing import NDArray
from references import zxing_alone
from shared_pictures import Picture, shared_pictures, squeezed

from firmware.decoder import Decoder

Grey = NDArray[np.uint8]

_LOOKS = 5
_SEEDS = (1, 2, 3)
_PAD = 16  # at least, or a sixteenth of the picture: a code at the rim must not be turned out of it
_NOISE = 2.5  # grey levels
_DRAWN = 1.5  # pixels a module: what has fewer is a drawn file, no photograph


def jittered(grey: Grey, rng: np.random.Generator) -> Grey:
    """Another look at the same code: up to 2 degrees turned, 2 % nearer, a pixel aside, with a sensor's noise."""
    height, width = grey.shape
    turned = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-2, 2), rng.uniform(0.98, 1.02))
    there = np.asarray(turned, np.float64) + np.pad(rng.uniform(-1, 1, (2, 1)), ((0, 0), (2, 0)))
    moved = cv2.warpAffine(grey, there, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(moved + rng.normal(0, _NOISE, moved.shape), 0, 255), np.uint8)


def _is_drawn(picture: Picture) -> bool:
    """Whether the picture has about one pixel a module; a code of version v has 17 + 4 v modules a side."""
    extras: list[Any] = [code.extra for code in zxing_alone(picture.grey) if code.valid]
    modules = max((17 + 4 * int(extra.get("Version", 0)) for extra in extras), default=0)
    return bool(max(picture.grey.shape) < _DRAWN * modules)


def _read(picture: Picture, rng: np.random.Generator, *, enlarge: bool) -> set[str]:
    grey = picture.grey
    if enlarge:
        grey = grey.repeat(2, axis=0).repeat(2, axis=1)
    grey = np.pad(grey, max(_PAD, max(grey.shape) // 16), constant_values=255)
    decoder = Decoder(skip_unchanged=False)
    for _ in range(_LOOKS):
        texts = {squeezed(one.text) for one in decoder.look(jittered(grey, rng)).decoded}
        if texts:
            return texts
    return set()


def measure() -> list[Measure]:
    """The figures."""
    pictures = shared_pictures()
    if not pictures:
        return []
    drawn = {picture.name for picture in pictures if _is_drawn(picture)}
    shares, wrong = [], 0
    for enlarge in (False, True):
        read = 0
        for seed in _SEEDS:
            rng = np.random.default_rng(seed)
            for picture in pictures:
                texts = _read(picture, rng, enlarge=enlarge and picture.name in drawn)
                read += picture.text in texts
                wrong += bool(texts - {picture.text})
        shares.append(100 * read / len(pictures) / len(_SEEDS))
    return [
        at_least("held phone, up to 5 looks: read", shares[0], "%", 94),
        at_least(f"held phone, the {len(drawn)} files of 1 pixel a module doubled: read", shares[1], "%", 94),
        none_of("held phone, up to 5 looks: wrong texts", wrong, "pictures"),
        told("held phone: sequences", float(2 * len(_SEEDS) * len(pictures)), ""),
    ]
