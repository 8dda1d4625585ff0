"""How soon a code that comes to the gate is read, beside the loops others would run, each at its own speed on 30 frames a second.

A loop that is still at work when the next frame comes misses it, as with any camera: it then takes the newest. Time and frames count
from the first frame that any decoder alone can read. Another process draws the next approach meanwhile, on one core; about four minutes.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import cv2
import numpy as np
from approach_view import FRAME_MS, FRAMES, frames
from measures import Measure, at_most, none_of, told
from numpy.typing import NDArray
from references import LOOPS, quiet_zbar

from firmware.decoder import Decoder
from firmware.person_codes import write_person
from province.demo.synthetic import synthetic_people

Grey = NDArray[np.uint8]

_SEQUENCES = 100
_NEVER = float("inf")


def first_read(seen: list[Grey], look: Callable[[Grey], set[str]]) -> tuple[float, int, set[str]]:
    """Returns when a loop has read something (ms since the first frame arrived), which frame that was, and what it read."""
    now_ms, number = 0.0, 0
    while number < len(seen):
        started_s = time.perf_counter()
        texts = look(seen[number])
        now_ms = max(now_ms, number * FRAME_MS) + (time.perf_counter() - started_s) * 1000
        if texts:
            return now_ms, number, texts
        number = max(number + 1, int(now_ms / FRAME_MS))
    return _NEVER, len(seen), set()


def measure() -> list[Measure]:
    """The figures."""
    people = [write_person(person) for person in synthetic_people(_SEQUENCES, seed=100)]
    waits: dict[str, list[float]] = {name: [] for name in ("ours", *LOOPS)}
    later: dict[str, list[int]] = {name: [] for name in waits}  # frames; all that are left where nothing was read
    ahead: list[int] = []
    missed = wrong = 0
    with quiet_zbar():
        for text, seen in _approaches(people):
            runs = {name: first_read(seen, loop) for name, loop in LOOPS.items()}
            ours = first_read(seen, _looks_of(Decoder()))
            first = _first_decodable(seen, min(run[1] for run in (*runs.values(), ours)))
            if first == len(seen):
                continue
            wrong += bool(ours[2] - {text})
            missed += ours[0] == _NEVER
            for name, (at_ms, number, _) in (*runs.items(), ("ours", ours)):
                waits[name].append(at_ms - first * FRAME_MS)
                later[name].append(number - first)
            ahead.append(min(run[1] for run in runs.values()) - ours[1])
    return [
        *_compared(waits),
        *_counted(later),
        none_of("approaches: missed that another reads", missed, "sequences"),
        none_of("approaches: wrong texts", wrong, "texts"),
        told("approaches: frames ahead of the best other, median", statistics.median(ahead), "frames"),
        told("approaches: read by anybody", float(len(ahead)), "sequences"),
    ]


def _approaches(people: list[str]) -> Iterator[tuple[str, list[Grey]]]:
    """Yields each person's text and frames; the seed is the person's number."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)) as other_core:
        ahead = other_core.submit(_all_frames, people[0], 0)
        for seed, text in enumerate(people):
            seen = ahead.result()
            if seed + 1 < len(people):
                ahead = other_core.submit(_all_frames, people[seed + 1], seed + 1)
            yield text, seen


def _all_frames(text: str, seed: int) -> list[Grey]:
    return list(frames(text, seed))


def _looks_of(decoder: Decoder) -> Callable[[Grey], set[str]]:
    return lambda grey: {one.text for one in decoder.look(grey).decoded}


def _first_decodable(seen: list[Grey], read: int) -> int:
    """The first frame that a decoder alone can read, at the latest the one that somebody did read; their number if there is none.

    A loop that was busy may have missed an earlier one: zxing-cpp, the quickest, is asked for each before it. Where nobody read any,
    all are asked for all.
    """
    if read < len(seen):
        return next((number for number in range(read) if LOOPS["zxing-cpp"](seen[number])), read)
    return next((number for number, grey in enumerate(seen) if any(loop(grey) for loop in LOOPS.values())), len(seen))


def _compared(waits: dict[str, list[float]]) -> list[Measure]:
    """Waits for the whole sequence where a loop never read anything, which flatters it."""
    counted = {name: [min(wait, FRAMES * FRAME_MS) for wait in each] for name, each in waits.items()}
    middle = {name: statistics.median(each) for name, each in counted.items()}
    both = [(ours, theirs) for ours, theirs in zip(waits["ours"], waits["pyzbar"], strict=True) if theirs < _NEVER]
    among = statistics.median(ours for ours, _ in both) / statistics.median(theirs for _, theirs in both)
    return [
        at_most("approaches: time to first read, median", middle["ours"] / middle["pyzbar"], "x pyzbar", 0.5),
        at_most("approaches: the same where pyzbar reads at all", among, "x pyzbar", 0.5),
        told("approaches: time to first read, ours, median", middle["ours"], "ms"),
        told(
            "approaches: time to first read, ours, 95th percentile",
            _late(counted["ours"]),
            "ms",
        ),
        *(told(f"approaches: time to first read, {name}, median", middle[name], "ms") for name in LOOPS),
        *(told(f"approaches: read by {name}", float(sum(each < _NEVER for each in waits[name])), "sequences") for name in waits),
    ]


def _late(values: Sequence[float]) -> float:
    """Their 95th percentile."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def _counted(later: dict[str, list[int]]) -> list[Measure]:
    """Frames from the first decodable one to the one that was read: 0 is that frame itself."""
    measures: list[Measure] = []
    for name, each in later.items():
        measures += [
            told(f"approaches: frames to first read, {name}, median", statistics.median(each), "frames"),
            told(
                f"approaches: frames to first read, {name}, 95th percentile",
                _late(each),
                "frames",
            ),
        ]
    return measures
