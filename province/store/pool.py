"""Connections to a register for many threads that each need one for a moment: a server's are used again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from province.store import database
from province.store.opened import Connection, RegisterBusy

_MOST_IDLE = 8


class Pool:
    """Gives out connections. A file is opened anew each time (a millisecond), a server's connection is used again.

    Args:
        path: the register.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection for the thread that asks.

        Raises:
            RegisterBusy: not now.
        """
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = database.connect(self._path)
        away = False
        try:
            with database.explained(self._path):
                yield connection
        except RegisterBusy:
            away = True
            self.close()  # a server that was away has forgotten all of them
            raise
        finally:
            with self._lock:
                keep = not (connection.is_file or away or connection.in_transaction) and len(self._idle) < _MOST_IDLE
                if keep:
                    self._idle.append(connection)
            if not keep:
                connection.close()

    def close(self) -> None:
        """Closes what is idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
