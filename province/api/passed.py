"""Where somebody passed on a day, a page of registered places at a time: the same counts as the reports have, of few rows each."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from sqlalchemy import ColumnElement, exists, func, or_, select, tuple_

from province.records.day_counts import COLUMNS
from province.registry import sites
from province.registry.site import Site
from province.registry.texts import CHECKIN
from province.reports.counting import Names, Tally, counts
from province.store.opened import Connection
from province.store.registry_tables import site as table
from province.store.report_tables import day_count

_NAMED = (day_count.c.org == table.c.org) & (day_count.c.site == table.c.name)  # as its scanners say it
_BY_ID = (day_count.c.org == CHECKIN) & (day_count.c.site == table.c.id)  # as the check-in page does


def places(connection: Connection, day: date, org: str | None, after: str, most: int) -> list[Site]:
    """The first registered places, by id, that have a count on a day and come after one; of all organisations, or of one."""
    of_day = day_count.c.day == day.isoformat()
    wanted: list[ColumnElement[bool]] = [] if org is None else [table.c.org == org]
    return sites.page(connection, [*wanted, table.c.id > after, or_(exists().where(of_day, _NAMED), exists().where(of_day, _BY_ID))], most)


def tallies(connection: Connection, day: date, of: Collection[Site]) -> dict[str, Tally]:
    """How many passed at some places, by their ids; those where nobody did are missing."""
    of_name = tuple_(day_count.c.org, day_count.c.site).in_([(one.org, one.name) for one in of])
    of_id = (day_count.c.org == CHECKIN) & day_count.c.site.in_([one.id for one in of])
    found, _elsewhere = Names(sites.namesakes(connection, of)).gather(counts(connection, day, day, or_(of_name, of_id)))
    return found


def elsewhere(connection: Connection, day: date) -> int:
    """How many passages of a day were where no registered place is."""
    passages = sum((day_count.c[name] for name in COLUMNS[1:]), start=day_count.c[COLUMNS[0]])
    query = select(func.coalesce(func.sum(passages), 0)).where(day_count.c.day == day.isoformat())
    return int(connection.value(query.where(~exists().where(_NAMED), ~exists().where(_BY_ID))))
