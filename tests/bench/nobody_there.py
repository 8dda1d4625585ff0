"""Frames with no code, which are nearly all frames of a gate's day: changing, and unchanged."""

from __future__ import annotations

import numpy as np
from empty_photographs import empty_photographs, scenes
from measures import Measure, Stopwatch, at_most, none_of, told
from numpy.typing import NDArray
from references import LOOPS, quiet_zbar

from firmware.decoder import Decoder

_ROUNDS = 2
_UNCHANGED = 300  # frames: ten seconds


def measure() -> list[Measure]:
    """The figures."""
    with quiet_zbar():
        frames = empty_photographs()
        return [*_changing(frames), *_unchanged(frames)] if frames else []


def _changing(frames: list[NDArray[np.uint8]]) -> list[Measure]:
    """Another photograph with each frame, and each photograph five times over."""
    watches = {name: Stopwatch() for name in (*LOOPS, "ours", "ours, five looks")}
    decoder, found = Decoder(), 0
    for _ in range(_ROUNDS):
        for frame in frames:
            found += len(watches["ours"].time(decoder.look, frame).decoded)
            again = Decoder(skip_unchanged=False)
            for _ in range(5):
                found += len(watches["ours, five looks"].time(again.look, frame).decoded)
            for name, loop in LOOPS.items():
                watches[name].time(loop, frame)
    reference_ms = watches["pyzbar"].mean_ms
    return [
        at_most("empty frames, changing: a look", watches["ours"].mean_ms / reference_ms, "x pyzbar", 0.12),
        at_most("empty frames, five looks at each: a look", watches["ours, five looks"].mean_ms / reference_ms, "x pyzbar", 0.12),
        none_of("empty frames: false reads", found, "reads"),
        *(told(f"empty frames, {name}: a look", watches[name].mean_ms / reference_ms, "x pyzbar") for name in LOOPS if name != "pyzbar"),
        told("empty frames: different frames", float(len(frames)), ""),
        told("empty frames: photographs they are cut from", float(len(scenes())), ""),
    ]


def _unchanged(frames: list[NDArray[np.uint8]]) -> list[Measure]:
    """The same scene with a sensor's noise, for ten seconds."""
    rng = np.random.default_rng(4)
    noise = rng.normal(0, 2.5, (8, *frames[0].shape))
    reference, ours, decoder = Stopwatch(), Stopwatch(), Decoder()
    scene = frames[len(frames) // 2].astype(np.float64)
    seen = [np.asarray(np.clip(scene + part, 0, 255), np.uint8) for part in noise]
    for number in range(_UNCHANGED):
        frame = seen[number % len(seen)]
        ours.time(decoder.look, frame)
        if number % 10 == 0:
            reference.time(LOOPS["pyzbar"], frame)
    return [at_most("unchanged frames with a sensor's noise: a frame", ours.mean_ms / reference.mean_ms, "x pyzbar", 0.02)]
