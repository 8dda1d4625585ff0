"""Fills the register in its own form, by all processors: rows without an envelope, a day at a time.

On PostgreSQL a day's two parts are filled by COPY, get their indexes, and only then become parts: two processes do two days at once. A
file has one writer: the others make rows for it. What belongs to an entry elsewhere (ledger, days of each log) is written from the plan.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import date
from itertools import islice

import numpy as np
import psycopg
import sqlalchemy as sa
from psycopg import sql
from size_rows import EntryRow, Rows, TokenRow, invented_hash
from size_world import World, children

from edge_agent.wire.entry import NO_PREVIOUS
from province.keys.day_keys import DayKeys
from province.records import day_counts
from province.store import database, partitions
from province.store.schema import day, entry, ledger, sure_day, token

_CHUNK = 10_000
_MANY = 50_000
_TYPES = {"BIGINT": "int8", "TEXT": "text", "BLOB": "bytea"}
_now: list[World] = []  # for child processes: what they need is not copied to them


def load(world: World, count: int) -> float:
    """Fills the register with the first `count` passages, and says how many a second it were."""
    began_s = time.monotonic()
    days = _days(world.rows, count)
    _now[:] = [world]
    world.passages, world.people  # noqa: B018 - made before there are children
    done = 0
    with children() as pool:
        for rows in _filled(world, days, pool.imap_unordered if world.url else pool.imap):
            done += rows
            rate = done / (time.monotonic() - began_s)
            world.say(f"{done:>12,} of {count:,} entries in the register's form, {rate:,.0f} a second")
    _note_logs(world, days)
    if world.url is not None:
        with closing(psycopg.connect(world.url, autocommit=True)) as connection:
            connection.execute("ANALYZE")
    rate = count / (time.monotonic() - began_s)
    world.say("counting the passages of each day, as the collector counts them as they come")
    with world.register() as register, database.transaction(register, world.layout.register):
        day_counts.put_right(register, day_counts.drift(register, world.rows.days[0]))
    return rate


_Spread = Callable[[Callable[..., object], Iterable[object]], Iterator[object]]
_Span = tuple[int, int, int]  # which day, and from and up to which passage


def _days(rows: Rows, count: int) -> list[_Span]:
    found = [(number, rows.passages.of_day(number)) for number in range(len(rows.days))]
    return [(number, here.start, min(here.stop, count)) for number, here in found if here.start < min(here.stop, count)]


def _keys(world: World, number: int) -> DayKeys:
    keys = world.keystore.load(world.rows.days[number].isoformat())
    assert isinstance(keys, DayKeys)
    return keys


def _filled(
    world: World, days: list[_Span], spread: Callable[[Callable[..., object], Iterable[object]], Iterator[object]]
) -> Iterator[int]:
    if world.url is not None:
        with world.register() as connection, database.transaction(connection, world.layout.register):
            for number, _first, _after in days:  # to be made anew, full
                for table in (token, entry):
                    connection.execute(sa.text(f"DROP TABLE {partitions.part_of(table, world.rows.days[number])}"))
        for rows in spread(_fill_day, days):
            assert isinstance(rows, int)
            yield rows
        return
    with closing(sqlite3.connect(world.layout.register, isolation_level=None)) as file, _hasty(file):
        chunks = [(number, at, min(at + _CHUNK, after)) for number, first, after in days for at in range(first, after, _CHUNK)]
        for made in spread(_make_rows, chunks):
            assert isinstance(made, tuple)
            entries, tokens = made
            file.execute("BEGIN IMMEDIATE")
            file.executemany(_insert("entry", EntryRow), entries)
            file.executemany(_insert("token", TokenRow), tokens)
            file.execute("COMMIT")
            yield len(entries)


@contextmanager
def _hasty(connection: sqlite3.Connection) -> Iterator[None]:
    """A file that may be lost while it is filled: nothing is in it yet that anybody was promised."""
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -400000")
    yield
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("ANALYZE")


def _insert(table: str, row: type[EntryRow | TokenRow]) -> str:
    return f"INSERT INTO {table} ({', '.join(row._fields)}) VALUES ({', '.join('?' * len(row._fields))})"  # noqa: S608 - our own names


def _make_rows(chunk: _Span) -> tuple[list[EntryRow], list[TokenRow]]:
    """In a child process: rows for the one writer."""
    number, first, after = chunk
    made = list(_now[0].rows.of_day(number, _keys(_now[0], number), first, after))
    tokens = sorted(one for _row, marks in made for one in marks)  # in the order in which they lie
    return [row for row, _marks in made], tokens


def _fill_day(span: _Span) -> int:
    """In a child process: makes a day's two parts."""
    world, (number, first, after) = _now[0], span
    assert world.url is not None
    one, rows = world.rows.days[number], world.rows.of_day(number, _keys(world, number), first, after)
    with closing(psycopg.connect(world.url)) as connection:
        marks: list[TokenRow] = []
        _copied(connection, entry, one, EntryRow, _entries_of(rows, marks))
        _copied(connection, token, one, TokenRow, sorted(marks))
        _indexed(connection, entry, one)
        _indexed(connection, token, one)
        connection.commit()
    return after - first


def _entries_of(rows: Iterator[tuple[EntryRow, list[TokenRow]]], marks: list[TokenRow]) -> Iterator[EntryRow]:
    for row, found in rows:
        marks += found
        yield row


def _copied(
    connection: psycopg.Connection, table: sa.Table, one: date, form: type[EntryRow | TokenRow], rows: Iterable[EntryRow | TokenRow]
) -> None:
    part = sql.Identifier(partitions.part_of(table, one))
    connection.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS)").format(part, sql.Identifier(table.name)))
    names = sql.SQL(", ").join(map(sql.Identifier, form._fields))
    with connection.cursor().copy(sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(part, names)) as copy:
        copy.set_types([_TYPES[str(table.c[name].type)] for name in form._fields])
        for row in rows:
            copy.write_row(row)


def _indexed(connection: psycopg.Connection, table: sa.Table, one: date) -> None:
    """Gives the full table the indexes of the whole one, and makes it that day's part."""
    part = partitions.part_of(table, one)
    for number, (words,) in enumerate(connection.execute(_CONSTRAINTS, (table.name,)).fetchall()):
        connection.execute(f'ALTER TABLE {part} ADD CONSTRAINT "{part}_c{number}" {words}'.encode())
    for number, (words,) in enumerate(connection.execute(_INDEXES, (table.name,)).fetchall()):
        connection.execute(re.sub(r"INDEX \S+ ON ONLY \S+", f'INDEX "{part}_i{number}" ON {part}', words).encode())
    bounds = partitions.bounds(one)
    connection.execute(f"ALTER TABLE {table.name} ATTACH PARTITION {part} FOR VALUES {bounds}".encode())


_CONSTRAINTS = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'u'"
_INDEXES = """SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)"""


def _note_logs(world: World, days: list[_Span]) -> None:
    """The ledger and the days of each log, as the collector would have counted them."""
    rows, of = world.rows, world.passages
    counted: list[dict[str, object]] = []
    last: dict[int, int] = {}
    for number, first, after in days:
        gates, counts = np.unique(of.gate[first:after], return_counts=True)
        for which, entries in zip(gates.tolist(), counts.tolist(), strict=True):
            scanner, begin = rows.scanners[which], last.get(which, 0) + 1
            last[which] = begin + entries - 1
            about = {"org": scanner.name.org, "device": scanner.name.device, "log": scanner.log, "day": rows.days[number].isoformat()}
            counted.append(about | {"first_seq": begin, "last_seq": last[which], "entries": entries})
    spans = [
        {
            "org": one.name.org, "device": one.name.device, "log": one.log, "first_seq": 1, "first_prev": NO_PREVIOUS,
            "last_seq": seq, "last_hash": invented_hash(one, seq),
        }
        for one, seq in ((rows.scanners[which], seq) for which, seq in last.items())
    ]  # fmt: skip
    sure = [{name: value for name, value in row.items() if name != "entries"} for row in counted]
    with world.register() as connection, database.transaction(connection, world.layout.register):
        for table, found in ((ledger, spans), (day, counted), (sure_day, sure)):
            source = iter(found)
            while some := list(islice(source, _MANY)):
                connection.execute(sa.insert(table), some)
