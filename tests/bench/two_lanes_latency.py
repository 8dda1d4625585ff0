"""How long a person waits for the answer at a gate with two lanes at work: a camera where they come in, a serial reader where they leave.

From the moment the frame is there, or the line is written to the reader's port, to the moment the light is told to answer: decoding,
queue, seal, signature and the commit with fsync lie between.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from gate_world import Enrolled, Reader, RunningGate, SpyIndicator, ToldCamera, add_test_drivers
from measures import Measure, at_most, medians_ms, none_of, told
from qr_pictures import picture_of

from drivers.indicator import Signal
from edge_agent.device.settings import LaneSettings
from firmware.person_codes import write_person
from province.demo.synthetic import synthetic_people

_EACH_WAY = 1000
_ANSWER_S = 10.0
_COMMITS = 200


class _Lane:
    """People who come one after the other, each as soon as the one before has been answered."""

    def __init__(self, name: str) -> None:
        self.waited_ms: list[float] = []
        self.unanswered = 0
        self._answered = threading.Semaphore(0)
        SpyIndicator.by_name[name].on_show = self._look

    def _look(self, signal: Signal) -> None:
        if signal is Signal.ACCEPTED:
            self._answered_s = time.monotonic()
            self._answered.release()

    def one(self, show: Callable[[], object]) -> None:
        """Shows a code and waits for its answer."""
        shown_s = time.monotonic()
        show()
        if self._answered.acquire(timeout=_ANSWER_S):
            self.waited_ms.append((self._answered_s - shown_s) * 1000)
        else:
            self.unanswered += 1


class _View:
    """What the camera sees: a picture each time somebody shows one."""

    def __init__(self) -> None:
        self._shown = threading.Semaphore(0)
        self.picture: Any = None
        self.over = False

    def show(self, picture: Any) -> None:
        self.picture = picture
        self._shown.release()

    def __iter__(self) -> Iterator[Any]:
        while self._shown.acquire(timeout=_ANSWER_S) and not self.over:
            yield self.picture


def _work(folder: Path) -> Sequence[_Lane]:
    enrolled, reader, view = Enrolled(folder / "state", folder / "run"), Reader(folder / "tty"), _View()
    coming, going = ([write_person(person) for person in synthetic_people(_EACH_WAY, seed=seed)] for seed in (1, 2))
    pictures = [picture_of(code) for code in coming]
    with pytest.MonkeyPatch.context() as patch:
        add_test_drivers(patch)
        ToldCamera.plans["in"] = [view]
        lanes = (
            LaneSettings("in", "in", camera="told:in", indicator="spy:in"),
            LaneSettings("out", "out", reader=reader.url, indicator="spy:out"),
        )
        with RunningGate(enrolled, enrolled.settings(*lanes, capacity_mb=64)):
            SpyIndicator.by_name["out"].wait_for(Signal.READY)
            came, went = _Lane("in"), _Lane("out")
            people_go = threading.Thread(target=_go, args=(went, reader, going))
            people_go.start()
            for picture in pictures:
                came.one(partial(view.show, picture))
            people_go.join()
            view.over = True
            view.show(None)
    reader.unplug()
    came.unanswered += abs(len(enrolled.passages()) - 2 * _EACH_WAY)
    return came, went


def _go(lane: _Lane, reader: Reader, codes: Sequence[str]) -> None:
    for code in codes:
        lane.one(partial(reader.scan, code))


def _bare_commit_ms(folder: Path) -> float:
    with closing(sqlite3.connect(folder / "bare.sqlite", isolation_level=None)) as bare:
        bare.execute("PRAGMA journal_mode=WAL")
        bare.execute("PRAGMA synchronous=FULL")
        bare.execute("CREATE TABLE record(number INTEGER PRIMARY KEY, bytes BLOB)")
        [median_ms] = medians_ms(lambda: bare.execute("INSERT INTO record(bytes) VALUES (zeroblob(1600))"), rounds=_COMMITS)
    return median_ms


def _p99(waited_ms: Sequence[float]) -> float:
    return statistics.quantiles(waited_ms, n=100)[98]


def measure() -> list[Measure]:
    """The figures."""
    with tempfile.TemporaryDirectory() as name:
        came, went = _work(Path(name))
        commit_ms = _bare_commit_ms(Path(name))
    both = [*came.waited_ms, *went.waited_ms]
    return [
        at_most("two lanes, scan to answer: p99", _p99(both), "ms", 250),
        told("two lanes, camera in: median", statistics.median(came.waited_ms), "ms"),
        told("two lanes, reader out: median", statistics.median(went.waited_ms), "ms"),
        told("two lanes, scan to answer: p99", _p99(both) / commit_ms, "x bare commit"),
        none_of("two lanes, people not answered or not recorded once", came.unanswered + went.unanswered, "people"),
    ]
