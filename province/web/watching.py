"""Tells that something has come into the register, so that open pages show it at once: one look for all of them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import closing

from sqlalchemy import func, select

from province.base.errors import ProvinceError
from province.base.layout import Layout
from province.store import database
from province.store.opened import Connection
from province.store.schema import entry

_log = logging.getLogger(__name__)
_EACH_S, _AGAIN_S = 0.15, 2.0
_NEWEST = select(func.coalesce(func.max(entry.c.id), 0))


class Watch:
    """Looks at the register in a thread of its own.

    Args:
        layout: the province.
        tell: called when there is something new.
    """

    def __init__(self, layout: Layout, tell: Callable[[], None]) -> None:
        self._layout, self._tell = layout, tell
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="register-watch", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it, and waits for that."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        said = False
        while not self._ended.is_set():
            try:
                with closing(database.connect(self._layout.register)) as connection, database.explained(self._layout.register):
                    said = False
                    self._follow(connection)
            except ProvinceError as error:
                if not said:
                    _log.warning("open pages are not told what is new: %s", error)
                said = True
                self._ended.wait(_AGAIN_S)

    def _follow(self, connection: Connection) -> None:
        before = _mark(connection)
        self._tell()
        while not self._ended.wait(_EACH_S):
            if (now := _mark(connection)) != before:
                before = now
                self._tell()


def _mark(connection: Connection) -> int:
    """Another number when others have written. Source: SQLite, PRAGMA data_version."""
    if connection.is_file:
        return int(connection.execute("PRAGMA data_version").fetchone()[0])
    return int(connection.value(_NEWEST))
