"""TLS certificates given to devices: noted one by one, so that all of a device's can be revoked together; and the list of those revoked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from edge_agent.topics import DeviceName
from province import database
from province.files import PUBLIC, write_atomically
from province.layout import Layout
from province.terms import CLIENTS, LIFE, Role, file_of
from province.tls_authority import TlsAuthority


@dataclass(frozen=True, slots=True)
class Given:
    """A certificate given to a device: its serial number, decimal, and when it runs out by itself, milliseconds since 1970 UTC."""

    serial: str
    ends_ms: int


def note(connection: sqlite3.Connection, name: DeviceName, certificate: x509.Certificate) -> None:
    """Notes a certificate; call it in the transaction that gives it out."""
    connection.execute(
        "INSERT INTO certificate VALUES (?, ?, ?, ?, NULL, ?)",
        (
            str(certificate.serial_number), name.org, name.device, int(certificate.not_valid_after_utc.timestamp() * 1000),
            certificate.public_bytes(Encoding.DER),
        ),
    )  # fmt: skip


def find(connection: sqlite3.Connection, serial: str) -> x509.Certificate | None:
    """A certificate that is not revoked, by its serial number, decimal; None when there is none, or only its number is known."""
    row = connection.execute("SELECT der FROM certificate WHERE serial = ? AND revoked_ms IS NULL", (serial,)).fetchone()
    return None if row is None or row["der"] is None else x509.load_der_x509_certificate(row["der"])


def given_since(connection: sqlite3.Connection, name: DeviceName, ends_ms: int) -> int:
    """How many certificates a device was given that end later than this, revoked ones too."""
    query = "SELECT count(*) FROM certificate WHERE org = ? AND device = ? AND ends_ms > ?"
    return int(connection.execute(query, (name.org, name.device, ends_ms)).fetchone()[0])


def revoke(connection: sqlite3.Connection, name: DeviceName, now_ms: int) -> int:
    """Marks every certificate of a device as revoked and returns how many it newly marked; call it in a transaction."""
    return connection.execute(
        "UPDATE certificate SET revoked_ms = ? WHERE org = ? AND device = ? AND revoked_ms IS NULL", (now_ms, name.org, name.device)
    ).rowcount


def revoke_viewers(connection: sqlite3.Connection, org: str, now_ms: int) -> int:
    """Marks every certificate of an organisation's viewers as revoked and returns how many it newly marked; call it in a transaction."""
    return connection.execute(
        "UPDATE certificate SET revoked_ms = ? WHERE org = ? AND device = '' AND revoked_ms IS NULL", (now_ms, org)
    ).rowcount


def revoke_own(connection: sqlite3.Connection, user: str, now_ms: int, but: str | None = None) -> int:
    """Marks every certificate noted by `note_own` for a name as revoked, but one; returns how many newly; call it in a transaction.

    Args:
        connection: the register.
        user: the name at the broker.
        now_ms: milliseconds since 1970 UTC.
        but: the serial number that stays, decimal.
    """
    org, _, part = user.partition("/")
    return connection.execute(
        "UPDATE certificate SET revoked_ms = ? WHERE org = ? AND device = ? AND revoked_ms IS NULL AND serial <> ?",
        (now_ms, org, part, but or ""),
    ).rowcount


def given_to(connection: sqlite3.Connection, name: DeviceName) -> frozenset[Given]:
    """Every certificate that a name was given."""
    rows = connection.execute("SELECT serial, ends_ms FROM certificate WHERE org = ? AND device = ?", (name.org, name.device))
    return frozenset(Given(row["serial"], row["ends_ms"]) for row in rows)


def all_revoked(connection: sqlite3.Connection, given: Iterable[Given]) -> bool:
    """Tells whether the register knows each of these certificates as revoked."""
    query = "SELECT 1 FROM certificate WHERE serial = ? AND revoked_ms IS NOT NULL"
    return all(connection.execute(query, (one.serial,)).fetchone() is not None for one in given)


def revoke_given(connection: sqlite3.Connection, name: DeviceName, given: Iterable[Given], at_ms: int) -> int:
    """Marks these certificates as revoked, also those that the register never knew; returns how many newly; call it in a transaction."""
    return sum(
        connection.execute(
            "INSERT INTO certificate VALUES (?, ?, ?, ?, ?, NULL) ON CONFLICT(serial) DO UPDATE SET revoked_ms = excluded.revoked_ms "
            "WHERE revoked_ms IS NULL",
            (one.serial, name.org, name.device, one.ends_ms, at_ms),
        ).rowcount
        for one in given
    )


def revoked(connection: sqlite3.Connection, now_ms: int) -> set[int]:
    """The serial numbers of the revoked certificates that have not run out by themselves, as the register has them."""
    rows = connection.execute("SELECT serial FROM certificate WHERE revoked_ms IS NOT NULL AND ends_ms > ?", (now_ms,))
    return {int(row["serial"]) for row in rows}


def listed(layout: Layout) -> set[int]:
    """The serial numbers on the list of revoked certificates as it is written now; none when there is no list that can be read."""
    try:
        return {one.serial_number for one in x509.load_pem_x509_crl(layout.revocations.read_bytes())}
    except (OSError, ValueError):
        return set()


def revoked_until(connection: sqlite3.Connection, name: DeviceName, now_ms: int) -> int | None:
    """When the last revoked certificate of a name runs out by itself, milliseconds since 1970 UTC; None when there is none or it has."""
    query = "SELECT max(ends_ms) FROM certificate WHERE org = ? AND device = ? AND revoked_ms IS NOT NULL AND ends_ms > ?"
    found = connection.execute(query, (name.org, name.device, now_ms)).fetchone()[0]
    return None if found is None else int(found)


def note_own(connection: sqlite3.Connection, certificate: x509.Certificate) -> None:
    """Notes one of no device, by its name; call it in a transaction.

    One of the province's own, `province/…`, is shut out by the next list once another is in use; a viewer's, named after its organisation
    alone, when it is revoked.
    """
    org, _, part = str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value).partition("/")
    ends_ms = int(certificate.not_valid_after_utc.timestamp() * 1000)
    connection.execute(
        "INSERT OR IGNORE INTO certificate VALUES (?, ?, ?, ?, NULL, NULL)", (str(certificate.serial_number), org, part, ends_ms)
    )


def _shut_out_former(layout: Layout, connection: sqlite3.Connection, now_ms: int) -> None:
    """Revokes what `note_own` noted where another is in use by now; where none can be read, nobody knows."""
    for role, name in CLIENTS.items():
        try:
            used = x509.load_pem_x509_certificate(file_of(layout, role).read_bytes())
        except (OSError, ValueError):
            continue
        connection.execute(
            "UPDATE certificate SET revoked_ms = ? WHERE org || '/' || device = ? AND serial <> ? AND revoked_ms IS NULL",
            (now_ms, name, str(used.serial_number)),
        )


def write_list(layout: Layout, connection: sqlite3.Connection, authority: TlsAuthority, now_ms: int, extra: int | None = None) -> None:
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
        rows = connection.execute("SELECT serial FROM certificate WHERE revoked_ms IS NOT NULL AND ends_ms > ?", (now_ms,)).fetchall()
        serials = {int(row["serial"]) for row in rows} | (set() if extra is None else {extra})
        made = authority.revocation_list(datetime.fromtimestamp(now_ms / 1000, UTC), LIFE[Role.REVOCATIONS], serials, now_ms)
        write_atomically(layout.revocations, made, PUBLIC)
