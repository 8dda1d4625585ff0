"""How large the register is on the disk, all of it and for each entry."""

from __future__ import annotations

from contextlib import closing

import psycopg
from measures import Measure, told
from size_world import World

_SIZES = """SELECT coalesce(sum(pg_relation_size(oid)) FILTER (WHERE relkind = 'r' AND relname LIKE %(table)s), 0),
    coalesce(sum(pg_relation_size(oid)) FILTER (WHERE relkind = 'i' AND relname LIKE %(table)s), 0) FROM pg_class"""


def measure(world: World) -> list[Measure]:
    """Bytes."""
    if world.url is None:
        total = sum(file.stat().st_size for file in world.layout.root.glob("register.sqlite*"))
        return _told(world, total)
    with closing(psycopg.connect(world.url)) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        assert row is not None
        found = _told(world, int(row[0]))
        for table in ("entry", "token"):
            sizes = connection.execute(_SIZES, {"table": f"{table}\\_%"}).fetchone()
            assert sizes is not None
            found += [
                told(f"table {table}, rows", int(sizes[0]) / world.spec.entries, "bytes an entry"),
                told(f"table {table}, indexes", int(sizes[1]) / world.spec.entries, "bytes an entry"),
            ]
    return found


def _told(world: World, total: int) -> list[Measure]:
    return [
        told("register on the disk", total / 1e6, "MB"),
        told("register on the disk, an entry", total / world.spec.entries, "bytes an entry"),
    ]
