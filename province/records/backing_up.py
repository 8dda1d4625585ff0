"""Copies the register out while it is used, and puts such a copy in its place. What is in it stays sealed: the keys are in no backup.

A register put back knows nothing of what was erased, revoked or closed since: the keystore does, and it is done again before anybody looks.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from sqlalchemy import select

from edge_agent.base.disk import sync_folder
from edge_agent.base.process_lock import AlreadyRunning, ProcessLock
from province.base.clock import shown
from province.base.errors import AlreadyThere, NotAProvince, ProvinceError
from province.base.files import SECRET, write_atomically
from province.base.layout import COLLECTORS, Layout
from province.keys.keystore import Keystore
from province.records import erasures, retention
from province.registry import revocations
from province.store import database
from province.store.opened import Connection
from province.store.schema import APPLICATION_ID, FIRST_VERSION, SCHEMA_VERSION, entry

_PAGES_A_STEP = 4096  # between two steps the collector may write
_DUMP = b"PGDMP"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done again in a register put back.

    Attributes:
        erased: entries.
        revoked: devices and certificates.
        days: closed days of which something had come back.
        kept: what stood there before, as a backup; None where nothing did, or it is a server's and stays there.
    """

    erased: int
    revoked: int
    days: int
    kept: Path | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A register that can be read.

    Attributes:
        newest: the number of its newest entry; 0 without any.
        newest_ms: when that was stored, milliseconds since 1970 UTC.
    """

    newest: int
    newest_ms: int | None


def standing(layout: Layout) -> Standing | None:
    """The register that is there, None where none is or it cannot be read."""
    if not layout.register.exists() and database.elsewhere(layout.register) is None:
        return None
    query = select(entry.c.id, entry.c.registered_ms).order_by(entry.c.id.desc()).limit(1)
    try:
        with closing(database.connect_any(layout.register)) as connection, database.explained(layout.register):
            newest = connection.row(query)
    except ProvinceError:
        return None
    return Standing(0, None) if newest is None else Standing(newest["id"], newest["registered_ms"])


def save(layout: Layout, target: Path) -> int:
    """Writes a backup, whole or not at all, and says how many bytes it has.

    Args:
        layout: the province; whatever works on it may go on.
        target: a new file, 0600.

    Raises:
        AlreadyThere: there is such a file.
        NotAProvince, RegisterBusy, ProvinceError: it was not written.
    """
    if target.exists():
        raise AlreadyThere(f"{target}: is there already; a backup is never overwritten. Choose another name.")
    making = target.with_name(f".{target.name}.making")
    try:
        making.unlink(missing_ok=True)
        os.close(os.open(making, os.O_CREAT | os.O_EXCL | os.O_WRONLY, SECRET))
        with closing(database.connect_any(layout.register)) as connection:
            url = database.elsewhere(layout.register)
            if url is None:
                _copy_file(connection.driver, making, layout.register)
            else:
                _run(["pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={making}"], url)
        with making.open("rb") as written:
            os.fsync(written.fileno())
        making.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        raise ProvinceError(f"{target}: cannot be written ({error.strerror}). Make room, or check the folder.") from None
    finally:
        with suppress(OSError):
            making.unlink(missing_ok=True)
    return target.stat().st_size


def _copy_file(register: sqlite3.Connection, target: Path, path: Path) -> None:
    with database.explained(path), closing(sqlite3.connect(target)) as copy:
        register.backup(copy, pages=_PAGES_A_STEP, sleep=0.0)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, whole


def put_back(
    layout: Layout, backup: Path, url: str | None, now_ms: int, also: Sequence[Callable[[Connection], object]] = (),
    first: Sequence[Callable[[Connection], object]] = (),
) -> Restored:  # fmt: skip
    """Puts a backup in the register's place, and does again in it what was done since.

    A file that can be read is kept as a backup beside it.

    Args:
        layout: the province; what works on its register is stopped.
        backup: of `save`.
        url: of an empty database for a register on a server; the one before stays as it is. None for a file, whose register is replaced.
        now_ms: milliseconds since 1970 UTC.
        also: what else is done again in it.
        first: what the register that stands is asked before it goes, if it can be read; of whichever version it is.

    Raises:
        NotAProvince: it is no backup, or not one for this.
        RegisterBusy: it was not put back; all is as it was.
        KeystoreAway, ErasuresDamaged, RevocationsDamaged: put back, but show nothing of it yet: every command asks the keystore first.
    """
    with ExitStack() as stack:
        for lock, name in _whoever_works(layout):
            stack.enter_context(_stopped(lock, name))
        if standing(layout) is not None:
            with closing(database.connect_any(layout.register)) as connection:
                for each in first:
                    each(connection)
        kept = None
        if url is None:
            kept = _put_file_back(layout, backup, now_ms)
        else:
            _put_dump_back(layout.register, backup, url)
        return replace(_again(layout, now_ms, also), kept=kept)


def _whoever_works(layout: Layout) -> list[tuple[Path, str]]:
    """The locks of the services that have the register open, and what each is called."""
    collectors = [(layout.collector_lock(number), "collector") for number in range(1, len(COLLECTORS) + 1)]
    others = [
        (layout.admit_lock, "gate-province admit"), (layout.fleet_lock, "gate-province watch"), (layout.web_lock, "gate-province web"),
        (layout.api_lock, "gate-province api"), (layout.reports_lock, "gate-province report serve"),
        (layout.fleet_page_lock, "gate-province fleet-page"), (layout.rollouts_lock, "gate-province rollout"),
        (layout.checkin_lock, "gate-province checkin"),
    ]  # fmt: skip
    return [*collectors, *((lock, name) for lock, name in others if lock.exists())]  # made by whoever first ran as the service's own user


def _stopped(lock: Path, name: str) -> ProcessLock:
    try:
        return ProcessLock(lock, name)
    except (AlreadyRunning, OSError) as error:
        raise ProvinceError(f"{error}. Nothing was changed.") from None


def _keep(layout: Layout, now_ms: int) -> Path | None:
    """Copies what stands there aside, if it can be read."""
    if standing(layout) is None:
        return None
    name = f"{layout.register.stem}-until-{shown(now_ms).replace(' ', 'T').replace(':', '')}"
    names = (layout.root / f"{name}{'' if number == 1 else f'-{number}'}.backup" for number in count(1))
    target = next(path for path in names if not path.exists())
    save(layout, target)
    return target


def _put_file_back(layout: Layout, backup: Path, now_ms: int) -> Path | None:
    register = layout.register
    if database.elsewhere(register) is not None:
        raise NotAProvince(f"{database.address_of(register)}: the register is on a server. Give --database, an empty one for the backup.")
    with closing(_checked(backup)) as source:
        kept = _keep(layout, now_ms)
        if not register.exists():  # lost with its disk: an empty file is the start of one
            os.close(os.open(register, os.O_CREAT | os.O_EXCL | os.O_RDWR, SECRET))
        with database.explained(register), closing(sqlite3.connect(register, timeout=5.0, isolation_level=None)) as target:
            target.execute("PRAGMA synchronous = FULL")
            target.execute("PRAGMA journal_mode = WAL")
            source.backup(target)  # in one transaction: who reads meanwhile reads the one before
            target.execute("PRAGMA journal_mode = WAL")
            target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return kept


def _checked(backup: Path) -> sqlite3.Connection:
    """A backup that is whole and of a version we know."""
    if not backup.is_file():
        raise NotAProvince(f"{backup}: no such file.")
    source = sqlite3.connect(f"{backup.absolute().as_uri()}?mode=ro", uri=True)
    try:
        identity = tuple(source.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
        whole = source.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
    except sqlite3.DatabaseError:
        identity, whole = (0, 0), False
    if identity[0] != APPLICATION_ID or not FIRST_VERSION <= identity[1] <= SCHEMA_VERSION or not whole:
        source.close()
        raise NotAProvince(f"{backup}: no whole backup of a register that this release knows. Nothing was changed.")
    return source


def _put_dump_back(register: Path, backup: Path, url: str) -> None:
    try:
        with backup.open("rb") as file:
            begins = file.read(len(_DUMP))
    except OSError as error:
        raise NotAProvince(f"{backup}: cannot be read ({error.strerror}).") from None
    if begins != _DUMP:
        raise NotAProvince(f"{backup}: no backup of a register on a server. Nothing was changed.")
    database.check_empty(register, url)
    _run(["pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", str(backup)], url)
    write_atomically(database.address_of(register), f"{url}\n".encode())


def _run(command: Sequence[str], url: str) -> None:
    """Runs one of PostgreSQL's programs on a database; the password, if any, goes by the environment: others see command lines."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo  # noqa: PLC0415 - who keeps a file needs no driver for a server

    parts = conninfo_to_dict(url)
    password = parts.pop("password", None)
    environment = os.environ | ({} if password is None else {"PGPASSWORD": str(password)})
    words = [*command, f"--dbname={make_conninfo('', **parts)}"]
    try:
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    except FileNotFoundError:
        raise ProvinceError(f"{command[0]} is not installed here: Debian's postgresql-client, of the server's version or later.") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1][:300]
        raise ProvinceError(f"{command[0]} failed: {last}")


def _again(layout: Layout, now_ms: int, also: Sequence[Callable[[Connection], object]]) -> Restored:
    keystore = Keystore(layout.keystore)
    with closing(database.connect_any(layout.register)) as connection:
        database.upgrade(connection, layout.register)
    with closing(database.connect(layout.register)) as connection:
        revoked = revocations.reapply(connection, layout.register, keystore, now_ms)
        for each in also:
            each(connection)
        erased = erasures.reapply(connection, layout.register, keystore, now_ms)
        run = retention.Retention(connection, layout.register, keystore, retention.DEFAULT_DAYS, now_ms)
        closed = list(run.close(run.come_back()))
        database.fold(connection)
    return Restored(erased, revoked, len(closed))
