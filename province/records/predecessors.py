"""Tells under which name the end of a log counts that another log names: a scanner may have had another name when it wrote it."""

from __future__ import annotations

from sqlalchemy import select

from edge_agent.wire.topics import DeviceName
from province.registry import devices
from province.store.opened import Connection
from province.store.schema import ledger


def writers(connection: Connection, log: bytes) -> list[DeviceName]:
    """The scanners of whose log with this number something has come: one, as a rule."""
    rows = connection.rows(select(ledger.c.org, ledger.c.device).distinct().where(ledger.c.log == log))
    return [DeviceName(row["org"], row["device"]) for row in rows]


def former_names(connection: Connection, name: DeviceName) -> list[DeviceName]:
    """Other names under which the key of this scanner is registered: it was moved from them."""
    now = devices.find(connection, name)
    return [] if now is None else [one.name for one in devices.with_key(connection, now.public_key) if one.name != name]
