"""Tells under which name the end of a log counts that another log names: a scanner may have had another name when it wrote it."""

from __future__ import annotations

import sqlite3

from edge_agent.topics import DeviceName
from province import devices


def writers(connection: sqlite3.Connection, log: bytes) -> list[DeviceName]:
    """The scanners of whose log with this number something has come: one, as a rule."""
    rows = connection.execute("SELECT DISTINCT org, device FROM ledger WHERE log = ?", (log,)).fetchall()
    return [DeviceName(row["org"], row["device"]) for row in rows]


def former_names(connection: sqlite3.Connection, name: DeviceName) -> list[DeviceName]:
    """Other names under which the key of this scanner is registered: it was moved from them."""
    now = devices.find(connection, name)
    return [] if now is None else [one.name for one in devices.with_key(connection, now.public_key) if one.name != name]
