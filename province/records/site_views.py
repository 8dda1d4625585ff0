"""Reads one site out of the register: its last passages, masked, and how many people are inside."""

from __future__ import annotations

from datetime import date

from sqlalchemy import case, func, select

from edge_agent.wire.entry import Direction, Kind
from province.keys.keystore import Keystore
from province.records.clock_truth import best_ms
from province.records.opened_rows import LookKeys
from province.records.views import WITH_AHEAD, ShownEntry, day_bounds_ms, shown
from province.store.opened import Connection
from province.store.schema import entry


def latest(connection: Connection, keystore: Keystore, org: str, site: str, limit: int, before_ms: int | None = None) -> list[ShownEntry]:
    """The site's latest passages, newest first, masked; only the rows shown are opened.

    Args:
        connection: the register.
        keystore: the day keys.
        org: whose site it is.
        site: its name, as entries have it.
        limit: at most so many.
        before_ms: only passages before this time, for the next page.

    Raises:
        KeystoreAway: the keystore cannot be read.
    """
    query = WITH_AHEAD.where(entry.c.site == site, entry.c.org == org, entry.c.kind == Kind.PASSAGE.value)
    if before_ms is not None:
        query = query.where(best_ms < before_ms)
    keys = LookKeys(keystore)
    return [shown(row, keys) for row in connection.rows(query.order_by(best_ms.desc(), entry.c.id.desc()).limit(limit))]


_TURNS = func.sum(case((entry.c.direction == Direction.IN.value, 1), else_=-1))


def present(connection: Connection, org: str, site: str, day: date) -> int:
    """How many came in on a day and have not gone out, as far as they said so; never below 0."""
    first_ms, after_ms = day_bounds_ms(day)
    of_day = entry.c.epoch == day.isoformat(), best_ms >= first_ms, best_ms < after_ms
    turns = select(_TURNS).where(entry.c.site == site, entry.c.org == org, entry.c.kind == Kind.PASSAGE.value, *of_day)
    return max(0, int(connection.value(turns) or 0))
