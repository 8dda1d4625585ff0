"""A loaded province in a folder: what measures are given, and what stands on the disk to be opened again.

`open_world(folder, …)` loads a new one or opens the one that is there; a measure needs no more than what `World` has.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from multiprocessing.pool import Pool
from pathlib import Path

import psycopg
from postgres_world import Server
from size_living import DAYS, NOW_MS, Passages, Place, Spec, live, places
from size_rows import Rows, person_of

from edge_agent.wire.authority import Power
from edge_agent.wire.entry import RecordedPerson
from edge_agent.wire.keyring import day_of
from edge_agent.wire.sealing import Suite
from province.base.clock import now_ms
from province.base.layout import Layout, Settings
from province.keys.keystore import Keystore
from province.keys.officers import load_officer
from province.records.views import day_bounds_ms
from province.store import database
from province.store.opened import Connection
from province.trust import founding
from province.trust.keyring_office import KeyringOffice

SQLITE, POSTGRESQL = "sqlite", "postgresql"
_NOTE = "size.json"
_DAY_MS = 86_400_000
# a server as for work, its log of changes apart: tables made and filled in one transaction need none (wal_level)
_SERVER = {
    "fsync": "on", "shared_buffers": "512MB", "maintenance_work_mem": "256MB", "max_wal_size": "4GB", "wal_level": "minimal",
    "max_wal_senders": "0", "log_checkpoints": "off", "effective_cache_size": "4GB",
}  # fmt: skip

Say = Callable[[str], None]


class WrongWorld(Exception):
    """The folder has another province than the one asked for."""


@dataclass(frozen=True, slots=True)
class Note:
    """What stands beside a loaded province.

    Attributes:
        first_day: the civil day that passages count from.
        rates: of the loading, entries a second by name.
    """

    entries: int
    seed: int
    database: str
    first_day: str
    rates: dict[str, float]


@dataclass(frozen=True)
class World:
    """A loaded province, its register open for whoever asks.

    Attributes:
        layout: the province's folder.
        spec: how many entries, which seed.
        first_day: the civil day that passages count from.
        rates: of the loading, entries a second by name.
        url: of the register on a server; None for a file.
        say: tells the progress.
    """

    layout: Layout
    spec: Spec
    first_day: date
    rates: dict[str, float]
    url: str | None
    say: Say

    @property
    def now_ms(self) -> int:
        """The time of the last passage: half past five on the last day, when shops are full and buses run."""
        return day_bounds_ms(self.first_day)[0] + NOW_MS

    @property
    def last_day(self) -> date:
        """The day of `now_ms`."""
        return self.first_day + timedelta(days=DAYS - 1)

    @cached_property
    def keystore(self) -> Keystore:
        """The day keys."""
        return Keystore(self.layout.keystore)

    @cached_property
    def passages(self) -> Passages:
        """All passages: made anew, in seconds."""
        return live(self.spec)

    @cached_property
    def people(self) -> list[RecordedPerson]:
        """Everybody who passed, by the number that passages name them with."""
        return person_of(int(self.passages.person.max()) + 1, self.spec.seed)

    @cached_property
    def places(self) -> list[Place]:
        """The sites."""
        return places(self.spec)

    @cached_property
    def rows(self) -> Rows:
        """What each passage says, and the scanners."""
        return Rows(self.spec, self.passages, self.first_day, self.people)

    def register(self) -> closing[Connection]:
        """The register, for one thread."""
        return closing(database.connect(self.layout.register))


def fresh(folder: Path) -> bool:
    """Whether there is nothing loaded yet."""
    return not (folder / _NOTE).exists()


@contextmanager
def open_world(folder: Path, spec: Spec, kind: str, say: Say, load: Callable[[World], dict[str, float]]) -> Iterator[World]:
    """The province of a folder, loaded now if there is none.

    Args:
        folder: exists; for a server's files, too.
        spec: the province wanted.
        kind: SQLITE or POSTGRESQL.
        say: tells the progress.
        load: fills a province that has sites and scanners, and says the rates.

    Raises:
        WrongWorld: the folder has another.
    """
    before = None if fresh(folder) else Note(**json.loads((folder / _NOTE).read_text("utf-8")))
    if before is not None and (before.entries, before.seed, before.database) != (spec.entries, spec.seed, kind):
        there = f"{before.entries} entries, seed {before.seed}, {before.database}"
        raise WrongWorld(f"{folder} holds {there}: ask for these, or choose another folder")
    if kind == SQLITE:
        with _opened(folder, spec, None, before, say, load) as world:
            yield world
        return
    folder.chmod(0o711)  # the server's user goes through it to its own
    server = Server(folder / "server", _SERVER).start()
    try:
        url = server.url("register")
        if before is None:
            with closing(psycopg.connect(server.url("postgres"), autocommit=True)) as connection:
                connection.execute('CREATE DATABASE "register"')
        with _opened(folder, spec, url, before, say, load) as world:
            yield world
    finally:
        server.stop()


@contextmanager
def _opened(
    folder: Path, spec: Spec, url: str | None, before: Note | None, say: Say, load: Callable[[World], dict[str, float]]
) -> Iterator[World]:
    layout = Layout(folder / "province")
    if before is not None:
        if url is not None:
            layout.register_address.write_text(f"{url}\n", encoding="utf-8")  # its socket is elsewhere at each start
        yield World(layout, spec, date.fromisoformat(before.first_day), before.rates, url, say)
        return
    first_day = day_of(now_ms()) - timedelta(days=DAYS)
    world = World(_founded(layout.root, first_day, url), spec, first_day, {}, url, say)
    world = replace(world, rates=load(world))
    note = Note(spec.entries, spec.seed, SQLITE if url is None else POSTGRESQL, first_day.isoformat(), world.rates)
    (folder / _NOTE).write_text(json.dumps(asdict(note)), encoding="utf-8")
    yield world


def _founded(root: Path, first_day: date, url: str | None) -> Layout:
    """A province founded on the first day, its keyring extended on each day since as the collector would have."""
    settings = Settings("Tỉnh tổng hợp", ("127.0.0.1",), 8883, "127.0.0.1", Suite.XWING, 45)
    at_ms = day_bounds_ms(first_day)[0] + _DAY_MS // 2
    layout = founding.found(root, settings, at_ms, url)
    office = KeyringOffice(layout, layout.read_settings(), load_officer(layout, Power.KEYRING))
    with closing(database.connect(layout.register)) as connection:
        for day in range(DAYS + 1):
            office.extend(at_ms + day * _DAY_MS)
            database.look_ahead(connection, layout.register, first_day + timedelta(days=day))
    return layout


def backend_of(connection: Connection) -> int | None:
    """The server's process that works for a connection; None for a file."""
    if connection.is_file:
        return None
    [row] = connection.execute("SELECT pg_backend_pid() AS pid")
    return int(row["pid"])


def cpu_s(pid: int | None) -> float:
    """User and system time of a process so far: proc(5), fields 14 and 15 of stat; 0 for none."""
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def children() -> Iterator[Pool]:
    """As many processes as there are processors, with all that this one has in its memory."""
    context = multiprocessing.get_context("fork")
    with context.Pool(len(os.sched_getaffinity(0)), initializer=_as_a_child) as pool:
        yield pool


def _as_a_child() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # how a pool ends them
