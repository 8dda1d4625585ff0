"""The real way of a passage, without the radio between: sealed and signed as a scanner does, then verified, opened and stored as the collector does.

No broker stands between: the collector's own intake and register are given what a broker would carry, in the order of time.
"""

from __future__ import annotations

import multiprocessing
import time
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache

from size_rows import ARRIVES_MS
from size_world import World, cores

from edge_agent.wire import envelope
from edge_agent.wire.entry import NO_PREVIOUS, Clock, Header, Kind
from edge_agent.wire.envelope import SealingKey
from edge_agent.wire.topics import Leaf
from province.collecting.intake import Intake
from province.collecting.register import Register, Stored
from province.keys.day_keys import DayKeys
from province.records import views

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
            store(world, register, [(number, sealed[number]) for number in numbers], arrived_ms)
            done += len(numbers)
            if done % _TOLD == 0 or done == len(sealed):
                rate = done / (time.monotonic() - began_s)
                world.say(f"{done:>12,} of {len(sealed):,} entries verified, opened and stored, {rate:,.0f} a second")
    return done / (time.monotonic() - began_s)


def _batches(numbers: list[int]) -> Iterator[list[int]]:
    return (numbers[at : at + BATCH] for at in range(0, len(numbers), BATCH))


def store(world: World, register: Register, batch: list[tuple[int, bytes]], arrived_ms: int) -> None:
    """Does with a batch (number of the passage, envelope) what the collector does.

    Raises:
        NotStored: one was refused, or was there already.
    """
    intake = Intake(lru_cache(register.device), lru_cache(world.keystore.load), arrived_ms)
    examined = [
        intake.examine(world.rows.scanners[world.passages.gate[number]].name.topic(Leaf.ENTRIES), sealed) for number, sealed in batch
    ]
    for result in register.store(examined, lambda: arrived_ms):
        if not isinstance(result, Stored) or result.repeated or result.outcome.status != "registered":
            raise NotStored(f"{result}")


def seal(world: World, numbers: range) -> dict[int, bytes]:
    """The envelopes of passages by number, in the order of time; each log goes on where the register has it.

    Args:
        world: the province.
        numbers: consecutive ones, the first of which the register does not have.
    """
    with world.register() as connection:
        heads = {key[1]: spans[-1].last_hash for key, spans in views.spans(connection).items()}
    by_gate: dict[int, list[int]] = defaultdict(list)
    for number in numbers:
        by_gate[int(world.passages.gate[number])].append(number)
    _now[:] = [world]
    tasks = [(heads.get(world.rows.scanners[gate].log, NO_PREVIOUS), mine) for gate, mine in sorted(by_gate.items())]
    with multiprocessing.get_context("fork").Pool(cores()) as pool:
        made = dict(one for part in pool.imap_unordered(_sealed, tasks) for one in part)
    return {number: made[number] for number in numbers}


def _sealed(task: tuple[bytes, list[int]]) -> list[tuple[int, bytes]]:
    """In a child process: one log's next envelopes."""
    prev, numbers = task
    world, made, keys = _now[0], [], dict[str, SealingKey]()
    for number in numbers:
        epoch = world.rows.days[int(world.passages.at_ms[number]) // 86_400_000].isoformat()
        if epoch not in keys:
            found = world.keystore.load(epoch)
            assert isinstance(found, DayKeys)
            keys[epoch] = found.public.sealing_key()
        one = envelope.make(header(world, number, prev, keys[epoch].key_id), world.rows.body(number), keys[epoch],
                            world.rows.scanners[world.passages.gate[number]].key)  # fmt: skip
        prev = envelope.envelope_hash(one)
        made.append((number, one))
    return made


def header(world: World, number: int, prev: bytes, key_id: str) -> Header:
    """The clear part of a passage's entry."""
    scanner, at_ms = world.rows.scanners[world.passages.gate[number]], int(world.passages.at_ms[number])
    return Header(
        scanner.name, scanner.site, scanner.gate, scanner.log, int(world.passages.seq[number]), prev, Kind.PASSAGE, scanner.boot,
        world.rows.starts_ms + at_ms, world.rows.boottime_ms(at_ms), Clock.SYNCHRONISED, key_id,
    )  # fmt: skip
