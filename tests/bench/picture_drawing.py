"""What a picture of the simulated gate costs to draw, beside the time that thirty a second leave."""

from __future__ import annotations

import numpy as np
from measures import Measure, Stopwatch, at_most

from drivers.simulated_view import Phone, Scene
from firmware.person_codes import write_person
from province.demo.synthetic import synthetic_people

_PICTURES, _FRAME_MS = 60, 1000 / 30


def measure() -> list[Measure]:
    """The mean time of a picture of 1280x720 with a phone in it."""
    rng = np.random.default_rng(1)
    scene, phone, watch = Scene((1280, 720), rng), Phone(write_person(next(iter(synthetic_people(1, seed=8)))), rng), Stopwatch()
    for number in range(_PICTURES):
        watch.time(scene.draw, phone, number)
    return [at_most("simulated gate: drawing a picture", watch.mean_ms / _FRAME_MS, "x 33 ms", 1.0)]
