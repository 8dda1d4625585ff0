"""Devices that wait for an operator to compare their key's fingerprint: to join, or for a new certificate."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.joining import Request, Wish
from edge_agent.ticket import fingerprint, shown
from edge_agent.topics import DeviceName
from province import devices
from province.tickets import Grant

_PATIENCE_MS = 24 * 60 * 60 * 1000  # who has not asked for so long is forgotten; so long an approval lasts
_ROOM = 500  # strangers; members have a place besides


class RoomFull(Exception):
    """Too many strangers wait: somebody may be playing."""


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


def ask(connection: sqlite3.Connection, request: Request, now_ms: int) -> None:
    """Notes that a device asks; call it in a transaction. Members find room however many strangers wait.

    Raises:
        RoomFull: too many strangers wait.
    """
    connection.execute("DELETE FROM waiting WHERE coalesce(approved_ms, asked_ms) < ?", (now_ms - _PATIENCE_MS,))
    key = request.public_key.public_bytes_raw()
    known = connection.execute("SELECT wish FROM waiting WHERE public_key = ?", (key,)).fetchone()
    if known is not None and known["wish"] != request.wish:  # an approval to join is none to renew
        connection.execute("DELETE FROM waiting WHERE public_key = ?", (key,))
    if known is None and not _is_member(connection, key) and _strangers(connection) >= _ROOM:
        raise RoomFull
    connection.execute(
        """INSERT INTO waiting(public_key, wish, serial, asked_ms) VALUES (?, ?, ?, ?)
            ON CONFLICT(public_key) DO UPDATE SET asked_ms = excluded.asked_ms""",
        (key, str(request.wish), request.serial, now_ms),
    )


def _is_member(connection: sqlite3.Connection, key: bytes) -> bool:
    return connection.execute("SELECT 1 FROM device WHERE public_key = ? AND status = ?", (key, devices.ACTIVE)).fetchone() is not None


def _strangers(connection: sqlite3.Connection) -> int:
    query = "SELECT count(*) FROM waiting WHERE public_key NOT IN (SELECT public_key FROM device WHERE status = ?)"
    return int(connection.execute(query, (devices.ACTIVE,)).fetchone()[0])


def approved(connection: sqlite3.Connection, public_key: Ed25519PublicKey, wish: Wish, now_ms: int) -> Grant | None:
    """Who an operator has said, in the last day, that the device with this key shall be; None when nobody has."""
    row = connection.execute(
        "SELECT * FROM waiting WHERE public_key = ? AND wish = ? AND approved_ms >= ?",
        (public_key.public_bytes_raw(), str(wish), now_ms - _PATIENCE_MS),
    ).fetchone()
    return None if row is None else _waiting(row).grant


def every(connection: sqlite3.Connection, now_ms: int) -> list[Waiting]:
    """All who wait or were approved in the last day, the latest first."""
    query = "SELECT * FROM waiting WHERE coalesce(approved_ms, asked_ms) >= ? ORDER BY asked_ms DESC"
    return [_waiting(row) for row in connection.execute(query, (now_ms - _PATIENCE_MS,))]


def approve(connection: sqlite3.Connection, one: Waiting, grant: Grant, now_ms: int) -> None:
    """Lets a device in the next time it asks; call it in a transaction."""
    connection.execute(
        "UPDATE waiting SET approved_ms = ?, org = ?, device = ?, site = ?, gate = ? WHERE public_key = ?",
        (now_ms, grant.name.org, grant.name.device, grant.site, grant.gate, one.public_key.public_bytes_raw()),
    )


def forget(connection: sqlite3.Connection, public_key: Ed25519PublicKey) -> None:
    """Takes a device out of the room, approved or not; call it in a transaction."""
    connection.execute("DELETE FROM waiting WHERE public_key = ?", (public_key.public_bytes_raw(),))


def empty(connection: sqlite3.Connection) -> int:
    """Takes everybody out of the room who is not approved, and says how many; call it in a transaction."""
    return connection.execute("DELETE FROM waiting WHERE approved_ms IS NULL").rowcount
