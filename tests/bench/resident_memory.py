"""How much memory a gate holds at 1280 x 720 over 100 000 frames, and whether it grows: people come, stand still, and nobody is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from approach_view import frames
from gate_process import Grey, running, site
from measures import Measure, at_least, at_most, told

from edge_agent.device.control import ControlClient
from firmware.person_codes import write_person
from province.demo.synthetic import synthetic_people

_FRAMES = 100_000
_WARM = 20_000  # frames until every part has had its turn: caches and pools are full
_PEOPLE, _STILL = 4, 12  # a changing frame, then so many of nobody or of a code held still
_SAYS_EACH_S = 5.0  # a gate tells its counters each second


def _views() -> Iterator[Grey]:
    """A quarter of an approach, each frame followed by stillness: one in a dozen changes, as at a busy gate."""
    rng = np.random.default_rng(3)
    for seed, person in enumerate(synthetic_people(_PEOPLE, seed=5)):
        for seen in list(frames(write_person(person), seed))[20::8]:
            yield from [seen] * _STILL
        yield from [np.asarray(rng.integers(90, 96, seen.shape), np.uint8)] * _STILL


def _memory_mb(pid: int) -> dict[str, float]:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return {name: int(kb) * 1024 / 1e6 for name, kb in re.findall(r"^(VmRSS|VmHWM|RssAnon):\s+(\d+) kB$", status, re.MULTILINE)}


def _samples(runtime: Path, pid: int) -> Iterator[tuple[dict[str, Any], dict[str, float]]]:
    """Yields the gate's counters as it tells them each second, and its memory then."""
    with closing(ControlClient(runtime, _SAYS_EACH_S)) as client:
        for message in client.messages():
            if message["type"] == "counters":
                yield message, _memory_mb(pid)


def measure() -> list[Measure]:
    """The figures."""
    counts: list[int] = []
    memories: list[dict[str, float]] = []
    counters: dict[str, Any] = {}
    with site() as here:
        config = here.configure({"name": "in", "direction": "in", "camera": f"{here.pictures('views', list(_views()))}&loop=1"})
        with running(config) as process:
            assert process.stdout is not None
            next(line for line in process.stdout if "ready" in line)  # the socket is served by now
            for counters, memory in _samples(here.enrolled.runtime, process.pid):
                counts.append(counters["lanes"]["in"]["frames"])
                memories.append(memory)
                if counts[-1] >= _FRAMES:
                    break
    half = [memory["RssAnon"] for count, memory in zip(counts, memories, strict=True) if count >= _FRAMES // 2]
    before = [memory["RssAnon"] for count, memory in zip(counts, memories, strict=True) if _WARM <= count < _FRAMES // 2]
    return [
        at_most("memory of a gate, 1280 x 720, 100 000 frames: resident, at most", memories[-1]["VmHWM"], "MB", 90),
        at_most("memory of a gate: growth from frames 20 000..50 000 to the rest, mean", fmean(half) - fmean(before), "MB", 0.5),
        told("memory of a gate: private, without the files of libraries", memories[-1]["RssAnon"], "MB"),
        told("memory of a gate: frames that were unchanged", counters["lanes"]["in"]["skipped"] / counts[-1], "of all"),
        at_least("memory of a gate: people recorded meanwhile", counters["answers"].get("accepted", 0), "people", _PEOPLE),
    ]
