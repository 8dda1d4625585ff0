"""What somebody who gives orders must know of a scanner: whether there is such a one, which log it writes, and its public key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import ColumnElement, Table, and_, func, select

from edge_agent.wire.topics import DeviceName
from province.base.errors import NotAProvince, ProvinceError
from province.registry import devices
from province.store.opened import Connection
from province.store.schema import announced, entry, ledger


class Scanners(Protocol):
    """Those that one desk may order."""

    def named(self, text: str) -> DeviceName:
        """A scanner by its name as people write it, ORG/DEVICE.

        Raises:
            NotAProvince: there is none.
        """

    def log(self, name: DeviceName) -> bytes:
        """The log that a scanner writes, as far as is known, 16 bytes.

        Raises:
            ProvinceError: nothing is known.
        """

    def public_key(self, name: DeviceName) -> Ed25519PublicKey:
        """The key by which a scanner is known.

        Raises:
            NotAProvince: there is no such scanner.
        """


def parse(text: str) -> DeviceName:
    """A name as people write it.

    Raises:
        NotAProvince: it is none.
    """
    org, _, device = text.partition("/")
    try:
        return DeviceName(org, device)
    except ValueError as error:
        raise NotAProvince(f"{text}: {error}.") from None


@dataclass(frozen=True, slots=True)
class Registered:
    """Those of the register."""

    connection: Connection

    def named(self, text: str) -> DeviceName:
        """An active one."""
        name = parse(text)
        found = devices.find(self.connection, name)
        if found is None or found.status != devices.ACTIVE:
            raise NotAProvince(f"{text}: not a scanner of this province" + (f", it is {found.status}." if found else ". See: device list."))
        return name

    def log(self, name: DeviceName) -> bytes:
        """The newest log that no other names as the one before it."""

        def of(table: Table) -> ColumnElement[bool]:
            return and_(table.c.org == name.org, table.c.device == name.device)

        ended = select(announced.c.log).where(of(announced))
        latest = select(func.max(entry.c.id)).where(of(entry), entry.c.log == ledger.c.log).scalar_subquery()
        going_on = select(ledger.c.log).where(of(ledger), ledger.c.log.not_in(ended)).group_by(ledger.c.org, ledger.c.device, ledger.c.log)
        row = self.connection.row(going_on.order_by(latest.desc().nulls_last()).limit(1))
        if row is None:
            raise ProvinceError(f"{name}: nothing of its log has come yet: it takes commands once its first entry is registered.")
        return bytes(row["log"])

    def public_key(self, name: DeviceName) -> Ed25519PublicKey:
        """As it was registered last."""
        found = devices.find(self.connection, name)
        if found is None:
            raise NotAProvince(f"{name}: not a scanner of this province.")
        return found.public_key
