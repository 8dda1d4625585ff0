"""What is found of a register that was being brought up, or put back: the one before or the one after, whole, and done again it is done."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import register_of_version_3
from aftermath import Broken, Check, Outcome, Promised
from crash_province import ENTRIES, NOW_MS, backup_of, layout_of

from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.records import backing_up, erasures
from province.store import database
from province.store.opened import Connection
from province.store.schema import SCHEMA_VERSION


def _check_whole(connection: Connection) -> None:
    if (said := connection.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
        raise Broken(Outcome.SHUT, f"the register is damaged: {said}")


def check_version(folder: Path, promises: Promised) -> Outcome:
    """Of one version or the other, with every entry; brought up, it is of this release's."""
    register = layout_of(folder).register
    with closing(database.connect_any(register)) as connection:
        found = database.version(connection)
        allowed = promises.documents["register", "version"]
        if found not in {register_of_version_3.VERSION if each is None else each for each in allowed}:
            raise Broken(Outcome.LOST, f"the register is of version {found}, promised was {allowed[0]}")
        _check_whole(connection)
        _check_entries(connection)
        database.upgrade(connection, register)
    with closing(database.connect(register)) as connection:
        _check_whole(connection)
        _check_entries(connection)
    return Outcome.AFTER if found == SCHEMA_VERSION else Outcome.BEFORE


def _check_entries(connection: Connection) -> None:
    entries, tokens = (connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("entry", "token"))  # noqa: S608
    if (entries, tokens) != (register_of_version_3.ENTRIES, 3):
        raise Broken(Outcome.LOST, f"{entries} entries and {tokens} tokens are left")


def check_restored(folder: Path, promises: Promised) -> Outcome:
    """The register before the restore or the backup, whole; who was erased is so in both; restored again it is the backup."""
    layout = layout_of(folder)
    allowed = promises.documents["register", "newest"]
    found = _look(layout, promises)
    if found not in (allowed if allowed[0] is not None else (ENTRIES, ENTRIES + 1)):
        raise Broken(Outcome.LOST, f"the newest entry is {found}, promised was {allowed[0]}")
    backing_up.put_back(layout, backup_of(folder), None, NOW_MS)
    if (again := _look(layout, promises)) != ENTRIES:
        raise Broken(Outcome.SHUT, f"restored again, the newest entry is {again}")
    return Outcome.AFTER if found == allowed[-1] else Outcome.BEFORE


def _look(layout: Layout, promises: Promised) -> int:
    with closing(erasures.connect(layout, Keystore(layout.keystore), NOW_MS)) as connection:
        _check_whole(connection)
        rows = connection.execute("SELECT seq, erased_ms FROM entry ORDER BY seq").fetchall()
    if [row["seq"] for row in rows] != list(range(1, len(rows) + 1)):
        raise Broken(Outcome.LOST, f"entries {[row['seq'] for row in rows]} are left")
    for row in rows:
        if row["erased_ms"] is None and promises.documents["entry", str(row["seq"])] == ["erased"]:
            raise Broken(Outcome.LOST, f"entry {row['seq']} was erased and is back")
    return len(rows)


CHECKS: dict[str, Check] = {"register brought up": check_version, "register put back": check_restored}
