"""An open register: runs statements through SQLAlchemy, and lets the driver's errors out as they are, without the values they carry."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol, TypeAlias, overload

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

from province.base.errors import ProvinceError


class RegisterBusy(ProvinceError):
    """The database cannot take this now (locked, disk full, disk error): nothing of it was stored; try again."""


class RegisterRefused(ProvinceError):
    """The server refuses what was to be done (a rule of its tables, a value of no use): nothing of it was stored; a fault of ours."""


_DIALECT = sqlite.dialect()
Inserter: TypeAlias = Callable[[sa.Table], sqlite.Insert]
Values: TypeAlias = Mapping[str, object] | Sequence[Mapping[str, object]]


class Row(Protocol):
    """One row by the names of its columns."""

    def __getitem__(self, column: str, /) -> Any:
        """What stands in a column."""


@lru_cache(maxsize=200)
def _compiled(statement: sa.Executable, columns: tuple[str, ...]) -> tuple[str, list[str], dict[str, Any]]:
    """A statement in SQLite's words, the names of its marks in their order, and what of them is fixed."""
    assert isinstance(statement, sa.ClauseElement)  # noqa: S101 - every statement is
    made = statement.compile(dialect=_DIALECT, column_keys=list(columns) or None)
    names: list[str] = made.positiontup or []  # type: ignore[attr-defined]  # of SQL compilers
    return str(made), names, dict(made.params)


class Connection:
    """One connection, for one thread. Outside `database.transaction` every statement stands alone.

    Args:
        engine: whose connections the driver leaves alone: no transaction of its own.

    Raises:
        sqlite3.Error: it cannot be opened.
    """

    def __init__(self, engine: sa.Engine) -> None:
        try:
            self._connection = engine.connect()
        except DBAPIError as error:
            raise (error.orig or error) from None

    def close(self) -> None:
        """Closes it; an open transaction is rolled back."""
        self._connection.close()

    @property
    def is_file(self) -> bool:
        """Whether it is SQLite's."""
        return True

    @property
    def sqlalchemy(self) -> sa.Connection:
        """For migrations."""
        return self._connection

    @property
    def driver(self) -> sqlite3.Connection:
        """SQLite's own connection, for what SQL has no words for."""
        beneath = self._connection.connection.dbapi_connection
        assert isinstance(beneath, sqlite3.Connection)  # noqa: S101 - for the type checker
        return beneath

    @property
    def in_transaction(self) -> bool:
        """Whether `database.transaction` is under way."""
        return self.driver.in_transaction

    @overload
    def execute(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor: ...
    @overload
    def execute(self, statement: sa.Executable, values: Values | None = None) -> sa.CursorResult[*tuple[Any, ...]]: ...
    def execute(
        self, statement: str | sa.Executable, values: Sequence[object] | Values | None = None
    ) -> sqlite3.Cursor | sa.CursorResult[*tuple[Any, ...]]:
        """Runs a statement; a text is SQLite's own, with `?` marks, and has SQLite's rows.

        Raises:
            sqlite3.Error: as the driver says.
        """
        if isinstance(statement, str):
            cursor = self.driver.cursor()
            cursor.row_factory = sqlite3.Row
            return cursor.execute(statement, tuple(values or ()))
        try:
            return self._connection.execute(statement, values)  # type: ignore[arg-type]  # ours say object, SQLAlchemy's Any
        except DBAPIError as error:
            raise (error.orig or error) from None  # SQLAlchemy's own has the statement in its text

    def found(self, statement: sa.Executable, values: Mapping[str, object]) -> Sequence[tuple[Any, ...]]:
        """All that a query finds: for one that is asked at every batch, and always the same object. Compiled once, it costs half."""
        words, names, fixed = _compiled(statement, ())
        return self.driver.execute(words, [values[name] if name in values else fixed[name] for name in names]).fetchall()

    def many(self, statement: sa.Insert | sa.Delete, rows: Sequence[Mapping[str, object]]) -> None:
        """Runs a statement, always the same object, for each of some rows with the same names."""
        if rows:
            words, names, _fixed = _compiled(statement, tuple(rows[0]))
            self.driver.executemany(words, [[row[name] for name in names] for row in rows])

    def rows(self, statement: sa.Executable, values: Values | None = None) -> Sequence[sa.RowMapping]:
        """All that a query finds."""
        return self.execute(statement, values).mappings().all()

    def row(self, statement: sa.Executable, values: Values | None = None) -> sa.RowMapping | None:
        """The first that a query finds, or None."""
        return self.execute(statement, values).mappings().first()

    def value(self, statement: sa.Executable, values: Values | None = None) -> Any:
        """The first column of the first row, or None."""
        return self.execute(statement, values).scalar()

    def has(self, statement: sa.Executable, values: Values | None = None) -> bool:
        """Whether a query finds anything."""
        return self.execute(statement, values).first() is not None

    def begin(self) -> None:
        """Begins a transaction, alone among all writers."""
        self.driver.execute("BEGIN IMMEDIATE")

    def begin_reading(self) -> None:
        """Begins a transaction that sees the register as it is at its first question; ended by `rollback`."""
        self.driver.execute("BEGIN")

    def commit(self) -> None:
        """Ends it: on the disk when this returns."""
        self.driver.execute("COMMIT")

    def rollback(self) -> None:
        """Undoes it."""
        self.driver.execute("ROLLBACK")

    def fold(self) -> bool:
        """Folds the write-ahead log into the file and empties it: what was cleared is nowhere. False when a reader is in the way."""
        busy, _pages, _folded = self.driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    @property
    def insert(self) -> Inserter:
        """Makes an INSERT that can say what to do `on_conflict`: each database has its own. Always the same one, so that `cache` serves."""
        return sqlite.insert
