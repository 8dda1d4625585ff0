"""What goes wrong: drawn at random beforehand, lane by lane, several at once; and how each is done and undone."""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from chaos_part import Part
from chaos_world import ChaosWorld
from tcp_proxy import TcpProxy
from tcp_pump import Act, Way

from edge_agent.store.outbox import FILE_NAME


class Kind(StrEnum):
    """A fault, in the words of table and picture."""

    KILL = "SIGKILL"
    TERM = "SIGTERM"
    HALT = "SIGSTOP, then SIGCONT"
    FORGET = "broker killed, its store deleted"
    PART = "partition"
    ONE_WAY = "partition, one way"
    HALF_OPEN = "half open for ever"
    RESET = "connections reset"
    CUT = "cut at a byte"
    STALL = "stalled at a byte"
    LATE = "delay"
    THIN = "thin line"
    AWAY = "connects turned away"
    FULL = "disk full"
    SPOIL = "page of the outbox spoiled"


_OF_PROCESS = {Kind.KILL: 5, Kind.TERM: 2, Kind.HALT: 3}
_OF_BROKER = {Kind.KILL: 4, Kind.TERM: 2, Kind.HALT: 2, Kind.FORGET: 2}
_OF_NETWORK = {
    Kind.PART: 3, Kind.ONE_WAY: 2, Kind.HALF_OPEN: 2, Kind.RESET: 3, Kind.CUT: 3, Kind.STALL: 2, Kind.LATE: 2, Kind.THIN: 1, Kind.AWAY: 1,
}  # fmt: skip
_PAUSE_S = {"process": 9.0, "network": 6.0, "disk": 20.0, "outbox": 30.0}  # between two faults of a lane, on average
_LASTS_S = {
    Kind.KILL: (0.0, 3.0), Kind.TERM: (0.0, 3.0), Kind.HALT: (0.2, 7.0), Kind.FORGET: (0.0, 3.0), Kind.PART: (0.5, 12.0),
    Kind.ONE_WAY: (0.5, 10.0), Kind.HALF_OPEN: (0.1, 3.0), Kind.RESET: (0.0, 0.2), Kind.CUT: (1.0, 8.0), Kind.STALL: (1.0, 8.0),
    Kind.LATE: (1.0, 8.0), Kind.THIN: (2.0, 10.0), Kind.AWAY: (0.5, 6.0), Kind.FULL: (2.0, 10.0),
    Kind.SPOIL: (0.0, 0.0),
}  # fmt: skip
_MOST_BYTES = 6_000
_BALLAST = "ballast"
_BUSY_S = 10.0
_NOBODY_COMES_S = 2.0
_RECORDING_S = 0.06  # twice as long as from a code to the end of its answer


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault in its lane, times in seconds since the chaos began; `dice` decides what else is left to chance."""

    lane: str
    kind: Kind
    at_s: float
    lasts_s: float
    dice: float


def _drawn(lane: str, sort: str, kinds: Mapping[Kind, int], seed: int, seconds: float) -> Iterator[Fault]:
    chance = random.Random(f"{seed} {lane}")
    at_s = chance.uniform(0.0, _PAUSE_S[sort])
    while at_s < seconds:
        kind = chance.choices(list(kinds), list(kinds.values()))[0]
        lasts_s = chance.uniform(*_LASTS_S[kind])
        yield Fault(lane, kind, at_s, min(lasts_s, seconds - at_s), chance.random())
        at_s += lasts_s + chance.expovariate(1 / _PAUSE_S[sort])


def draw(world: ChaosWorld, seed: int, seconds: float) -> dict[str, list[Fault]]:
    """All faults by lane, in order."""
    plan = {
        part.name: list(_drawn(part.name, "process", _OF_BROKER if part is world.broker else _OF_PROCESS, seed, seconds))
        for part in world.parts()
    }
    plan |= {name: list(_drawn(name, "network", _OF_NETWORK, seed, seconds)) for name in world.networks()}
    if world.small_disk is not None:
        lane = f"disk {len(world.gates)}"
        plan[lane] = list(_drawn(lane, "disk", {Kind.FULL: 1}, seed, seconds))
    for gate in world.gates:
        if gate.state != world.small_disk:  # where what was set aside would fill the disk
            lane = f"outbox {gate.number}"
            plan[lane] = list(_drawn(lane, "outbox", {Kind.SPOIL: 1}, seed, seconds))
    return plan


def _aim(world: ChaosWorld, part: Part, fault: Fault) -> None:
    """Has every second end of a firmware fall into the moment in which it records somebody; all else falls where it falls."""
    gate = next((gate for gate in world.gates if gate.firmware is part), None)
    if gate is not None and fault.dice < 0.5:
        gate.shown.clear()
        if gate.shown.wait(_NOBODY_COMES_S):
            part.wait(fault.dice * _RECORDING_S)


@contextmanager
def _on_process(world: ChaosWorld, part: Part, fault: Fault) -> Iterator[None]:
    if fault.kind is Kind.HALT:
        part.halt()
        yield
        part.go_on()
        return
    _aim(world, part, fault)
    part.end(signal.SIGTERM if fault.kind is Kind.TERM else signal.SIGKILL)
    if fault.kind is Kind.FORGET:
        shutil.rmtree(world.layout.broker_store)
        world.layout.broker_store.mkdir()
    yield
    part.start()


@contextmanager
def _on_network(network: TcpProxy, fault: Fault) -> Iterator[None]:
    way = Way.UP if fault.dice < 0.5 else Way.DOWN
    at_byte = int(2 * fault.dice % 1 * _MOST_BYTES)
    deeds: dict[Kind, Callable[[], None]] = {
        Kind.PART: network.part,
        Kind.ONE_WAY: lambda: network.part(way),
        Kind.HALF_OPEN: network.swallow,
        Kind.RESET: network.reset,
        Kind.CUT: lambda: network.trap(way, at_byte, Act.RESET),
        Kind.STALL: lambda: network.trap(way, at_byte, Act.STALL),
        Kind.LATE: lambda: network.slow(delay_s=2 * fault.dice),
        Kind.THIN: lambda: network.slow(bytes_per_s=1000 + 9000 * fault.dice),
        Kind.AWAY: network.turn_away,
    }
    deeds[fault.kind]()
    if fault.kind is Kind.AWAY:
        network.reset()
    yield
    network.heal()


@contextmanager
def _on_disk(folder: Path) -> Iterator[None]:
    ballast = folder / _BALLAST
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:  # full
            pass
    yield
    ballast.unlink()


def _spoil(outbox: Path) -> None:
    """Overwrites the page of the counters of what is forgotten, whether anybody has the outbox open or not.

    It holds no entry and not the log's head. An entry on a page that is gone is gone, and salvage says so; a head that nobody can read
    any more leaves the new log without a predecessor, and the province raises `unannounced-log`.
    """
    with closing(sqlite3.connect(f"file:{outbox}?mode=rw", uri=True, timeout=_BUSY_S)) as connection:
        page, size = connection.execute(
            "SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE name = 'forgotten'"
        ).fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # else the write-ahead log holds the page too
    with outbox.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))


class Lane:
    """Does the faults of one lane, in a thread of its own, and notes when each really was."""

    def __init__(self, world: ChaosWorld, faults: list[Fault], over: threading.Event, began_s: float) -> None:
        self.done: list[Fault] = []
        self._world, self._faults, self._over, self._began_s = world, faults, over, began_s
        self._thread = threading.Thread(target=self._run, name=faults[0].lane if faults else "idle")
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        try:
            for fault in self._faults:
                if self._over.wait(max(0.0, self._began_s + fault.at_s - time.monotonic())):
                    return
                with self._doing(fault):
                    at_s = time.monotonic() - self._began_s
                    self._over.wait(fault.lasts_s)
                self.done.append(Fault(fault.lane, fault.kind, at_s, time.monotonic() - self._began_s - at_s, fault.dice))
        except Exception as error:  # noqa: BLE001 - a thread's failure must be the run's
            self._world.complain(f"{self._faults[0].lane}: {error!r}")

    def _doing(self, fault: Fault) -> AbstractContextManager[None]:
        for part in self._world.parts():
            if part.name == fault.lane:
                return _on_process(self._world, part, fault)
        if fault.kind is Kind.FULL and self._world.small_disk is not None:
            return _on_disk(self._world.small_disk)
        for gate in self._world.gates:
            if fault.lane == f"outbox {gate.number}":
                with suppress(OSError, sqlite3.Error, TypeError):  # it is being set aside or made just now
                    _spoil(gate.state / FILE_NAME)
                return nullcontext()
        return _on_network(self._world.networks()[fault.lane], fault)
