"""How fast entries get in beside what is there: verified, opened and stored in batches, alone and while people are looked up.

Each batch of 200 comes from as many scanners as there are (up to 200), as it does where tens of thousands of sites send some entries a
minute. They are passages of people of no plan, on the day after it.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np
import size_real
from measures import Measure, told
from size_living import DAY_MS, DAYS
from size_rows import person_of
from size_world import World, backend_of, cpu_s

from edge_agent.wire.entry import Direction, Known, Method, Passage
from province.collecting.register import Register
from province.records import views

_BATCHES = 15
_VISITORS = 500
_APART = 7919  # a prime: one gate after another, all of them
_FOREIGN_SEED = 4711


@dataclass(frozen=True, slots=True)
class _Took:
    """Of some batches: seconds, of this process's and the server's CPU, and in transactions; bytes of the server's write-ahead log."""

    wall_s: float
    own_s: float
    server_s: float
    locked_s: float
    logged_bytes: float


def measure(world: World) -> list[Measure]:
    """Entries a second and CPU an entry; look-ups meanwhile."""
    count = _BATCHES * size_real.BATCH
    alone = _stored(world, _sealed(world, count))
    sealed = _sealed(world, count)
    with _reader(world) as heard:
        beside = _stored(world, sealed)
        looks = np.array(heard())
    return [
        told("ingest alone", count / alone.wall_s, "entries a second"),
        told("ingest while people are looked up", count / beside.wall_s, "entries a second"),
        told("CPU an entry, collector: verify, open, store", alone.own_s / count * 1000, "ms"),
        told("alone among all writers, an entry", alone.locked_s / count * 1000, "ms"),
        *_of_server(world, alone, count),
        told("look-ups meanwhile, 95 of 100", float(np.percentile(looks, 95)), "ms"),
        told("look-ups meanwhile", len(looks) / (looks.sum() / 1000), "a second"),
    ]


def _of_server(world: World, took: _Took, count: int) -> list[Measure]:
    if world.url is None:
        return []
    return [
        told("CPU an entry, server", took.server_s / count * 1000, "ms"),
        told("write-ahead log, an entry", took.logged_bytes / count, "bytes"),
    ]


def _sealed(world: World, count: int) -> list[tuple[int, bytes]]:
    """The next entries, each with its gate."""
    visitors = person_of(_VISITORS, _FOREIGN_SEED)
    gates = len(world.rows.scanners)

    def make(_world: World, number: int) -> size_real.Made:
        body = Passage(visitors[number % _VISITORS], Direction.IN, Known.LANE, Method.CAMERA)
        return size_real.Made(number * _APART % gates, DAYS, DAYS * DAY_MS + number * 10, body)

    sealed = size_real.seal(world, range(count), make)
    return [(number * _APART % gates, one) for number, one in sealed.items()]


def _stored(world: World, sealed: list[tuple[int, bytes]]) -> _Took:
    batches = [sealed[at : at + size_real.BATCH] for at in range(0, len(sealed), size_real.BATCH)]
    arrived_ms = world.rows.starts_ms + DAYS * DAY_MS + 60_000
    with Register(world.layout.register) as register:
        size_real.store(world, register, batches.pop(), arrived_ms)  # what is made ready once is made ready
        server = backend_of(register._connection)
        logged, before_s, own_s, server_s = _logged(world, register), time.perf_counter(), time.process_time(), cpu_s(server)
        locked_s = sum(size_real.store(world, register, batch, arrived_ms) for batch in batches)
        wall_s, spent_s = time.perf_counter() - before_s, time.process_time() - own_s
        took = wall_s, spent_s, cpu_s(server) - server_s, locked_s, _logged(world, register) - logged
        share = (len(batches) + 1) / len(batches)
    return _Took(*(each * share for each in took))


def _logged(world: World, register: Register) -> float:
    """How far the server's write-ahead log has come, bytes."""
    if world.url is None:
        return 0.0
    [row] = register._connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS bytes")
    return float(row["bytes"])


def _read(world: World, ending: Connection) -> None:
    """In a child process: looks people up, one after the other, until told to end; says how long each took, in ms."""
    times_ms: list[float] = []
    chosen = np.random.default_rng(3).permutation(len(world.people)).tolist()
    with world.register() as connection:
        ending.send("ready")
        while not ending.poll():
            began_s = time.perf_counter()
            views.find(connection, world.keystore, world.people[chosen[len(times_ms) % len(chosen)]].id_number)
            times_ms.append((time.perf_counter() - began_s) * 1000)
    ending.send(times_ms)


@contextmanager
def _reader(world: World) -> Iterator[Callable[[], list[float]]]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_read, args=(world, there))
    process.start()
    try:
        assert here.recv() == "ready"
        yield lambda: _ended(here, process)
    except BaseException:
        process.kill()
        raise


def _ended(pipe: Connection, process: multiprocessing.process.BaseProcess) -> list[float]:
    pipe.send("end")
    times_ms: list[float] = pipe.recv()
    process.join()
    return times_ms
