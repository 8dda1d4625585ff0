"""The living province's reports: figures that somebody typed, and what the reports' service has made of the days that are over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta

from edge_agent.wire.keyring import VIETNAM
from province.base.layout import Layout
from province.demo.living_places import BODIES, FIGURES
from province.reports import figures
from province.reports.figures import About, Figure, Told
from province.reports.office import Office
from province.store import database

_WORKS_AT = (time(9, 5), time(14, 5))  # once the service has begun with each kind


def tell_figures(layout: Layout, day: date, by: str, at_ms: int) -> None:
    """Types what no scanner knows, of each commune and of each organisation that reports.

    Args:
        layout: the province.
        day: from which on it counts.
        by: the account that tells it.
        at_ms: the time.

    Raises:
        ProvinceError: it cannot be kept.
    """
    told = [Told(about, id_, figure, day, value, at_ms, by) for about, id_, figure, value in _figures()]
    with closing(database.connect(layout.register)) as connection, database.transaction(connection, layout.register):
        figures.keep(connection, told)


def _figures() -> Iterator[tuple[About, str, Figure, int]]:
    for commune, known in FIGURES.items():
        yield About.UNIT, commune, Figure.POPULATION, known.people
        yield About.UNIT, commune, Figure.APP_INSTALLS, known.installs
        yield About.UNIT, commune, Figure.PLACES, known.places
    for body in BODIES:
        if body.officials:
            yield About.ORGANISATION, body.id, Figure.OFFICIALS, body.officials
            yield About.ORGANISATION, body.id, Figure.APP_INSTALLS, body.installs


def make_reports(layout: Layout, days: Sequence[date], now_ms: int) -> None:
    """Lets the reports' service work at its times, as if it had run on each day.

    Args:
        layout: the province.
        days: of which there are passages, oldest first; of the last nothing is over.
        now_ms: the time.

    Raises:
        ProvinceError: they cannot be made.
    """
    clock = [now_ms]
    office = Office(layout, (), lambda: clock[0])
    for day in days[:-1]:
        for at in _WORKS_AT:
            clock[0] = int(datetime.combine(day + timedelta(days=1), at, VIETNAM).astimezone(UTC).timestamp() * 1000)
            if clock[0] <= now_ms:
                office.round()
