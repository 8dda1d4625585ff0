"""TLS certificates given to devices: noted one by one, so that all of a device's can be revoked together; and the list of those revoked."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from sqlalchemy import ColumnElement, and_, bindparam, func, insert, select, update

from edge_agent.wire.topics import DeviceName
from province.base.files import PUBLIC, write_atomically
from province.base.layout import Layout
from province.keys.terms import CLIENTS, LIFE, Role, file_of
from province.keys.tls_authority import TlsAuthority
from province.store import database
from province.store.opened import Connection
from province.store.schema import certificate as table


@dataclass(frozen=True, slots=True)
class Given:
    """A certificate given to a device: its serial number, decimal, and when it runs out by itself, milliseconds since 1970 UTC."""

    serial: str
    ends_ms: int


def note(connection: Connection, name: DeviceName, certificate: x509.Certificate) -> None:
    """Notes a certificate; call it in the transaction that gives it out."""
    row = _row(certificate, name.org, name.device) | {"der": certificate.public_bytes(Encoding.DER)}
    connection.execute(insert(table), row)


def _row(certificate: x509.Certificate, org: str, device: str) -> dict[str, object]:
    ends_ms = int(certificate.not_valid_after_utc.timestamp() * 1000)
    return {"serial": str(certificate.serial_number), "org": org, "device": device, "ends_ms": ends_ms}


def _of(name: DeviceName) -> ColumnElement[bool]:
    return and_(table.c.org == name.org, table.c.device == name.device)


def find(connection: Connection, serial: str) -> x509.Certificate | None:
    """A certificate that is not revoked, by its serial number, decimal; None when there is none, or only its number is known."""
    der = connection.value(select(table.c.der).where(table.c.serial == serial, table.c.revoked_ms.is_(None)))
    return None if der is None else x509.load_der_x509_certificate(der)


def given_since(connection: Connection, name: DeviceName, ends_ms: int) -> int:
    """How many certificates a device was given that end later than this, revoked ones too."""
    return int(connection.value(select(func.count()).select_from(table).where(_of(name), table.c.ends_ms > ends_ms)))


def revoke(connection: Connection, name: DeviceName, now_ms: int) -> int:
    """Marks every certificate of a device as revoked and returns how many it newly marked; call it in a transaction."""
    return connection.execute(update(table).where(_of(name), table.c.revoked_ms.is_(None)).values(revoked_ms=now_ms)).rowcount


def revoke_viewers(connection: Connection, org: str, now_ms: int) -> int:
    """Marks every certificate of an organisation's viewers as revoked and returns how many it newly marked; call it in a transaction."""
    of_viewers = and_(table.c.org == org, table.c.device == "")
    return connection.execute(update(table).where(of_viewers, table.c.revoked_ms.is_(None)).values(revoked_ms=now_ms)).rowcount


def revoke_own(connection: Connection, user: str, now_ms: int, but: str | None = None) -> int:
    """Marks every certificate noted by `note_own` for a name as revoked, but one; returns how many newly; call it in a transaction.

    Args:
        connection: the register.
        user: the name at the broker.
        now_ms: milliseconds since 1970 UTC.
        but: the serial number that stays, decimal.
    """
    org, _, part = user.partition("/")
    others = and_(table.c.org == org, table.c.device == part, table.c.revoked_ms.is_(None), table.c.serial != (but or ""))
    return connection.execute(update(table).where(others).values(revoked_ms=now_ms)).rowcount


def given_to(connection: Connection, name: DeviceName) -> frozenset[Given]:
    """Every certificate that a name was given."""
    rows = connection.rows(select(table.c.serial, table.c.ends_ms).where(_of(name)))
    return frozenset(Given(row["serial"], row["ends_ms"]) for row in rows)


def all_revoked(connection: Connection, given: Iterable[Given]) -> bool:
    """Tells whether the register knows each of these certificates as revoked."""
    query = select(1).where(table.c.serial == bindparam("wanted"), table.c.revoked_ms.is_not(None))
    return all(connection.has(query, {"wanted": one.serial}) for one in given)


def revoke_given(connection: Connection, name: DeviceName, given: Iterable[Given], at_ms: int) -> int:
    """Marks these certificates as revoked, also those that the register never knew; returns how many newly; call it in a transaction."""
    revoking = connection.insert(table).execution_options(preserve_rowcount=True)  # else INSERTs count as -1
    revoking = revoking.on_conflict_do_update(
        index_elements=[table.c.serial], set_={"revoked_ms": revoking.excluded.revoked_ms}, where=table.c.revoked_ms.is_(None)
    )
    row = {"org": name.org, "device": name.device, "revoked_ms": at_ms}
    return sum(connection.execute(revoking, row | {"serial": one.serial, "ends_ms": one.ends_ms}).rowcount for one in given)


def revoked(connection: Connection, now_ms: int) -> set[int]:
    """The serial numbers of the revoked certificates that have not run out by themselves, as the register has them."""
    rows = connection.rows(select(table.c.serial).where(table.c.revoked_ms.is_not(None), table.c.ends_ms > now_ms))
    return {int(row["serial"]) for row in rows}


def listed(layout: Layout) -> set[int]:
    """The serial numbers on the list of revoked certificates as it is written now; none when there is no list that can be read."""
    try:
        return {one.serial_number for one in x509.load_pem_x509_crl(layout.revocations.read_bytes())}
    except (OSError, ValueError):
        return set()


def revoked_until(connection: Connection, name: DeviceName, now_ms: int) -> int | None:
    """When the last revoked certificate of a name runs out by itself, milliseconds since 1970 UTC; None when there is none or it has."""
    found = connection.value(select(func.max(table.c.ends_ms)).where(_of(name), table.c.revoked_ms.is_not(None), table.c.ends_ms > now_ms))
    return None if found is None else int(found)


def note_own(connection: Connection, certificate: x509.Certificate) -> None:
    """Notes one of no device, by its name; call it in a transaction.

    One of the province's own, `province/…`, is shut out by the next list once another is in use; a viewer's, named after its organisation
    alone, when it is revoked.
    """
    org, _, part = str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value).partition("/")
    connection.execute(connection.insert(table).values(_row(certificate, org, part)).on_conflict_do_nothing())


def _shut_out_former(layout: Layout, connection: Connection, now_ms: int) -> None:
    """Revokes what `note_own` noted where another is in use by now; where none can be read, nobody knows."""
    for role, name in CLIENTS.items():
        try:
            used = x509.load_pem_x509_certificate(file_of(layout, role).read_bytes())
        except (OSError, ValueError):
            continue
        named = table.c.org + "/" + table.c.device == name
        others = and_(named, table.c.serial != str(used.serial_number), table.c.revoked_ms.is_(None))
        connection.execute(update(table).where(others).values(revoked_ms=now_ms))


def write_list(layout: Layout, connection: Connection, authority: TlsAuthority, now_ms: int, extra: int | None = None) -> None:
    """Writes the list of revoked certificates that have not run out by themselves, those the province itself uses no more among them.

    The register is held from the look at it until the list lies there, or a list made before a revocation could replace the one after it.

    Args:
        layout: the province.
        connection: the register; a transaction that is open already goes on.
        authority: signs the list.
        now_ms: milliseconds since 1970 UTC; the list's number too, so that it grows.
        extra: one more serial number to put on the list.

    Raises:
        RegisterBusy: the list is the one before.
        OSError: it cannot be written.
    """
    with nullcontext() if connection.in_transaction else database.transaction(connection, layout.register):
        _shut_out_former(layout, connection, now_ms)
        serials = revoked(connection, now_ms) | (set() if extra is None else {extra})
        made = authority.revocation_list(datetime.fromtimestamp(now_ms / 1000, UTC), LIFE[Role.REVOCATIONS], serials, now_ms)
        write_atomically(layout.revocations, made, PUBLIC)
