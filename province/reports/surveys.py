"""The province on the days that are looked at now: one survey at a time, in a thread of its own, and the last ones kept.

A survey of a province takes seconds. Nobody counts in the thread that makes a page: a page waits without one, the home page not at all.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from typing import Any

from edge_agent.base.trouble import where
from edge_agent.serving.guard import Refused
from province.base.errors import ProvinceError
from province.reports import making
from province.reports.counting import Survey
from province.reports.form import Document
from province.store.opened import Connection
from province.web.world import World

_log = logging.getLogger(__name__)
_KEPT_MS, _KEPT_AT_HOME_MS, _KEPT_MOST = 60_000, 600_000, 4
_MOST_COMING = 4  # counted and waiting to be
_Key = tuple[str, date]
_DAY, _WEEK = "day", "week"


class Surveys:
    """Counts, at most once a minute for each day.

    Args:
        world: whose province.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._found: OrderedDict[date, Survey] = OrderedDict()
        self._coming: dict[_Key, Future[Any]] = {}
        self._forgotten = 0
        self._lock = threading.Lock()  # held to look, never to count
        self._thread = ThreadPoolExecutor(1, "survey")

    def last(self, day: date) -> Survey | None:
        """The last survey of a day, at once; None where there is none yet. Another is begun where it is old."""
        known = self._known(day, _KEPT_AT_HOME_MS)
        if known is None:
            with suppress(Refused):  # others are being counted: it is begun when somebody looks again
                self._begin((_DAY, day), self._survey).add_done_callback(_say)
            with self._lock:
                known = self._found.get(day)
        return known

    async def on(self, day: date) -> Survey:
        """The province on a day, as it was at most a minute ago.

        Raises:
            NotAProvince: the day is not over, or not told apart any more.
            ProvinceError: the register cannot be read.
            Refused: too many days are asked for at once.
        """
        known = self._known(day, _KEPT_MS)
        if known is not None:
            return known
        found: Survey = await _of(self._begin((_DAY, day), self._survey))
        return found

    async def week(self, last: date) -> Document:
        """The report of the seven days that end with one, counted now; raises as `on`."""
        found: Document = await _of(self._begin((_WEEK, last), self._week))
        return found

    def forget(self) -> None:
        """What is kept is no more so: figures are others."""
        with self._lock:
            self._forgotten += 1
            self._found.clear()

    def _known(self, day: date, kept_ms: int) -> Survey | None:
        with self._lock:
            known = self._found.get(day)
            return known if known is not None and self._world.now_ms() - known.asked_ms <= kept_ms else None

    def _begin(self, key: _Key, count: Callable[[Connection, date], Any]) -> Future[Any]:
        with self._lock:
            coming = self._coming.get(key)
            if coming is not None:
                return coming
            if len(self._coming) >= _MOST_COMING:
                raise Refused(429)
            coming = self._coming[key] = self._thread.submit(self._count, key, count)
            return coming

    def _count(self, key: _Key, count: Callable[[Connection, date], Any]) -> Any:
        try:
            with self._world.connection() as connection:
                return count(connection, key[1])
        finally:
            with self._lock:
                del self._coming[key]

    def _survey(self, connection: Connection, day: date) -> Survey:
        forgotten, known = self._forgotten, making.survey(connection, day, self._world.now_ms())
        while forgotten != self._forgotten:  # figures were typed in meanwhile: whoever typed them waits for this one
            forgotten, known = self._forgotten, making.survey(connection, day, self._world.now_ms())
        with self._lock:
            if forgotten == self._forgotten:
                self._found[day] = known
                self._found.move_to_end(day)
                while len(self._found) > _KEPT_MOST:
                    self._found.popitem(last=False)
        return known

    def _week(self, connection: Connection, last: date) -> Document:
        return making.of_week(connection, last, self._world.now_ms())


async def _of(coming: Future[Any]) -> Any:
    """What it comes to; who asks no more does not end it for the others."""
    return await asyncio.shield(asyncio.wrap_future(coming))


def _say(done: Future[Any]) -> None:
    error = done.exception()
    if isinstance(error, ProvinceError):
        _log.warning("reports: not counted: %s", error)
    elif isinstance(error, Exception):
        _log.error("reports: not counted: unexpected %s; please report it", where(error, 3))
