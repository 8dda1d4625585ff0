"""Frames full of codes, or of what looks like them: what a look costs at the most."""

from __future__ import annotations

import numpy as np
from measures import Measure, Stopwatch, at_most, told
from numpy.typing import NDArray
from qr_pictures import picture_of
from references import LOOPS, quiet_zbar

from firmware.decoder import Decoder
from firmware.person_codes import write_person
from province.demo.synthetic import synthetic_people

Grey = NDArray[np.uint8]

_HEIGHT, _WIDTH = 720, 1280
_LOOKS, _ROUNDS = 12, 5  # all rescues have had their turn
_FINDER = 30  # pixels: the finder pattern of a code at 3 pixels a module, with its quiet zone


def crowds() -> dict[str, Grey]:
    """The frames, shape (720, 1280)."""
    people = [write_person(person) for person in synthetic_people(28, seed=7)]
    code = picture_of(people[0], scale=3)
    return {
        "spoilt codes": _tiled(_spoilt(code)),
        "finder patterns": _tiled(code[:_FINDER, :_FINDER]),
        "one code many times": _tiled(code),
        "28 people's codes": _side_by_side([picture_of(text, scale=3) for text in people]),
    }


def _tiled(part: Grey) -> Grey:
    down, across = -(-_HEIGHT // part.shape[0]), -(-_WIDTH // part.shape[1])
    return np.ascontiguousarray(np.tile(part, (down, across))[:_HEIGHT, :_WIDTH])


def _spoilt(code: Grey) -> Grey:
    """Its right half made noise in the middle: it is located, and beyond reading."""
    spoilt, side = code.copy(), code.shape[0]
    noise = 255 * np.random.default_rng(1).integers(0, 2, (side // 4, side - side * 2 // 5))
    spoilt[side * 2 // 5 : side * 2 // 5 + side // 4, side * 2 // 5 :] = noise
    return spoilt


def _side_by_side(codes: list[Grey]) -> Grey:
    frame = np.full((_HEIGHT, _WIDTH), 255, np.uint8)
    cell = 178  # the largest is 57 modules with its quiet zone, at 3 pixels
    for number, code in enumerate(codes):
        top, left = number // 7 * cell, number % 7 * cell
        fits = code[: min(cell, _HEIGHT - top), :cell]
        frame[top : top + fits.shape[0], left : left + fits.shape[1]] = fits
    return frame


def measure() -> list[Measure]:
    """The figures."""
    watches = {name: (Stopwatch(), Stopwatch()) for name in crowds()}
    with quiet_zbar():
        for _ in range(_ROUNDS):
            for name, frame in crowds().items():
                ours, reference = watches[name]
                decoder = Decoder(skip_unchanged=False)
                for _ in range(_LOOKS):
                    ours.time(decoder.look, frame)
                reference.time(LOOPS["pyzbar"], frame)
    # At most over the looks, each at its best of the rounds as pyzbar is: other work on the machine only ever adds.
    dearest = {name: max(_best_of_rounds(ours.each_ms)) / min(reference.each_ms) for name, (ours, reference) in watches.items()}
    mean = sum(ours.mean_ms for ours, _ in watches.values()) / sum(reference.mean_ms for _, reference in watches.values())
    return [
        at_most("crowded frames: the dearest look", max(dearest.values()), "x pyzbar", 1),
        at_most("crowded frames: a look", mean, "x pyzbar", 0.5),
        *(told(f"crowded frames, {name}: the dearest look", ratio, "x pyzbar") for name, ratio in dearest.items()),
        *(told(f"crowded frames, {name}: a look", ours.mean_ms / theirs.mean_ms, "x pyzbar") for name, (ours, theirs) in watches.items()),
    ]


def _best_of_rounds(each_ms: list[float]) -> list[float]:
    return [min(each_ms[number::_LOOKS]) for number in range(_LOOKS)]
