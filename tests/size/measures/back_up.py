"""The register copied out while it is used, and put back: `gate-province store backup` and `restore`. Needs its room twice more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import sqlalchemy as sa
from measures import Measure, none_of, told
from size_world import World

from province.base.clock import now_ms
from province.records import backing_up
from province.store.schema import entry

ONLY_NAMED = True
_NAME = "register_put_back"


def measure(world: World) -> list[Measure]:
    """How long each takes, how large the backup is, and how many entries are missing afterwards."""
    backup = world.layout.root.parent / "backup"
    backup.unlink(missing_ok=True)
    before = _entries(world)
    began_s = time.perf_counter()
    size = backing_up.save(world.layout, backup)
    saved_s = time.perf_counter() - began_s
    with _empty_database(world) as url:
        began_s = time.perf_counter()
        backing_up.put_back(world.layout, backup, url, now_ms())
        put_back_s = time.perf_counter() - began_s
        missing = before - _entries(world)
    backup.unlink()
    return [
        told("backup", saved_s, "s"),
        told("backup, an entry", size / before, "bytes an entry"),
        told("restore, with all that is done again", put_back_s, "s"),
        none_of("entries missing after the restore", missing, "entries"),
    ]


def _entries(world: World) -> int:
    with world.register() as connection:
        return int(connection.value(sa.select(sa.func.count()).select_from(entry)))


@contextmanager
def _empty_database(world: World) -> Iterator[str | None]:
    """One on the same server, forgotten afterwards; a file is replaced where it is."""
    if world.url is None:
        yield None
        return
    with closing(psycopg.connect(world.url, autocommit=True)) as connection:
        connection.execute(f'CREATE DATABASE "{_NAME}"'.encode())
        yield world.url.replace("/register?", f"/{_NAME}?")
        world.layout.register_address.write_text(f"{world.url}\n", encoding="utf-8")
        connection.execute(f'DROP DATABASE "{_NAME}" WITH (FORCE)'.encode())
