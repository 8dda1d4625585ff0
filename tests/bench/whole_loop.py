"""What the loop costs beside its decoder, and what a second lane costs: a whole gate against `Decoder.look` on the same frames.

Three kinds of frames: people who come one after another, an empty gate where everything moves, and one where nothing does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
from approach_view import frames
from empty_photographs import empty_photographs
from gate_at_work import Grey, Worked, work_of_gate
from measures import Measure, at_least, none_of, told
from references import quiet_zbar, zxing_alone

from firmware.decoder import Decoder
from firmware.person_codes import write_person
from province.demo.synthetic import synthetic_people

_ROUNDS = 5
_PEOPLE = 5
_STILL = 150  # times over the eight noises


def _views() -> dict[str, list[Grey]]:
    with quiet_zbar():
        empty = empty_photographs()
    rng = np.random.default_rng(4)
    height, width = empty[0].shape
    scene = empty[len(empty) // 2].astype(np.float64)
    still = [np.asarray(np.clip(scene + rng.normal(0, 2.5, (height, width)), 0, 255), np.uint8) for _ in range(8)]
    people = [frame for seed, person in enumerate(synthetic_people(_PEOPLE, seed=8)) for frame in frames(write_person(person), seed)]
    return {"people come": people, "empty, changing": empty, "nothing moves": still * _STILL}


def _alone(seen: Sequence[Grey]) -> Worked:
    """The decoder without a gate."""
    decoder, texts = Decoder(), set[str]()
    started_s = time.perf_counter()
    for grey in seen:
        texts |= {one.text for one in decoder.look(grey).decoded}
    return Worked(time.perf_counter() - started_s, len(texts))


def _threads_s(work: Callable[[], object], count: int) -> float:
    threads = [threading.Thread(target=work) for _ in range(count)]
    started_s = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started_s


def measure() -> list[Measure]:
    """The figures.

    The contenders take turns and the best of several rounds counts, since other work on the machine only ever takes away. Where it takes
    a core, two lanes cannot be twice one: two threads of zxing-cpp alone say what two cores were worth in this run.
    """
    return [measure for name, seen in _views().items() for measure in _of(name, seen)]


def _of(name: str, seen: list[Grey]) -> list[Measure]:
    alone, one, two = list[Worked](), list[Worked](), list[Worked]()
    plain = {1: list[float](), 2: list[float]()}
    for _ in range(_ROUNDS):
        alone.append(_alone(seen))
        one.append(work_of_gate({"in": seen}))
        two.append(work_of_gate({"in": seen, "out": seen}))
        for count, taken in plain.items():
            taken.append(_threads_s(lambda: [zxing_alone(grey) for grey in seen[:100]], count))
    lost = sum(abs(gate.people - alone[0].people) for gate in one) + sum(abs(gate.people - 2 * alone[0].people) for gate in two)
    best_s = [min(worked.seconds for worked in contender) for contender in (alone, one, two)]
    lanes, threads = 2 * best_s[1] / best_s[2], 2 * min(plain[1]) / min(plain[2])
    return [
        at_least(f"whole loop, {name}: frames/s", best_s[0] / best_s[1], "x decoder alone", 0.9),
        at_least(f"two lanes, {name}: frames/s", lanes, "x one lane", 1.7),
        at_least(f"two lanes, {name}: of what two threads of zxing-cpp alone gain", lanes / threads, "", 0.85),
        told(f"two threads of zxing-cpp alone, {name}: frames/s", threads, "x one thread"),
        none_of(f"whole loop, {name}: people read and not recorded", lost, "people"),
    ]
