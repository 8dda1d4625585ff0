"""The scanners the province knows: who may speak, and with which key."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import ColumnElement, and_, bindparam, select, tuple_, update

from edge_agent.wire.cose import key_id
from edge_agent.wire.topics import DeviceName
from province.base.errors import AlreadyThere
from province.store.database import transaction
from province.store.opened import Connection, Row
from province.store.schema import device as table

_NAMED = select(table).where(table.c.org == bindparam("of_org"), table.c.device == bindparam("of_device"))
_THESE = select(table).where(tuple_(table.c.org, table.c.device).in_(bindparam("names", expanding=True)))
_EVERY = select(table).order_by(table.c.org, table.c.device)
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


def add(connection: Connection, path: Path, device: Device, hand_over: Callable[[], None]) -> None:
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


def put(connection: Connection, device: Device) -> None:
    """Writes a device, in the place of one of the same name; call it in a transaction."""
    row = {
        "org": device.name.org, "device": device.name.device, "site": device.site, "gate": device.gate,
        "public_key": device.public_key.public_bytes_raw(), "kid": key_id(device.public_key),
        "certificate_serial": device.certificate_serial, "status": device.status, "added_ms": device.added_ms,
    }  # fmt: skip
    connection.execute(connection.insert(table).values(row).on_conflict_do_update(index_elements=[table.c.org, table.c.device], set_=row))


def set_status(connection: Connection, name: DeviceName, status: str) -> None:
    """Lets a device speak or not; call it in a transaction."""
    connection.execute(update(table).where(_named(name)).values(status=status))


def revoke_key(connection: Connection, public_key: Ed25519PublicKey) -> int:
    """Lets no device with this signing key speak, and returns how many could until now; call it in a transaction."""
    of_key = table.c.public_key == public_key.public_bytes_raw()
    return connection.execute(update(table).where(of_key, table.c.status != REVOKED).values(status=REVOKED)).rowcount


def _named(name: DeviceName) -> ColumnElement[bool]:
    return and_(table.c.org == name.org, table.c.device == name.device)


def _device(row: Row) -> Device:
    return Device(
        name=DeviceName(row["org"], row["device"]),
        site=row["site"],
        gate=row["gate"],
        public_key=Ed25519PublicKey.from_public_bytes(row["public_key"]),
        certificate_serial=row["certificate_serial"],
        status=row["status"],
        added_ms=row["added_ms"],
    )


def find(connection: Connection, name: DeviceName) -> Device | None:
    """A device by name, or None."""
    row = connection.row(_NAMED, {"of_org": name.org, "of_device": name.device})
    return None if row is None else _device(row)


def find_all(connection: Connection, names: Iterable[DeviceName]) -> dict[DeviceName, Device]:
    """Those of these devices that are registered."""
    wanted = [(name.org, name.device) for name in names]
    return {device.name: device for row in connection.rows(_THESE, {"names": wanted}) for device in (_device(row),)} if wanted else {}


def with_key(connection: Connection, public_key: Ed25519PublicKey) -> list[Device]:
    """Every device that was registered with this signing key: one, unless it was moved."""
    return [_device(row) for row in connection.rows(_EVERY.where(table.c.public_key == public_key.public_bytes_raw()))]


def revoked(connection: Connection) -> list[Device]:
    """The devices that are revoked and have no successor of their name."""
    return [_device(row) for row in connection.rows(_EVERY.where(table.c.status == REVOKED))]


def every(connection: Connection) -> list[Device]:
    """All devices, by organisation and name."""
    return [_device(row) for row in connection.rows(_EVERY)]


def page(connection: Connection, org: str | None, after: tuple[str, str], most: int) -> list[Device]:
    """The first devices, by organisation and name, that come after such a pair; of all organisations, or of one."""
    query = _EVERY.where(tuple_(table.c.org, table.c.device) > tuple_(*after)).limit(most)
    return [_device(row) for row in connection.rows(query if org is None else query.where(table.c.org == org))]
