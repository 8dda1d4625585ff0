"""TLS certificates given to devices: noted one by one, so that all of a device's can be revoked together."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

from cryptography import x509

from edge_agent.topics import DeviceName
from province.files import PUBLIC, write_atomically
from province.layout import Layout
from province.tls_authority import TlsAuthority

LIST_LIFE = timedelta(days=3652)  # when a list runs out, the broker refuses everyone


def note(connection: sqlite3.Connection, name: DeviceName, certificate: x509.Certificate) -> None:
    """Notes a certificate; call it in the transaction that gives it out."""
    connection.execute(
        "INSERT INTO certificate VALUES (?, ?, ?, ?, NULL)",
        (str(certificate.serial_number), name.org, name.device, int(certificate.not_valid_after_utc.timestamp() * 1000)),
    )


def given_since(connection: sqlite3.Connection, name: DeviceName, ends_ms: int) -> int:
    """How many certificates a device was given that end later than this, revoked ones too."""
    query = "SELECT count(*) FROM certificate WHERE org = ? AND device = ? AND ends_ms > ?"
    return int(connection.execute(query, (name.org, name.device, ends_ms)).fetchone()[0])


def revoke(connection: sqlite3.Connection, name: DeviceName, now_ms: int) -> int:
    """Marks every certificate of a device as revoked and returns how many it newly marked; call it in a transaction."""
    return connection.execute(
        "UPDATE certificate SET revoked_ms = ? WHERE org = ? AND device = ? AND revoked_ms IS NULL", (now_ms, name.org, name.device)
    ).rowcount


def write_list(layout: Layout, connection: sqlite3.Connection, authority: TlsAuthority, now_ms: int, extra: int | None = None) -> None:
    """Writes the list of revoked certificates that have not run out by themselves.

    Args:
        layout: the province.
        connection: the register.
        authority: signs the list.
        now_ms: milliseconds since 1970 UTC; the list's number too, so that it grows.
        extra: one more serial number to put on the list.

    Raises:
        OSError: it cannot be written.
    """
    rows = connection.execute("SELECT serial FROM certificate WHERE revoked_ms IS NOT NULL AND ends_ms > ?", (now_ms,)).fetchall()
    serials = {int(row["serial"]) for row in rows} | (set() if extra is None else {extra})
    made = authority.revocation_list(datetime.fromtimestamp(now_ms / 1000, UTC), LIST_LIFE, serials, now_ms)
    write_atomically(layout.revocations, made, PUBLIC)
