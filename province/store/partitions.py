"""The days of a register in PostgreSQL: each has its own part of the tables of entries and tokens, made ahead, dropped whole at retention.

What is of no day, or of one without a part, lies in the rest (`entry_rest`, `token_rest`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import sqlalchemy as sa

from edge_agent.wire.receipt import Status
from province.store.opened import Connection
from province.store.schema import entry, token

AHEAD_DAYS = 8
BACK_DAYS = 30  # of a new register: scanners that were offline for weeks
_IS_THERE = sa.text("SELECT 1 WHERE to_regclass(:name) IS NOT NULL")


def part_of(table: sa.Table, day: date) -> str:
    """The name of a day's part of a table.

    Example:
        >>> part_of(entry, date(2021, 10, 5))
        'entry_20211005'
    """
    return f"{table.name}_{day:%Y%m%d}"


def bounds(day: date) -> str:
    """What a day's part holds, in SQL.

    Example:
        >>> bounds(date(2021, 10, 5))
        "FROM ('2021-10-05') TO ('2021-10-06')"
    """
    return f"FROM ('{day.isoformat()}') TO ('{(day + timedelta(days=1)).isoformat()}')"


def days_ahead(today: date) -> list[date]:
    """Today and those after it for which parts are made."""
    return [today + timedelta(days=days) for days in range(AHEAD_DAYS + 1)]


def lacking(connection: Connection, days: Iterable[date]) -> list[date]:
    """Which of these days have no part, and nothing of them lies in the rest."""
    without = [day for day in days if not connection.has(_IS_THERE, {"name": part_of(token, day)})]
    return [day for day in without if not connection.has(sa.select(1).where(entry.c.epoch == day.isoformat()).limit(1))]


def make(connection: Connection, days: Iterable[date]) -> None:
    """Makes the parts of these days; call it in a transaction."""
    for day in days:
        for table in (entry, token):
            connection.execute(sa.text(f"CREATE TABLE {part_of(table, day)} PARTITION OF {table.name} FOR VALUES {bounds(day)}"))


def drop(connection: Connection, day: date, gone: sa.ColumnElement[bool]) -> None:
    """Drops the parts of a day, if there are any; call it in a transaction.

    Args:
        connection: the register.
        day: its keys are destroyed.
        gone: which entries go; of the others the row stays, without its body, in the rest.
    """
    if not connection.has(_IS_THERE, {"name": part_of(entry, day)}):
        return
    of_day = entry.c.epoch == day.isoformat()
    staying = [dict(row) for row in connection.rows(sa.select(entry).where(of_day, sa.not_(gone)))]
    for table in (token, entry):
        connection.execute(sa.text(f"DROP TABLE {part_of(table, day)}"))
    if staying:
        expired = {"body": None, "status": Status.EXPIRED.value, "reason": None}
        connection.execute(sa.insert(entry), [row | expired for row in staying])
