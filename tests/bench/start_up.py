"""How soon after its start a gate answers the person who stands there already, and what it spends on imports."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from gate_process import running, site
from measures import Measure, Stopwatch, at_most, none_of, told
from qr_pictures import picture_of

from firmware.person_codes import write_person
from province.demo.synthetic import synthetic_people

_STARTS = 5
_MOST_TOLD = 8
_IMPORT = re.compile(r"^import time: +(\d+) \| +\d+ \| *(\S+)$", re.MULTILINE)
# What others of our programs, or drivers that are not configured here, are right to use.
_HEAVY = frozenset({"av", "cv2", "cwt", "gpiozero", "hypothesis", "paho", "picamera2", "province", "pydantic", "scipy", "segno", "serial"})


def _answered_s(config: Path) -> float:
    started_s = time.perf_counter()
    with running(config) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if "accepted" in line)  # the first frame's person, recorded
        return time.perf_counter() - started_s


def by_package(told: str) -> Counter[str]:
    """The time of each package's own lines at import, µs, without what it imports of others, from what `python -X importtime` tells."""
    spent = Counter[str]()
    for own_us, module in _IMPORT.findall(told):
        spent[module.partition(".")[0]] += int(own_us)
    return spent


def _imports_us(config: Path) -> Counter[str]:
    with running(config, "-X", "importtime") as process:
        assert process.stderr is not None
        return by_package(process.stderr.read())  # the gate ends with its one picture


def measure() -> list[Measure]:
    """The figures."""
    code = picture_of(write_person(synthetic_people(1, seed=6)[0]))
    frame = np.full((720, 1280), 120, np.uint8)
    frame[200 : 200 + code.shape[0], 500 : 500 + code.shape[1]] = code
    python, answered_s, imports = Stopwatch(), list[float](), list[Counter[str]]()
    for _ in range(_STARTS):
        with site() as here:
            config = here.configure({"name": "in", "direction": "in", "camera": here.pictures("one", [frame])})
            answered_s.append(_answered_s(config))
            python.time(subprocess.run, [sys.executable, "-c", "pass"], check=True)
            imports.append(_imports_us(config))
    spent = min(imports, key=Counter.total)
    total_us = spent.total()
    return [
        at_most("start-up: until the person in the first frame is recorded and answered", statistics.median(answered_s), "s", 1.0),
        told("start-up: the same", statistics.median(answered_s) * 1000 / statistics.median(python.each_ms), "x bare Python"),
        none_of("start-up: heavy packages loaded that a gate does not need", len(_HEAVY & set(spent)), "packages"),
        told("start-up: imports, all together", total_us / 1000, "ms"),
        *(told(f"start-up: import of {name}", own_us / total_us, "x all imports") for name, own_us in spent.most_common(_MOST_TOLD)),
    ]
