"""One run: scanners send, a node, a collector and the database are lost and come back, and everything is counted at the end."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from cluster_scanner import ClusterScanner
from cluster_world import ClusterWorld, cluster_world
from sqlalchemy import func, select

from province.records import views
from province.store import database
from province.store.schema import entry, quarantine

_LOOK_S, _TELL_S = 1.0, 10.0
_EMPTY_S = 120.0


@dataclass(frozen=True, slots=True)
class Event:
    """Something done to the province.

    Attributes:
        receipted: how many entries had their receipt then.
    """

    at_s: float
    what: str
    receipted: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run has seen; `lost` and the like name each thing, and are empty when all holds."""

    entries: int
    scanners: int
    seed: int
    nodes: int
    events: tuple[Event, ...] = ()
    seconds: float = 0.0
    registered: int = 0
    receipted: int = 0
    sent: int = 0
    receipts_again: int = 0
    by_collector: tuple[int, ...] = ()
    left_in_queue: int = 0
    lost: tuple[str, ...] = ()
    duplicated: tuple[str, ...] = ()
    without_receipt: tuple[str, ...] = ()
    other: tuple[str, ...] = field(default=())

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.duplicated or self.without_receipt or self.other)


@dataclass(frozen=True, slots=True)
class Row:
    """An entry of the register."""

    log: bytes
    seq: int
    hash: bytes
    status: str


def compare(made: Sequence[tuple[bytes, dict[int, bytes]]], rows: Sequence[Row]) -> tuple[list[str], list[str], list[str]]:
    """What is lost, what is there more than once, and what nobody sent.

    Args:
        made: each scanner's log, and the hash of each number in it.
        rows: the register.
    """
    wanted = {(log, seq, digest) for log, hashes in made for seq, digest in hashes.items()}
    seen: set[tuple[bytes, int]] = set()
    found, duplicated, made_up = set(), [], []
    for row in rows:
        spot, what = (row.log, row.seq), f"number {row.seq} of log {row.log.hex()}"
        if spot in seen:
            duplicated.append(what)
        seen.add(spot)
        if row.status != "registered" or (*spot, row.hash) not in wanted:
            made_up.append(f"{what}: {row.status}")
        else:
            found.add((*spot, row.hash))
    return [f"number {seq} of log {log.hex()}" for log, seq, _hash in sorted(wanted - found)], duplicated, made_up


class Run:
    """One run in a folder, which keeps all logs."""

    def __init__(self, world: ClusterWorld, entries: int, seed: int, tell: Callable[[str], None]) -> None:
        self._world, self._entries, self._seed, self._tell = world, entries, seed, tell
        self._changed = threading.Condition()
        self._events: list[Event] = []
        self._coming_back: list[threading.Thread] = []
        each, more = divmod(entries, len(world.scanners))
        tell(f"sealing {entries} entries of {len(world.scanners)} scanners")
        self.scanners = [ClusterScanner(one, each + (place < more), self._told) for place, one in enumerate(world.scanners)]

    def _told(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def receipted(self) -> int:
        return sum(len(one.receipted) for one in self.scanners)

    def _note(self, what: str) -> None:
        self._events.append(Event(round(time.monotonic() - self._began_s, 1), what, self.receipted()))
        self._tell(f"{self._events[-1].at_s:6.1f} s  {self._events[-1].receipted:>7} receipted: {what}")

    def _plan(self) -> list[tuple[float, Callable[[], None]]]:
        """What happens at which share of the receipts; the seed says to whom."""
        chance = random.Random(self._seed)
        node = chance.choice(self._world.nodes)
        collector = chance.choice(self._world.collectors)
        number = self._world.nodes.index(node) + 1

        def kill_node() -> None:
            node.kill()
            self._note(f"node {number} killed (SIGKILL)")

        def stop_node() -> None:
            node.stop()
            self._note(f"node {number} stopped (SIGTERM)")

        def kill_collector() -> None:
            collector.end(signal.SIGKILL)
            self._note(f"collector {collector.number} killed (SIGKILL)")

        def restart_database() -> None:
            assert self._world.postgres is not None
            self._world.postgres.restart()
            self._note("PostgreSQL restarted (SIGQUIT: at once, recovers)")

        def start_node() -> None:
            def until_it_works() -> None:
                node.start()
                self._note(f"node {number} is back")

            self._note(f"node {number} is started again")
            thread = threading.Thread(target=until_it_works)
            thread.start()
            self._coming_back.append(thread)

        def start_collector() -> None:
            collector.start()
            self._note(f"collector {collector.number} is started again")

        shares = [(0.15, kill_node), (0.3, kill_collector), (0.45, restart_database), (0.55, start_node), (0.65, start_collector)]
        if (
            len(self._world.nodes) == 1
        ):  # without it nothing goes on; killed, RabbitMQ 3.10 may leave a queue without a leader (decision 0104)
            shares = [(0.15, kill_collector), (0.4, stop_node), (0.4, start_node), (0.6, start_collector)]
        return [one for one in shares if one[1] is not restart_database or self._world.postgres is not None]

    def go(self, within_s: float) -> Outcome:
        """Runs it; ends after the time at the latest, whatever has come by then."""
        self._began_s = told_s = time.monotonic()
        plan = self._plan()
        self._note("all is up, scanners begin")
        for one in self.scanners:
            one.start()
        while (done := self.receipted()) < self._entries and time.monotonic() - self._began_s < within_s:
            while plan and done >= plan[0][0] * self._entries:
                plan.pop(0)[1]()
            with self._changed:
                self._changed.wait_for(lambda: self.receipted() >= self._entries or self._is_due(plan), _LOOK_S)
            for one in self.scanners:
                one.send_what_waits()
            if time.monotonic() - told_s > _TELL_S:
                told_s = time.monotonic()
                self._tell(f"{told_s - self._began_s:6.1f} s  {self.receipted():>7} receipted")
        seconds = time.monotonic() - self._began_s
        self._note("the last receipt has come" if not self._without_receipt() else "time is up")
        for thread in self._coming_back:
            thread.join()
        return self._count(seconds, tuple("something that was to happen did not" for _ in plan))

    def _is_due(self, plan: Sequence[tuple[float, object]]) -> bool:
        return bool(plan) and self.receipted() >= plan[0][0] * self._entries

    def _without_receipt(self) -> list[str]:
        return [f"number {seq} of {one.name}" for one in self.scanners for seq in one.made.keys() - one.receipted.keys()]

    def _count(self, seconds: float, troubles: tuple[str, ...]) -> Outcome:
        self._world.until_empty(_EMPTY_S)
        left = self._world.waiting()
        for one in self.scanners:
            one.stop()
        codes = [collector.end() for collector in self._world.collectors]
        with closing(database.connect(self._world.layout.register)) as connection:
            columns = entry.c.log, entry.c.seq, entry.c.hash, entry.c.status
            rows = [Row(bytes(row[0]), row[1], bytes(row[2]), row[3]) for row in connection.execute(select(*columns))]
            refused = connection.value(select(func.count()).select_from(quarantine)) or 0
            flaws = [f"log {one.log.hex()}: gaps {one.gaps}, {one.forks} forks" for one in views.logs(connection) if one.gaps or one.forks]
        lost, duplicated, made_up = compare([(one.log, one.hashes) for one in self.scanners], rows)
        other = [*made_up, *flaws, *(wrong for one in self.scanners for wrong in one.wrong), *troubles]
        other += [f"{refused} messages in quarantine"] if refused else []
        other += [f"collectors ended with {codes}"] if any(codes) else []
        other += [f"{left} entries left in the queue"] if left else []
        return Outcome(
            self._entries, len(self.scanners), self._seed, len(self._world.nodes), tuple(self._events), round(seconds, 1), len(rows),
            self.receipted(), sum(one.sent for one in self.scanners),
            sum(one.receipted.total() - len(one.receipted) for one in self.scanners),
            tuple(collector.committed() for collector in self._world.collectors), left,
            tuple(lost), tuple(duplicated), tuple(self._without_receipt()), tuple(other),
        )  # fmt: skip


def run(
    folder: Path, entries: int, scanners: int, seed: int, *, nodes: int = 3, in_postgres: bool = True, within_s: float = 900.0,
    tell: Callable[[str], None] = lambda _line: None,
) -> Outcome:  # fmt: skip
    """Makes the world, runs it, takes it down.

    Args:
        folder: everything lies there, all logs too.
        entries: in all.
        scanners: who send them.
        seed: whom the faults meet.
        nodes: of RabbitMQ.
        in_postgres: the register; else in its file.
        within_s: of which the run may last at most.
        tell: told how it goes.
    """
    with cluster_world(folder, nodes, scanners, in_postgres=in_postgres) as world:
        tell(f"starting RabbitMQ of {nodes}, {'PostgreSQL, ' if in_postgres else ''}{len(world.collectors)} collectors in {folder}")
        made = Run(world, entries, seed, tell)
        world.start()
        return made.go(within_s)
