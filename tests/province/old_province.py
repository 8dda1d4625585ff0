"""A province founded weeks ago, and entries made and arrived in its past."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from province_world import Log, Scanner, settings

from edge_agent.wire.authority import Power
from edge_agent.wire.entry import Body, Header, Kind
from edge_agent.wire.keyring import Keyring, day_of, verify
from edge_agent.wire.topics import Leaf
from province.__main__ import main
from province.base.clock import now_ms
from province.base.layout import Layout
from province.collecting.intake import Intake, Refused
from province.collecting.register import Register, Stored
from province.keys.day_keys import DayKeys
from province.keys.keystore import Keystore
from province.keys.officers import load_officer, read_root_public
from province.store import database
from province.trust import founding
from province.trust.keyring_office import KeyringOffice

DAY_MS = 86_400_000


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def here(*words: object, typed: str = "") -> Ran:
    """Runs gate-province in this process: a tenth of what a process of its own costs."""
    told, complained = io.StringIO(), io.StringIO()
    before, sys.stdin = sys.stdin, io.StringIO(typed)
    try:
        with redirect_stdout(told), redirect_stderr(complained):
            code = main([str(word) for word in words])
    except SystemExit as ending:
        code = int(ending.code or 0)
    finally:
        sys.stdin = before
    return Ran(code, told.getvalue(), complained.getvalue())


def days_ago(days: int) -> date:
    return day_of(now_ms()) - timedelta(days=days)


def founded_ago(folder: Path, days: int, ahead: int = 2, port: int = 8883) -> Layout:
    """Founded so many days ago, its keyring not extended since."""
    return founding.found(folder, settings(port, ahead), now_ms() - days * DAY_MS)


def kept_up(layout: Layout, since: int) -> None:
    """Extends the keyring as the collector would have, on every day since."""
    office = KeyringOffice(layout, layout.read_settings(), load_officer(layout, Power.KEYRING))
    for days in range(since, -1, -1):
        office.extend(now_ms() - days * DAY_MS)


def published(layout: Layout) -> Keyring:
    return verify(layout.keyring.read_bytes(), read_root_public(layout))


def key_of(layout: Layout, days: int) -> Keyring:
    """A keyring whose only use is to name the key of a day that was published once."""
    found = Keystore(layout.keystore).load(days_ago(days).isoformat())
    assert isinstance(found, DayKeys), f"no keys of {days} days ago: {found}"
    return Keyring(1, 1, (found.public, published(layout).key_for(None)))


def made_ago(
    layout: Layout,
    log: Log,
    days: int,
    body: Body | None = None,
    kind: Kind = Kind.PASSAGE,
    change: Callable[[Header], Header] = lambda it: it,
) -> bytes:
    """The log's next entry as it was made so many days ago, sealed to the key of that day."""
    at_ms = now_ms() - days * DAY_MS
    key = key_of(layout, days).key_for(days_ago(days))
    return log.append(body, key, kind, change=lambda header: change(replace(header, wall_ms=at_ms)))


def arrive(layout: Layout, scanner: Scanner, envelopes: Sequence[bytes], days: int = 0) -> list[Stored]:
    """Registers entries as the collector does, so many days ago."""
    with Register(layout.register) as register:
        intake = Intake(register.device, Keystore(layout.keystore).load, now_ms() - days * DAY_MS)
        examined = [intake.examine(scanner.name.topic(Leaf.ENTRIES), one) for one in envelopes]
        results = register.store(examined, lambda: now_ms() - days * DAY_MS)
    assert not any(isinstance(result, Refused) for result in results), results
    return [result for result in results if isinstance(result, Stored)]


def rows(layout: Layout, table: str = "entry") -> list[dict[str, object]]:
    with closing(database.connect(layout.register)) as connection:
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1")]  # noqa: S608
