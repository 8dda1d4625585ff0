"""One run: everything starts, goes wrong for so many seconds, is made whole, settles, and is audited."""

from __future__ import annotations

import itertools
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import chaos_faults
from chaos_audit import Audit, audit
from chaos_faults import Fault, Lane
from chaos_world import ChaosWorld, chaos_world
from crowd import Crowd, Shown

from firmware.person_codes import Person
from province.demo.synthetic import synthetic_people

_START_S = 120.0
_SETTLE_S = 300.0  # of which the longest silence (45 s) and the longest wait between two connects (60 s) are a part
_BATCH = 3000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run has seen.

    Attributes:
        seconds: how long the chaos lasted.
        settling_s: how long it took from then until all was delivered.
        lanes: names of the lanes, in the order of the picture.
        troubles: what must not happen and is no finding of the audit.
    """

    seed: int
    seconds: float
    settling_s: float
    lanes: tuple[str, ...]
    faults: tuple[Fault, ...]
    shown: tuple[Shown, ...]
    audit: Audit
    troubles: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        return not self.troubles and not any(self.audit.findings().values())


def _people(seed: int, gate: int, gates: int) -> Iterator[Person]:
    """People without end, others at every gate."""
    for batch in itertools.count():
        known = synthetic_people(_BATCH * (batch + 1), seed)
        yield from known[_BATCH * batch + gate :: gates]


def _delivered(world: ChaosWorld) -> bool:
    return all((backlog := gate.backlog()) is not None and backlog.entries == 0 for gate in world.gates)


def _settle(world: ChaosWorld, crowds: list[Crowd]) -> None:
    """Has somebody pass every gate, closes the gates, and waits until nothing waits any more."""
    for part in world.parts():
        part.start()  # one that ended by itself has been complained about
    for crowd in crowds:
        if not crowd.until_greens(crowd.greens() + 2, _SETTLE_S):
            world.complain(f"{crowd.name}: nobody passes any more")
        crowd.leave()
    for gate in world.gates:
        gate.firmware.end(signal.SIGTERM)
    if not world.until(lambda: _delivered(world), _SETTLE_S):
        waiting = {str(gate.name): gate.backlog() for gate in world.gates}
        world.complain(f"not delivered after {_SETTLE_S:g} s: {waiting}")


def _end(world: ChaosWorld) -> None:
    for part in world.parts()[::-1]:
        part.end(signal.SIGTERM)


def run(folder: Path, seed: int, seconds: float) -> Outcome:
    """Runs it in a folder, which keeps all logs."""
    with chaos_world(folder) as world, ExitStack() as undo:
        world.start()
        over = threading.Event()
        people = [_people(seed, place, len(world.gates)) for place in range(len(world.gates))]
        crowds = [Crowd(world, place, people[place], random.Random(f"{seed} crowd {place}")) for place in range(len(world.gates))]
        for crowd in crowds:
            crowd.start()
            undo.callback(crowd.leave)
        if not all(crowd.until_greens(1, _START_S) for crowd in crowds):
            world.complain("a gate never opened")
        chaos_s = time.monotonic()
        plan = chaos_faults.draw(world, seed, seconds)
        lanes = [Lane(world, faults, over, chaos_s) for faults in plan.values()]
        for lane in lanes:
            undo.callback(lane.join)
        undo.callback(over.set)
        over.wait(seconds)
        over.set()
        for lane in lanes:
            lane.join()
        whole_s = time.monotonic()
        _settle(world, crowds)
        settling_s = time.monotonic() - whole_s
        _end(world)
        shown = tuple(replace(one, at_s=one.at_s - chaos_s) for crowd in crowds for one in crowd.shown)
        faults = tuple(fault for lane in lanes for fault in lane.done)
        return Outcome(seed, seconds, settling_s, tuple(plan), faults, shown, audit(world, shown), tuple(world.troubles))
