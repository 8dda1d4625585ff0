"""A register in PostgreSQL: for a province, where collectors, door and desks work on several machines.

One writer at a time, as in SQLite: a transaction takes a lock of its own first. What is decided in it is decided on what is committed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import NullPool

from province.base.errors import NotAProvince
from province.store.opened import Connection, Inserter, RegisterBusy, RegisterRefused, Values
from province.store.schema import APPLICATION_ID

_LOCK = sa.text("SELECT pg_advisory_xact_lock(:lock)")
_CONNECT_S = 5


@lru_cache(maxsize=8)
def _engine(url: str, wait_s: float) -> sa.Engine:
    return sa.create_engine(
        sa.make_url(url).set(drivername="postgresql+psycopg"),
        poolclass=NullPool,
        hide_parameters=True,  # what an error says may be logged
        isolation_level="AUTOCOMMIT",  # `begin` says what belongs together
        connect_args={
            "connect_timeout": _CONNECT_S,
            "application_name": "gate-province",
            "prepare_threshold": 0,  # a statement over all days is planned for each of them; the server stops at the sixth it knows again
            # a receipt is a promise: what it names must survive a power cut, whatever the server's own default
            "options": f"-c synchronous_commit=on -c lock_timeout={int(wait_s * 1000)}",
        },
    )


class Postgres(Connection):
    """One connection to a server, for one thread; it is made anew when the server comes back.

    Args:
        url: `postgresql://USER@HOST/DATABASE`, as libpq writes it.
        path: where the province keeps the url, for messages.
        wait_s: how long to wait for another writer.

    Raises:
        NotAProvince: the url cannot be.
        RegisterBusy: the server cannot be reached now.
    """

    def __init__(self, url: str, path: Path, wait_s: float) -> None:
        self._path = path
        self._begun = False
        try:
            engine = _engine(url, wait_s)
        except (ArgumentError, ValueError):
            raise NotAProvince(f"{path}: must hold an address like postgresql://USER@HOST/DATABASE.") from None
        try:
            self._connection = engine.connect()
        except DBAPIError as error:
            raise self._busy(error) from None

    def _busy(self, error: DBAPIError) -> RegisterBusy:
        """What is wrong and what to do; never which values were written."""
        state = getattr(error.orig, "sqlstate", None)
        advice = {
            "55P03": "another writer holds it: look for a long transaction (pg_stat_activity)",
            "53100": "its disk is full: make room",
            "25006": "the server is read-only: is it a standby?",
            "57P01": "the server is being stopped",
            "57P03": "the server is starting",
            "3D000": "there is no such database: make it, or correct the address",
            "28P01": "the password is not right",
            "28000": "the server refuses this user",
        }
        return RegisterBusy(f"{self._path}: {advice.get(str(state), 'the server cannot be reached or refuses')} ({state or 'no answer'})")

    @property
    def is_file(self) -> bool:
        """It is a server's."""
        return False

    @property
    def insert(self) -> Inserter:
        """PostgreSQL's own."""
        return postgresql.insert  # type: ignore[return-value]  # its Insert says the same as SQLite's, as another class

    @property
    def in_transaction(self) -> bool:
        """Whether `begin` was said."""
        return self._begun

    def execute(self, statement: Any, values: Sequence[object] | Values | None = None) -> Any:
        """Runs a statement; a text has `?` marks.

        Raises:
            RegisterBusy: the server cannot do it now.
            RegisterRefused: a fault of ours.
        """
        if self._connection.invalidated and not self._begun:
            self._connection.rollback()  # the server went away and what was under way with it
        try:
            if isinstance(statement, str):
                result = self._connection.exec_driver_sql(statement.replace("?", "%s"), tuple(values or ()))
                return result.mappings() if result.returns_rows else result
            return self._connection.execute(statement, values)  # type: ignore[arg-type]  # ours say object, SQLAlchemy's Any
        except (OperationalError, InterfaceError) as error:
            raise self._busy(error) from None
        except DBAPIError as error:  # its text has the statement, and the server's own the row
            state = getattr(error.orig, "sqlstate", None) or type(error.orig).__name__
            raise RegisterRefused(f"{self._path}: the server refuses what was to be done ({state}); please report it.") from None

    def found(self, statement: sa.Executable, values: Mapping[str, object]) -> Sequence[tuple[Any, ...]]:
        """As `Connection.found`; the way to the server costs more than the words."""
        return [tuple(row) for row in self.execute(statement, values)]

    def many(self, statement: sa.Insert | sa.Delete, rows: Sequence[Mapping[str, object]]) -> None:
        """As `Connection.many`."""
        if rows:
            self.execute(statement, rows)

    def begin(self) -> None:
        """Begins a transaction, alone among all writers.

        Raises:
            RegisterBusy: others write, or the server is away.
        """
        self.execute(sa.text("BEGIN"))
        self._begun = True
        try:
            self.execute(_LOCK, {"lock": APPLICATION_ID})
        except BaseException:
            self.rollback()
            raise

    def begin_reading(self) -> None:
        """As `Connection.begin_reading`."""
        self.execute(sa.text("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        self._begun = True

    def commit(self) -> None:
        """Ends it: on the server's disk when this returns."""
        self.execute(sa.text("COMMIT"))
        self._begun = False

    def rollback(self) -> None:
        """Undoes it; a server that went away has done so itself."""
        self._begun = False
        if not self._connection.invalidated:
            try:
                self.execute(sa.text("ROLLBACK"))
            except RegisterBusy:
                self._connection.invalidate()

    def fold(self) -> bool:
        """Nothing to do: the server looks after its own log."""
        return True
