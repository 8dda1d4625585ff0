"""Devices that wait for an operator to compare their key's fingerprint: to join, or for a new certificate."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.joining import Request, Wish
from edge_agent.ticket import fingerprint, shown
from edge_agent.topics import DeviceName
from province.tickets import Grant

_PATIENCE_MS = 24 * 60 * 60 * 1000  # who has not asked for so long is forgotten; so long an approval lasts
_ROOM = 500


class RoomFull(Exception):
    """Too many devices wait: somebody may be playing."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A device that waits.

    Attributes:
        serial: as it claims.
        asked_ms: when it last asked, milliseconds since 1970 UTC.
        approved_ms: when an operator approved it, or None.
        grant: who it becomes; None until approved.
    """

    public_key: Ed25519PublicKey
    wish: Wish
    serial: str
    asked_ms: int
    approved_ms: int | None
    grant: Grant | None

    @property
    def fingerprint(self) -> str:
        """As the device's label shows it."""
        return shown(fingerprint(self.public_key))


def _waiting(row: sqlite3.Row) -> Waiting:
    grant = None if row["org"] is None else Grant(DeviceName(row["org"], row["device"]), row["site"], row["gate"])
    key = Ed25519PublicKey.from_public_bytes(row["public_key"])
    return Waiting(key, Wish(row["wish"]), row["serial"], row["asked_ms"], row["approved_ms"], grant)


def ask(connection: sqlite3.Connection, request: Request, now_ms: int) -> Waiting:
    """Notes that a device asks, and returns how it stands; call it in a transaction.

    Raises:
        RoomFull: too many wait.
    """
    connection.execute("DELETE FROM waiting WHERE asked_ms < :long_ago OR approved_ms < :long_ago", {"long_ago": now_ms - _PATIENCE_MS})
    key = request.public_key.public_bytes_raw()
    known = connection.execute("SELECT wish FROM waiting WHERE public_key = ?", (key,)).fetchone()
    if known is not None and known["wish"] != request.wish:  # an approval to join is none to renew
        connection.execute("DELETE FROM waiting WHERE public_key = ?", (key,))
    if known is None and connection.execute("SELECT count(*) FROM waiting").fetchone()[0] >= _ROOM:
        raise RoomFull
    connection.execute(
        """INSERT INTO waiting(public_key, wish, serial, asked_ms) VALUES (?, ?, ?, ?)
            ON CONFLICT(public_key) DO UPDATE SET asked_ms = excluded.asked_ms""",
        (key, str(request.wish), request.serial, now_ms),
    )
    return _waiting(connection.execute("SELECT * FROM waiting WHERE public_key = ?", (key,)).fetchone())


def every(connection: sqlite3.Connection) -> list[Waiting]:
    """All who wait or were approved of late, the latest first."""
    return [_waiting(row) for row in connection.execute("SELECT * FROM waiting ORDER BY asked_ms DESC")]


def approve(connection: sqlite3.Connection, one: Waiting, grant: Grant, now_ms: int) -> None:
    """Lets a device in the next time it asks; call it in a transaction."""
    connection.execute(
        "UPDATE waiting SET approved_ms = ?, org = ?, device = ?, site = ?, gate = ? WHERE public_key = ?",
        (now_ms, grant.name.org, grant.name.device, grant.site, grant.gate, one.public_key.public_bytes_raw()),
    )


def forget(connection: sqlite3.Connection, public_key: Ed25519PublicKey) -> None:
    """Takes a device out of the room; call it in a transaction."""
    connection.execute("DELETE FROM waiting WHERE public_key = ?", (public_key.public_bytes_raw(),))
