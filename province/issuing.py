"""Signs what is sent to scanners, each with a counter above all before it, kept so that a restored backup does not go back.

The counter is the time in milliseconds, or one more than the last: a folder that was put back to an older day still counts on.
"""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import ColumnElement, Table, and_, func, select

from edge_agent import command
from edge_agent.command import POWER_OF, Action, Command
from edge_agent.process_lock import alone
from edge_agent.topics import DeviceName
from province import devices, officers
from province.errors import NotAProvince, ProvinceError
from province.files import write_atomically
from province.layout import Layout
from province.opened import Connection
from province.schema import announced, entry, ledger


def next_counter(layout: Layout, now_ms: int) -> int:
    """A counter that was never given out, on disk when this returns.

    Raises:
        ProvinceError: it cannot be kept.
    """
    file = layout.commands / "counter.json"
    try:
        with alone(layout.commands / "counter.lock"):
            counter = max(_last(file) + 1, now_ms)
            write_atomically(file, json.dumps({"counter": counter}).encode() + b"\n")
    except OSError as error:
        raise ProvinceError(f"{file}: cannot be written ({error.strerror}); nothing was sent. Check the disk and the rights.") from None
    return counter


def _last(file: Path) -> int:
    try:
        return int(json.loads(file.read_bytes())["counter"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return 0  # damaged: the time counts on


def named(connection: Connection, text: str) -> DeviceName:
    """An active scanner by its name as people write it, ORG/DEVICE.

    Raises:
        NotAProvince: there is none.
    """
    org, _, device = text.partition("/")
    try:
        name = DeviceName(org, device)
    except ValueError as error:
        raise NotAProvince(f"{text}: {error}.") from None
    found = devices.find(connection, name)
    if found is None or found.status != devices.ACTIVE:
        raise NotAProvince(f"{text}: not a scanner of this province" + (f", it is {found.status}." if found else ". See: device list."))
    return name


def current_log(connection: Connection, name: DeviceName) -> bytes:
    """The log that a scanner writes, as far as the register knows: the newest that no other names as the one before it.

    Raises:
        ProvinceError: nothing of it has come yet.
    """

    def of(table: Table) -> ColumnElement[bool]:
        return and_(table.c.org == name.org, table.c.device == name.device)

    ended = select(announced.c.log).where(of(announced))
    latest = select(func.max(entry.c.id)).where(of(entry), entry.c.log == ledger.c.log).scalar_subquery()
    going_on = select(ledger.c.log).where(of(ledger), ledger.c.log.not_in(ended)).group_by(ledger.c.log)
    row = connection.row(going_on.order_by(latest.desc().nulls_last()).limit(1))
    if row is None:
        raise ProvinceError(f"{name}: nothing of its log has come yet: it takes commands once its first entry is registered.")
    return bytes(row["log"])


def sign(
    layout: Layout, connection: Connection, name: DeviceName, action: Action, arguments: tuple[str, ...], times: tuple[int, int],
    nonce: bytes | None = None,
) -> tuple[int, bytes]:  # fmt: skip
    """A new command for one scanner, issued and ending at `times`, milliseconds since 1970 UTC.

    Returns:
        Its counter, and its bytes, which are kept for `last_sent`.

    Raises:
        ProvinceError: a key is missing, or nothing is known of the scanner's log.
    """
    officer, log = officers.load_officer(layout, POWER_OF[action]), current_log(connection, name)
    counter = next_counter(layout, times[0])
    message = command.issue(Command(name, log, action, counter, *times, arguments, nonce), officer)
    write_atomically(_sent_file(layout, name), message)
    return counter, message


def last_sent(layout: Layout, name: DeviceName) -> bytes:
    """The last command for a scanner, as it was sent.

    Raises:
        ProvinceError: there is none.
    """
    try:
        return _sent_file(layout, name).read_bytes()
    except OSError:
        raise ProvinceError(f"{name}: no command was sent to it from here.") from None


def _sent_file(layout: Layout, name: DeviceName) -> Path:
    return layout.commands / f"{name.org}.{name.device}.command"
