"""Certificates for an organisation's own tools (Home Assistant, Telegraf): they may read its devices' health, and write nothing.

A viewer is named after the organisation alone, so that the broker's one rule confines it (`broker_config`). The broker takes its client id
from that name too: an organisation has one viewer connected at a time, and a broker of its own in between where it has more tools.
"""

from __future__ import annotations

import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from edge_agent.base.disk import sync_folder
from edge_agent.wire.topics import PROVINCE, is_name
from province.base.errors import AlreadyThere, NotAProvince, ProvinceError
from province.base.files import PUBLIC, write_atomically
from province.base.layout import Layout
from province.registry import certificates
from province.store import database
from province.trust import renewing


def add(layout: Layout, org: str, folder: Path, life: timedelta, now_ms: int) -> None:
    """Writes what an organisation's tools need to a new folder: `viewer.crt`, `viewer.key`, `ca.crt`; the certificate is noted first.

    Args:
        layout: the province.
        org: the organisation.
        folder: must not exist; its parent exists.
        life: how long the certificate holds.
        now_ms: milliseconds since 1970 UTC.

    Raises:
        NotAProvince: no name of an organisation, or there is no authority.
        AlreadyThere: the folder exists.
        ProvinceError: it cannot be written.
    """
    if not is_name(org) or org == PROVINCE:
        raise NotAProvince(f"{org!r} is not an organisation's name. `gate-province device list` shows them.")
    if folder.exists():
        raise AlreadyThere(f"{folder}: exists already; a viewer's key is never overwritten. Choose another folder.")
    made = renewing.load_authority(layout).client(org, datetime.fromtimestamp(now_ms / 1000, UTC), life)
    try:
        making = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        write_atomically(making / "viewer.key", made.key_pem)
        write_atomically(making / "viewer.crt", made.certificate_pem, PUBLIC)
        write_atomically(making / "ca.crt", layout.authority_certificate.read_bytes(), PUBLIC)
        with closing(database.connect(layout.register)) as connection, database.transaction(connection, layout.register):
            certificates.note_own(connection, x509.load_pem_x509_certificate(made.certificate_pem))
        making.replace(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise ProvinceError(f"{folder}: cannot be written ({error.strerror}). Check the disk and the rights.") from None


def revoke(layout: Layout, org: str, now_ms: int) -> int:
    """Revokes every certificate of an organisation's viewers, and writes the list; returns how many were not revoked before.

    The broker reads the list when it is told to; a session that is open then stays until the broker is restarted or another takes its name.

    Raises:
        NotAProvince: there is no authority.
        RegisterBusy: do it again.
        ProvinceError: the list cannot be written.
    """
    authority = renewing.load_authority(layout)
    with closing(database.connect(layout.register)) as connection, database.transaction(connection, layout.register):
        marked = certificates.revoke_viewers(connection, org, now_ms)
        try:
            certificates.write_list(layout, connection, authority, now_ms)
        except OSError as error:
            raise ProvinceError(f"{layout.revocations}: cannot be written ({error.strerror}). Make room.") from None
    return marked
