"""Makes a new province: its root, officers, certificate authority, day keys, register and broker configuration."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.base.disk import sync_folder
from edge_agent.wire import keyring, sealing
from edge_agent.wire.authority import Power
from edge_agent.wire.keyring import UNDATED, EpochKey
from province.base.errors import AlreadyThere, ProvinceError
from province.base.files import FOLDER, PUBLIC, make_folder, write_atomically
from province.base.layout import COLLECTORS, COMMANDER, FLEET, REGISTRAR, Layout, Settings
from province.keys import officers
from province.keys.day_keys import write_pair
from province.keys.keystore import Keystore
from province.keys.terms import LIFE, Role
from province.keys.tls_authority import TlsAuthority, TlsIdentity
from province.records import audit
from province.store import database
from province.trust import broker_config
from province.trust.keyring_office import compose

AHEAD_MOST_DAYS = 90  # beyond it the keyring would outgrow its largest size
_COMMON_NAME_BYTES = 64  # cryptography counts RFC 5280's ub-common-name in bytes of UTF-8


def found(folder: Path, settings: Settings, now_ms: int, database_url: str | None = None) -> Layout:
    """Makes a province in a new folder, whole or not at all.

    Args:
        folder: must not exist, or be empty; its parent exists.
        settings: the choices made.
        now_ms: the time, milliseconds since 1970 UTC.
        database_url: of an empty PostgreSQL database for the register; None for a file.

    Raises:
        AlreadyThere: the folder holds something.
        ProvinceError: the folder cannot be made.
    """
    folder = Path(folder).absolute()
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise AlreadyThere(f"{folder}: exists and is not empty; a province is never overwritten. Choose another folder.")
    try:
        making = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise ProvinceError(f"{folder}: cannot be made ({error.strerror}). Check that {folder.parent} exists and is yours.") from None
    try:
        _fill(Layout(making), Layout(folder), settings, now_ms, database_url)
        making.chmod(FOLDER)
        making.replace(folder)  # an empty folder of that name is replaced, anything else refuses
        sync_folder(folder.parent)
    except OSError as error:
        raise ProvinceError(f"{folder}: cannot be written ({error.strerror}). Check the disk and the rights.") from None
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return Layout(folder)


def _fill(layout: Layout, final: Layout, settings: Settings, now_ms: int, database_url: str | None) -> None:
    for folder in (
        layout.root_folder, layout.officers, layout.authority, layout.broker, layout.broker_store,
        *(layout.collector_of(number) for number in (1, 2)), layout.registrar, layout.commander, layout.fleet, layout.commands, layout.door,
        layout.keystore, layout.offline,
    ):  # fmt: skip
        make_folder(folder)
    layout.write_settings(settings)
    _found_signatures(layout, settings, now_ms)
    _found_tls(layout, settings, datetime.fromtimestamp(now_ms / 1000, UTC))
    database.create(layout.register, database_url, keyring.day_of(now_ms))
    write_atomically(layout.broker_rules, broker_config.rules().encode())
    write_atomically(layout.broker_config, broker_config.config(final, settings).encode())


def _found_signatures(layout: Layout, settings: Settings, now_ms: int) -> None:
    root = Ed25519PrivateKey.generate()
    officers.write_root(layout, root)
    # From yesterday on: a device whose clock is a little slow must not refuse a new province.
    before_ms, after_ms = now_ms - 86_400_000, now_ms + int(LIFE[Role.KEYRING].total_seconds() * 1000)
    clerk = officers.appoint(layout, Power.KEYRING, root, before_ms, after_ms)
    for power in (Power.RECEIPTS, Power.TICKETS, Power.IDENTIFY, Power.CONFIGURE, Power.UPDATE):
        officers.appoint(layout, power, root, before_ms, after_ms)
    pair = sealing.generate(settings.suite)
    write_pair(layout.undated_key, pair)
    undated = EpochKey(UNDATED, pair.suite, pair.public)
    keystore = Keystore(layout.keystore)
    keystore.found()
    audit.begin(keystore)
    first = compose(keystore, settings, undated, now_ms)
    write_atomically(layout.keyring, keyring.issue(first, clerk), PUBLIC)


def _write_identity(folder: Path, name: str, identity: TlsIdentity) -> None:
    write_atomically(folder / f"{name}.key", identity.key_pem)
    write_atomically(folder / f"{name}.crt", identity.certificate_pem, PUBLIC)


def _found_tls(layout: Layout, settings: Settings, now: datetime) -> None:
    title = f"gate-scanner {settings.name}".encode()[:_COMMON_NAME_BYTES].decode(errors="ignore")
    authority = TlsAuthority.create(title, now, LIFE[Role.AUTHORITY])
    write_atomically(layout.authority_key, authority.key_pem())
    write_atomically(layout.authority_certificate, authority.certificate_pem(), PUBLIC)
    write_atomically(layout.revocations, authority.revocation_list(now, LIFE[Role.REVOCATIONS]), PUBLIC)
    _write_identity(layout.broker, "server", authority.server(settings.hosts, now, LIFE[Role.BROKER]))
    for number, name in enumerate(COLLECTORS, start=1):
        _write_identity(layout.collector_of(number), "client", authority.client(name, now, LIFE[Role.COLLECTOR]))
    _write_identity(layout.registrar, "client", authority.client(REGISTRAR, now, LIFE[Role.REGISTRAR]))
    _write_identity(layout.commander, "client", authority.client(COMMANDER, now, LIFE[Role.COMMANDER]))
    _write_identity(layout.fleet, "client", authority.client(FLEET, now, LIFE[Role.FLEET]))
    _write_identity(layout.door, "server", authority.server(settings.hosts, now, LIFE[Role.DOOR]))
