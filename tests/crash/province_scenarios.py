"""What the province's stores go through between two power cuts: keystore, register, list of revoked certificates, audit log."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import crash_province
from crash_device import say
from crash_province import CLOSED, LATER, NOW_MS, grant_of, keys_of, layout_of

from edge_agent.wire.joining import Outcome, Wish
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.records import audit, auditors, erasures
from province.records.audit import Line
from province.registry import tickets
from province.store import database
from province.store.opened import Connection, Row
from province.trust import revoking
from province.trust.revoking import Broker, StillOpen

OFFICER = "tran.binh"  # looks along


@contextmanager
def step(store: str, name: str, value: object) -> Iterator[None]:
    """From its end on, `value` is promised."""
    say("begun", store=store, name=name, value=value)
    yield
    say("done", store=store, name=name, value=value)


def destroy(folder: Path) -> None:
    """Days are past retention; somebody of one of them was erased."""
    layout = layout_of(folder)
    keystore = Keystore(layout.keystore)
    with closing(database.connect(layout.register)) as connection:
        erasures.note(keystore, _rows(connection, (4,)))
    for day in CLOSED:
        with step("day", day.isoformat(), "destroyed"):
            keystore.destroy(day, LATER)


def _no_broker() -> None:
    raise StillOpen("the broker is not reached")


def revoke(folder: Path) -> None:
    """Stolen devices are shut out; the broker is not reached."""
    for number in (1, 2):
        name = grant_of(number).name
        with step("device", str(number), "revoked"), suppress(StillOpen):
            revoking.revoke(layout_of(folder), name, Broker(("localhost", 1), _no_broker), NOW_MS)


def _rows(connection: Connection, numbers: tuple[int, ...]) -> list[Row]:
    return [connection.execute("SELECT * FROM entry WHERE seq = ?", (seq,)).fetchone() for seq in numbers]


def _erase(layout: Layout, connection: Connection, numbers: tuple[int, ...]) -> None:
    keystore = Keystore(layout.keystore)
    erasures.note(keystore, _rows(connection, numbers))
    erasures.reapply(connection, layout.register, keystore, NOW_MS)


def erase(folder: Path) -> None:
    """People are erased: two passages, and one, and one more."""
    layout = layout_of(folder)
    with closing(database.connect(layout.register)) as connection:
        for numbers in ((2, 3), (5,), (6,)):
            for seq in numbers:
                say("begun", store="entry", name=str(seq), value="erased")
            _erase(layout, connection, numbers)
            for seq in numbers:
                say("done", store="entry", name=str(seq), value="erased")


def append_line(layout: Layout, connection: Connection) -> Line:
    """A look, entered."""
    return audit.append(
        connection,
        layout.register,
        Keystore(layout.keystore),
        lambda number, before: Line(number, before, NOW_MS, "find", "nguyen.an", "root", "request 1"),
    )


def look(folder: Path) -> None:
    """An officer gets a key to look along; looks are entered in the audit log, and its head in the keystore."""
    layout = layout_of(folder)
    _key, closed = auditors.generate("bốn con voi xanh")
    with step("officer", OFFICER, sha256(closed).hexdigest()):
        auditors.store(layout, OFFICER, closed)
    with closing(database.connect(layout.register)) as connection:
        for number in (1, 2, 3, 4):
            with step("audit", "lines", number):
                assert append_line(layout, connection).number == number


def admit(folder: Path) -> None:
    """Devices join with tickets, one gets its next certificate, a ticket is given out."""
    layout = layout_of(folder)
    for number in (4, 5):
        with step("device", str(number), "member"):
            answer = crash_province.join(layout, keys_of(number), crash_province.ticket_of(layout, number))
            assert answer.outcome is Outcome.WELCOME
    with step("renewed", "4", "again"):
        crash_province.admission_of(layout).from_broker(keys_of(4).request(Wish.RENEW), grant_of(4).name, NOW_MS + 2 * 86_400_000)
    with closing(database.connect(layout.register)) as connection:
        with database.transaction(connection, layout.register):
            given_out = tickets.give_out(connection, grant_of(7), NOW_MS + tickets.LIFE_MS)
        say("done", store="ticket", name="7", value=given_out.hex())


def notes_not_synced(folder: Path) -> None:
    """The other way round: erasures noted by a plain write."""
    erasures.write_atomically = Path.write_bytes  # type: ignore[attr-defined,assignment]
    erase(folder)


def keys_only_unlinked(folder: Path) -> None:
    """The other way round: a day's keys deleted, and nothing made to stay."""
    keystore = Keystore(layout_of(folder).keystore)
    with step("day", CLOSED[1].isoformat(), "destroyed"):
        keystore.path(CLOSED[1].isoformat()).unlink()
        keystore.tombstone("x").parent.mkdir(exist_ok=True)
        keystore.tombstone(CLOSED[1].isoformat()).write_text(secrets.token_hex(1))
