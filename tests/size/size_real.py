"""The real way of a passage: sealed and signed as a scanner does, then verified, opened and stored as the collector does.

No broker stands between: the collector's own intake and register are given what a broker would carry, in the order of time.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from size_living import DAY_MS
from size_rows import ARRIVES_MS
from size_world import World, children

from edge_agent.wire import envelope
from edge_agent.wire.entry import NO_PREVIOUS, Clock, Header, Kind, Passage
from edge_agent.wire.envelope import SealingKey
from edge_agent.wire.topics import Leaf
from province.collecting.intake import Intake
from province.collecting.register import Register, Stored
from province.keys.day_keys import DayKeys
from province.records import views
from province.registry import revocations
from province.registry.devices import Device

BATCH = 200  # as many as the collector takes at once
_TOLD = 10_000
_now: list[World] = []


class NotStored(Exception):
    """An entry did not get into the register as a new one."""


def load(world: World, first: int) -> float:
    """Sends the passages from number `first` on, and says how many a second were verified, opened and stored, by one process."""
    world.say(f"sealing and signing {len(world.passages) - first:,} entries")
    sealed = seal(world, range(first, len(world.passages)))
    began_s, done = time.monotonic(), 0
    with Register(world.layout.register) as register:
        for numbers in _batches(list(sealed)):
            arrived_ms = world.rows.starts_ms + int(world.passages.at_ms[numbers[-1]]) + ARRIVES_MS
            store(world, register, [(int(world.passages.gate[number]), sealed[number]) for number in numbers], arrived_ms)
            done += len(numbers)
            if done % _TOLD == 0 or done == len(sealed):
                rate = done / (time.monotonic() - began_s)
                world.say(f"{done:>12,} of {len(sealed):,} entries verified, opened and stored, {rate:,.0f} a second")
    return done / (time.monotonic() - began_s)


def _batches(numbers: list[int]) -> Iterator[list[int]]:
    return (numbers[at : at + BATCH] for at in range(0, len(numbers), BATCH))


def store(world: World, register: Register, batch: list[tuple[int, bytes]], arrived_ms: int) -> float:
    """Does with a batch (number of the gate, envelope) what the collector does; says how long the transaction was, in seconds.

    Raises:
        NotStored: one was refused, or was there already.
    """
    names = [world.rows.scanners[gate].name for gate, _sealed in batch]
    known = register.devices(set(names))
    intake = Intake(lru_cache(lambda name: _unless_revoked(world, known.get(name))), lru_cache(world.keystore.load), arrived_ms)
    examined = [intake.examine(name.topic(Leaf.ENTRIES), sealed) for name, (_gate, sealed) in zip(names, batch, strict=True)]
    began_s = time.perf_counter()
    results = register.store(examined, lambda: arrived_ms)
    took_s = time.perf_counter() - began_s
    for result in results:
        if not isinstance(result, Stored) or result.repeated or result.outcome.status != "registered":
            raise NotStored(f"{result}")
    return took_s


def _unless_revoked(world: World, device: Device | None) -> Device | None:
    return None if device is None or revocations.is_revoked(world.keystore, device.public_key) else device


@dataclass(frozen=True, slots=True)
class Made:
    """What an entry is made from.

    Attributes:
        gate: number of the scanner's gate.
        day: number of the day whose key seals it.
        at_ms: since the first day's midnight.
    """

    gate: int
    day: int
    at_ms: int
    body: Passage


def planned(world: World, number: int) -> Made:
    """A passage of the plan."""
    of = world.passages
    at_ms = int(of.at_ms[number])
    return Made(int(of.gate[number]), at_ms // DAY_MS, at_ms, world.rows.body(number))


def seal(world: World, numbers: range, make: Callable[[World, int], Made] = planned) -> dict[int, bytes]:
    """Envelopes by number, in the order of time; each log goes on where the register has it.

    Args:
        world: the province.
        numbers: of passages that the register does not have.
        make: what each of them is.
    """
    with world.register() as connection:
        heads = {key[1]: (spans[-1].last, spans[-1].last_hash) for key, spans in views.spans(connection).items()}
    by_gate: dict[int, list[tuple[int, Made]]] = defaultdict(list)
    for number in numbers:
        made = make(world, number)
        by_gate[made.gate].append((number, made))
    _now[:] = [world]
    tasks = [(*heads.get(world.rows.scanners[gate].log, (0, NO_PREVIOUS)), mine) for gate, mine in by_gate.items()]
    sealed: dict[int, bytes] = {}
    with children() as pool:
        for part in pool.imap_unordered(_sealed, tasks):
            sealed |= part
    return {number: sealed[number] for number in numbers}


def _sealed(task: tuple[int, bytes, list[tuple[int, Made]]]) -> dict[int, bytes]:
    """In a child process: one log's next envelopes."""
    seq, prev, mine = task
    world, sealed, keys = _now[0], dict[int, bytes](), dict[int, SealingKey]()
    for number, made in mine:
        if made.day not in keys:
            found = world.keystore.load((world.first_day + timedelta(days=made.day)).isoformat())
            assert isinstance(found, DayKeys)
            keys[made.day] = found.public.sealing_key()
        scanner, seq = world.rows.scanners[made.gate], seq + 1
        about = Header(
            scanner.name, scanner.site, scanner.gate, scanner.log, seq, prev, Kind.PASSAGE, scanner.boot,
            world.rows.starts_ms + made.at_ms, world.rows.boottime_ms(made.at_ms), Clock.SYNCHRONISED, keys[made.day].key_id,
        )  # fmt: skip
        sealed[number] = envelope.make(about, made.body, keys[made.day], scanner.key)
        prev = envelope.envelope_hash(sealed[number])
    return sealed
