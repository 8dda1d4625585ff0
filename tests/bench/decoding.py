"""How dear a look is, against the plain `pyzbar.decode(frame)` loop that most Pi projects use, on the same frames."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from measures import Measure, at_most, medians_ms
from numpy.typing import NDArray
from pyzbar import pyzbar

from drivers.simulated_view import Phone, Scene
from firmware.decoder import Decoder
from firmware.person_codes import write_person
from province.synthetic import synthetic_people

_FRAMES = 20
_SIZE = (1280, 720)


def _frames(*, held: bool) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(5)
    scene = Scene(_SIZE, rng)
    people = synthetic_people(_FRAMES, seed=5)
    return [scene.draw(Phone(write_person(person), rng) if held else None, 20).copy() for person in people]


def _each(look: Callable[[NDArray[np.uint8]], object], frames: list[NDArray[np.uint8]]) -> None:
    for frame in frames:
        look(frame)


def measure() -> list[Measure]:
    """The figures."""
    decoder, found = Decoder(), []
    for name, held, bar in (("empty", False, 0.2), ("with a held phone", True, 0.3)):
        frames = _frames(held=held)
        ours, reference = medians_ms(partial(_each, decoder.look, frames), partial(_each, pyzbar.decode, frames), rounds=7)
        found.append(at_most(f"look at a 1280x720 frame, {name}", ours / reference, "x pyzbar", bar))
    return found
