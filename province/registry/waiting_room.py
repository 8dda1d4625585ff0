"""Devices that wait for an operator to compare their key's fingerprint: to join, or for a new certificate."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import delete, func, select, update

from edge_agent.wire.joining import Request, Wish
from edge_agent.wire.ticket import fingerprint, shown
from edge_agent.wire.topics import DeviceName
from province.registry import devices
from province.registry.tickets import Grant
from province.store.opened import Connection, Row
from province.store.schema import device
from province.store.schema import waiting as table

_PATIENCE_MS = 24 * 60 * 60 * 1000  # who has not asked for so long is forgotten; so long an approval lasts
_last_ms = func.coalesce(table.c.approved_ms, table.c.asked_ms)
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


def _waiting(row: Row) -> Waiting:
    grant = None if row["org"] is None else Grant(DeviceName(row["org"], row["device"]), row["site"], row["gate"])
    key = Ed25519PublicKey.from_public_bytes(row["public_key"])
    return Waiting(key, Wish(row["wish"]), row["serial"], row["asked_ms"], row["approved_ms"], grant)


def ask(connection: Connection, request: Request, now_ms: int) -> None:
    """Notes that a device asks; call it in a transaction. Members find room however many strangers wait.

    Raises:
        RoomFull: too many strangers wait.
    """
    connection.execute(delete(table).where(_last_ms < now_ms - _PATIENCE_MS))
    key = request.public_key.public_bytes_raw()
    known = connection.value(select(table.c.wish).where(table.c.public_key == key))
    if known is not None and known != request.wish:  # an approval to join is none to renew
        forget(connection, request.public_key)
    if known is None and not _is_member(connection, key) and _strangers(connection) >= _ROOM:
        raise RoomFull
    row = connection.insert(table).values(public_key=key, wish=str(request.wish), serial=request.serial, asked_ms=now_ms)
    connection.execute(row.on_conflict_do_update(index_elements=[table.c.public_key], set_={"asked_ms": now_ms}))


def _is_member(connection: Connection, key: bytes) -> bool:
    return connection.has(select(1).where(device.c.public_key == key, device.c.status == devices.ACTIVE))


def _strangers(connection: Connection) -> int:
    members = select(device.c.public_key).where(device.c.status == devices.ACTIVE)
    return int(connection.value(select(func.count()).select_from(table).where(table.c.public_key.not_in(members))))


def approved(connection: Connection, public_key: Ed25519PublicKey, wish: Wish, now_ms: int) -> Grant | None:
    """Who an operator has said, in the last day, that the device with this key shall be; None when nobody has."""
    row = connection.row(
        select(table).where(
            table.c.public_key == public_key.public_bytes_raw(), table.c.wish == str(wish), table.c.approved_ms >= now_ms - _PATIENCE_MS
        )
    )
    return None if row is None else _waiting(row).grant


def every(connection: Connection, now_ms: int) -> list[Waiting]:
    """All who wait or were approved in the last day, the latest first."""
    query = select(table).where(_last_ms >= now_ms - _PATIENCE_MS).order_by(table.c.asked_ms.desc())
    return [_waiting(row) for row in connection.rows(query)]


def approve(connection: Connection, one: Waiting, grant: Grant, now_ms: int) -> None:
    """Lets a device in the next time it asks; call it in a transaction."""
    granted = {"org": grant.name.org, "device": grant.name.device, "site": grant.site, "gate": grant.gate}
    connection.execute(update(table).where(table.c.public_key == one.public_key.public_bytes_raw()).values(approved_ms=now_ms, **granted))


def forget(connection: Connection, public_key: Ed25519PublicKey) -> None:
    """Takes a device out of the room, approved or not; call it in a transaction."""
    connection.execute(delete(table).where(table.c.public_key == public_key.public_bytes_raw()))


def empty(connection: Connection) -> int:
    """Takes everybody out of the room who is not approved, and says how many; call it in a transaction."""
    return connection.execute(delete(table).where(table.c.approved_ms.is_(None))).rowcount
