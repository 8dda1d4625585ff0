"""The scanners the province knows: who may speak, and with which key."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.cose import key_id
from edge_agent.topics import DeviceName
from province.database import transaction
from province.errors import AlreadyThere

ACTIVE = "active"
REVOKED = "revoked"  # its keys may be in other hands
MOVED = "moved"  # the same device speaks under another name now


@dataclass(frozen=True, slots=True)
class Device:
    """A registered scanner.

    Attributes:
        name: its organisation and its own name.
        site: the place it stands at.
        gate: the door of that place.
        public_key: checks its signatures.
        certificate_serial: of its TLS certificate, decimal.
        status: `active`, or why it may not speak: `revoked`, `moved`.
        added_ms: when it was registered, milliseconds since 1970 UTC.
    """

    name: DeviceName
    site: str
    gate: str
    public_key: Ed25519PublicKey
    certificate_serial: str
    status: str
    added_ms: int


def add(connection: sqlite3.Connection, path: Path, device: Device, hand_over: Callable[[], None]) -> None:
    """Registers a device, but only if its bundle could be handed over.

    Args:
        connection: the register.
        path: its file, for messages.
        device: who.
        hand_over: writes the bundle; if it raises, the device is not registered.

    Raises:
        AlreadyThere: a device of this name is registered.
        RegisterBusy: the database cannot take it now.
    """
    with transaction(connection, path):
        if find(connection, device.name) is not None:
            raise AlreadyThere(f"device {device.name} is registered already. Choose another --device, or see `gate-province device list`.")
        put(connection, device)
        hand_over()


def put(connection: sqlite3.Connection, device: Device) -> None:
    """Writes a device, in the place of one of the same name; call it in a transaction."""
    row = (
        device.name.org, device.name.device, device.site, device.gate, device.public_key.public_bytes_raw(), key_id(device.public_key),
        device.certificate_serial, device.status, device.added_ms,
    )  # fmt: skip
    connection.execute("INSERT OR REPLACE INTO device VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def set_status(connection: sqlite3.Connection, name: DeviceName, status: str) -> None:
    """Lets a device speak or not; call it in a transaction."""
    connection.execute("UPDATE device SET status = ? WHERE org = ? AND device = ?", (status, name.org, name.device))


def revoke_key(connection: sqlite3.Connection, public_key: Ed25519PublicKey) -> int:
    """Lets no device with this signing key speak, and returns how many could until now; call it in a transaction."""
    return connection.execute(
        "UPDATE device SET status = ? WHERE public_key = ? AND status <> ?", (REVOKED, public_key.public_bytes_raw(), REVOKED)
    ).rowcount


def _device(row: sqlite3.Row) -> Device:
    return Device(
        name=DeviceName(row["org"], row["device"]),
        site=row["site"],
        gate=row["gate"],
        public_key=Ed25519PublicKey.from_public_bytes(row["public_key"]),
        certificate_serial=row["certificate_serial"],
        status=row["status"],
        added_ms=row["added_ms"],
    )


def find(connection: sqlite3.Connection, name: DeviceName) -> Device | None:
    """A device by name, or None."""
    row = connection.execute("SELECT * FROM device WHERE org = ? AND device = ?", (name.org, name.device)).fetchone()
    return None if row is None else _device(row)


def with_key(connection: sqlite3.Connection, public_key: Ed25519PublicKey) -> list[Device]:
    """Every device that was registered with this signing key: one, unless it was moved."""
    rows = connection.execute("SELECT * FROM device WHERE public_key = ? ORDER BY org, device", (public_key.public_bytes_raw(),))
    return [_device(row) for row in rows.fetchall()]


def revoked(connection: sqlite3.Connection) -> list[Device]:
    """The devices that are revoked and have no successor of their name."""
    return [_device(row) for row in connection.execute("SELECT * FROM device WHERE status = ? ORDER BY org, device", (REVOKED,))]


def every(connection: sqlite3.Connection) -> list[Device]:
    """All devices, by organisation and name."""
    return [_device(row) for row in connection.execute("SELECT * FROM device ORDER BY org, device")]
