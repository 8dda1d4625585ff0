"""Opens the register's file: durable, private, and with errors that say what to do."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from edge_agent.wire.keyring import day_of
from province.base.clock import now_ms
from province.base.errors import NotAProvince, ProvinceError
from province.base.files import SECRET, write_atomically
from province.store import migrating, opened, partitions
from province.store.opened import Connection
from province.store.schema import APPLICATION_ID, FIRST_VERSION, SCHEMA_VERSION

RegisterBusy = opened.RegisterBusy


class RegisterReplaced(ProvinceError):
    """Another file stands where the open register was: what is written now, nobody would find again."""


def explain(error: sqlite3.Error, path: Path) -> RegisterBusy:
    """Says what is wrong with the database and what to do; never which values were written."""
    code = getattr(error, "sqlite_errorname", None) or type(error).__name__
    advice = {
        "SQLITE_BUSY": "another program holds it locked: look for an open sqlite3 shell or a running backup",
        "SQLITE_FULL": "its disk is full: make room",
        "SQLITE_READONLY": "it is read-only: check the owner and the mount",
        "SQLITE_CORRUPT": "it is damaged: stop the collector and restore it from a backup; devices keep what has no receipt",
        "SQLITE_NOTADB": "it is no database: restore it from a backup; devices keep what has no receipt",
    }
    return RegisterBusy(f"{path}: {advice.get(code, 'the database refuses: check its disk')} ({code})")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Says what is wrong with the database in our words, for whatever reads or writes it.

    Raises:
        RegisterBusy: it cannot be read or written now.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path) from None


def create(path: Path, url: str | None = None, today: date | None = None) -> None:
    """Makes an empty register, 0600, or fills an empty database on a server and notes its address beside `path`.

    Args:
        path: the database file.
        url: of the server's database.
        today: the day around which the server's tables get parts.

    Raises:
        FileExistsError: there is one.
        NotAProvince, RegisterBusy: the server's database cannot be used.
    """
    if url is not None:
        _create_on_server(path, url, today or day_of(now_ms()))
        return
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, SECRET))  # the -wal and -shm files take their mode from it
    with closing(Connection(_engine(path, 5.0))) as connection:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        with transaction(connection, path):
            migrating.make(connection)


def _create_on_server(path: Path, url: str, today: date) -> None:
    from province.store.postgres import Postgres  # noqa: PLC0415 - who keeps a file needs no driver for a server

    check_empty(path, url)
    with closing(Postgres(url, address_of(path), 5.0)) as connection, transaction(connection, path):
        migrating.make(connection)
        days = [today - timedelta(days=back) for back in range(partitions.BACK_DAYS, 0, -1)]
        partitions.make(connection, [*days, *partitions.days_ahead(today)])
    write_atomically(address_of(path), f"{url}\n".encode())


def check_empty(path: Path, url: str) -> None:
    """Makes sure that a server's database may be filled.

    Raises:
        NotAProvince: it has tables.
        RegisterBusy: the server cannot be reached now.
    """
    from province.store.postgres import Postgres  # noqa: PLC0415 - who keeps a file needs no driver for a server

    with closing(Postgres(url, address_of(path), 5.0)) as connection:
        if not migrating.is_empty(connection):
            raise NotAProvince("--database: has tables already. Make a new database: createdb.")


def look_ahead(connection: Connection, path: Path, today: date) -> None:
    """Makes the parts of the tables that days to come will need; a file has none.

    Raises:
        RegisterBusy: not now; do it again.
    """
    if not connection.is_file and (days := partitions.lacking(connection, partitions.days_ahead(today))):
        with transaction(connection, path):
            partitions.make(connection, partitions.lacking(connection, days))  # another may have been first


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA synchronous = FULL")  # a receipt is a promise: what it names must survive a power cut
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what is cleared is overwritten with zeros


@lru_cache(maxsize=8)
def _engine(path: Path, wait_s: float) -> sa.Engine:
    """Remembers how statements are compiled; connections it keeps none."""
    engine = sa.create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(path, timeout=wait_s, isolation_level=None),
        poolclass=NullPool,
        hide_parameters=True,  # what an error says may be logged
    )
    sa.event.listen(engine, "connect", _prepare)
    return engine


def connect(path: Path, wait_s: float = 5.0) -> Connection:
    """Opens a register for use in this thread.

    Args:
        path: the database file.
        wait_s: how long to wait for another program's lock.

    Raises:
        NotAProvince: there is none, or another program's or version's.
        RegisterBusy: it cannot be opened now.
    """
    connection = _open(path, wait_s)
    try:
        _check(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_any(path: Path) -> Connection:
    """Opens a register of any version for a look at that, or for `upgrade`.

    Raises:
        NotAProvince: there is none, another program's, or one of a version that this release cannot convert.
        RegisterBusy: it cannot be opened now.
    """
    connection = _open(path, 5.0)
    try:
        with explained(path):
            application_id, version_there = _identity(connection)
        if application_id != APPLICATION_ID or not FIRST_VERSION <= version_there <= SCHEMA_VERSION:
            raise NotAProvince(_another(path, application_id, version_there))  # noqa: TRY301 - here it is closed
    except BaseException:
        connection.close()
        raise
    return connection


def version(connection: Connection) -> int:
    """Which version a register's tables are of."""
    return _identity(connection)[1]


def upgrade(connection: Connection, path: Path) -> None:
    """Brings a register of an earlier release to this one's version, whole or not at all.

    Raises:
        RegisterBusy: it is as it was.
    """
    if version(connection) != SCHEMA_VERSION:
        with transaction(connection, path):
            migrating.upgrade(connection)


def _check(connection: Connection, path: Path) -> None:
    with explained(path):
        identity = _identity(connection)
    if identity != (APPLICATION_ID, SCHEMA_VERSION):
        raise NotAProvince(_another(path, *identity))


def _open(path: Path, wait_s: float) -> Connection:
    if (url := elsewhere(path)) is not None:
        from province.store.postgres import Postgres  # noqa: PLC0415 - who keeps a file needs no driver for a server

        return Postgres(url, address_of(path), wait_s)
    if not path.exists():
        raise NotAProvince(f"{path}: the register is missing. Restore it from a backup.")
    with explained(path):
        return Connection(_engine(path, wait_s))


def _identity(connection: Connection) -> tuple[int, int]:
    """Which program's file it is, and of which version."""
    if not connection.is_file:
        return (APPLICATION_ID, there) if (there := migrating.revision(connection)) else (0, 0)
    application_id, version = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    return application_id, version


def address_of(path: Path) -> Path:
    """The file that says where the register is, when it is not the file at `path`."""
    return path.with_suffix(".url")


def elsewhere(path: Path) -> str | None:
    """The address of the server that has the register, None when it is a file.

    Raises:
        NotAProvince: it cannot be read.
    """
    try:
        return address_of(path).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise NotAProvince(f"{address_of(path)}: cannot be read ({type(error).__name__}). Check its owner.") from None


def _another(path: Path, application_id: int, version: int) -> str:
    """What the file is instead, and what to do."""
    if application_id != APPLICATION_ID:
        path = path if elsewhere(path) is None else address_of(path)
        return f"{path}: a database, but no register of gate-province. Restore the register from a backup."
    if version > SCHEMA_VERSION:
        return f"{path}: a register of version {version}, made by a newer release (this one: {SCHEMA_VERSION}). Update this machine."
    if version < FIRST_VERSION:
        return (
            f"{path}: a register of version {version}, made by an older release; this one needs {SCHEMA_VERSION} and cannot convert it. "
            "Found a new province (gate-province init) and let the scanners join it, or go on with the release that made it."
        )
    return (
        f"{path}: a register of version {version}, made by an older release; this one needs {SCHEMA_VERSION}. "
        f"Stop what uses it, then: gate-province store upgrade {path.parent}"
    )


class Place:
    """Knows the files of an open register, the database and its write-ahead log, so that their loss is seen.

    SQLite goes on writing into files that were moved away, deleted or unmounted, and says nothing.

    Args:
        path: the database file, open by now.

    Raises:
        RegisterBusy: it is gone already.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = self._look()

    def _look(self) -> list[tuple[int, int]]:
        if elsewhere(self._path) is not None:
            return []  # a server looks after its own files
        try:
            states = [file.stat() for file in (self._path, self._path.with_name(f"{self._path.name}-wal"))]
        except OSError as error:
            raise RegisterBusy(f"{error.filename}: is not there any more ({error.strerror}): mount it or put it back") from None
        return [(state.st_dev, state.st_ino) for state in states]

    def check(self) -> None:
        """Makes sure that what is written to the connection is in the files that stand there.

        Raises:
            RegisterBusy: they are away; wait for them.
            RegisterReplaced: they are others.
        """
        if self._look() != self._files:
            raise RegisterReplaced(
                f"{self._path}: another file was put there while it was open. See that it is the right one, start again."
            )


_ON_SERVER = sa.text("SELECT CAST(CAST('entry' AS regclass) AS oid), CAST(pg_postmaster_start_time() AS text)")


def mark(connection: Connection, path: Path) -> tuple[object, ...]:
    """Another value whenever another register may stand there than before: put back by whatever means, also written over in place.

    A file's also changes when SQLite folds its log in, some thousand pages apart; a server's when it was started again.

    Raises:
        RegisterBusy: it cannot be told now.
    """
    if not connection.is_file:
        return elsewhere(path), *connection.execute(_ON_SERVER).one()
    try:
        state = path.stat()
    except OSError as error:
        raise RegisterBusy(f"{path}: is not there any more ({error.strerror}): mount it or put it back") from None
    return state.st_dev, state.st_ino, state.st_ctime_ns, state.st_size


def fold(connection: Connection) -> bool:
    """As `Connection.fold`."""
    return connection.fold()


@contextmanager
def as_one(connection: Connection, path: Path) -> Iterator[None]:
    """Several questions about the register as it is at one moment; who writes goes on meanwhile.

    Raises:
        RegisterBusy: it cannot be read now.
    """
    with explained(path):
        connection.begin_reading()
        try:
            yield
        finally:
            connection.rollback()


@contextmanager
def transaction(connection: Connection, path: Path) -> Iterator[None]:
    """All or nothing.

    Raises:
        RegisterBusy: nothing was stored.
    """
    try:
        connection.begin()
        yield
        connection.commit()
    except BaseException as error:
        if connection.in_transaction:
            with suppress(sqlite3.Error):  # what went wrong first is what to tell; the next attempt rolls back again
                connection.rollback()
        if isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError:  # its other kinds are faults of ours
            raise explain(error, path) from None
        raise
