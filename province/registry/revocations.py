"""Remembers for good which signing keys were revoked, and revokes them again when a backup of the register brings them back.

Source: decision 0061. One file for each key in the keystore, which is in no backup; it stays for ever. Whether a key counts is asked
here, not of the register: what the register says is for those who read it, and for the list of revoked certificates.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.base.process_lock import alone
from edge_agent.wire.ticket import fingerprint
from edge_agent.wire.topics import DeviceName
from province.base.errors import ProvinceError
from province.base.files import keep_folder, write_atomically
from province.base.layout import Layout
from province.keys.keystore import Keystore, KeystoreAway
from province.keys.tls_authority import TlsAuthority
from province.registry import certificates, devices
from province.registry.certificates import Given
from province.store import database
from province.store.opened import Connection


class RevocationsDamaged(ProvinceError):
    """A note of a revocation cannot be read: its key counts no more, but not all of its certificates are known."""


class NotNoted(ProvinceError):
    """A revocation could not be written to the keystore; nothing was revoked."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """A key that counts no more.

    Attributes:
        name: the device's when it was revoked.
        public_key: checked its signatures.
        at_ms: when it was first revoked, milliseconds since 1970 UTC.
        given: every certificate that this name had been given.
    """

    name: DeviceName
    public_key: Ed25519PublicKey
    at_ms: int
    given: frozenset[Given]


def _file(keystore: Keystore, public_key: Ed25519PublicKey) -> Path:
    return keystore.revoked / f"{fingerprint(public_key).hex()}.json"


def is_revoked(keystore: Keystore, public_key: Ed25519PublicKey) -> bool:
    """Tells whether a key was ever revoked, whatever the register says.

    Raises:
        KeystoreAway: nobody can tell now.
    """
    path = _file(keystore, public_key)
    try:
        path.lstat()
    except FileNotFoundError:
        keystore.check()  # or nothing is there at all
        return False
    except OSError as error:
        raise KeystoreAway(f"{path}: cannot be read ({error.strerror}). Run as the folder's owner.") from None
    return True


def note(keystore: Keystore, revocation: Revocation) -> None:
    """Notes a revocation, on the disk when this returns; `reapply` brings it into the register.

    Raises:
        KeystoreAway, NotNoted, RevocationsDamaged: not noted.
    """
    try:
        with alone(keystore.lock):
            _write(keystore, revocation)
    except OSError as error:
        raise NotNoted(
            f"{keystore.revoked}: cannot be written ({error.strerror}). Nothing was revoked: make room and do it again."
        ) from None


def _write(keystore: Keystore, revocation: Revocation) -> None:
    """What is noted of the key already stays."""
    path = _file(keystore, revocation.public_key)
    known = (_read(path) if is_revoked(keystore, revocation.public_key) else None) or revocation
    given = revocation.given | known.given
    fields = {
        "org": revocation.name.org, "device": revocation.name.device, "public_key": revocation.public_key.public_bytes_raw().hex(),
        "at_ms": known.at_ms, "certificates": sorted([one.serial, one.ends_ms] for one in given),
    }  # fmt: skip
    keep_folder(keystore.revoked)
    write_atomically(path, json.dumps(fields).encode() + b"\n")


def _read(path: Path) -> Revocation | None:
    """What a file says; None when it is empty: then its name alone refuses the key."""
    try:
        text = path.read_bytes()
        if not text:
            return None
        fields = json.loads(text)
        name, key = DeviceName(fields["org"], fields["device"]), Ed25519PublicKey.from_public_bytes(bytes.fromhex(fields["public_key"]))
        given = frozenset(Given(str(int(serial)), int(ends_ms)) for serial, ends_ms in fields["certificates"])
        return Revocation(name, key, int(fields["at_ms"]), given)
    except (OSError, ValueError, KeyError, TypeError):
        raise RevocationsDamaged(
            f"{path}: damaged. Empty the file (never remove it: its name refuses the key), and revoke the device again if its name is not "
            "taken: then its certificates are noted again."
        ) from None


def noted(keystore: Keystore) -> list[Revocation]:
    """All that was ever revoked, as far as its files say more than the key.

    Raises:
        KeystoreAway, RevocationsDamaged: nobody can tell now.
    """
    keystore.check()
    try:
        paths = sorted(keystore.revoked.iterdir())
    except FileNotFoundError:  # nothing was revoked yet
        paths = []
    except OSError as error:
        raise KeystoreAway(f"{keystore.revoked}: cannot be read ({error.strerror}). Run as the folder's owner.") from None
    found = [_read(path) for path in paths if path.suffix == ".json"]  # what a write cut short leaves has another ending
    return [one for one in found if one is not None]


def certificates_of(connection: Connection, public_key: Ed25519PublicKey) -> frozenset[Given]:
    """Every certificate given to the names that this key has spoken for."""
    return frozenset[Given]().union(*(certificates.given_to(connection, one.name) for one in devices.with_key(connection, public_key)))


def reapply(connection: Connection, path: Path, keystore: Keystore, at_ms: int) -> int:
    """Revokes in the register what is noted and counts there again, and says how many devices and certificates that was.

    What only the register says (a province of an earlier release) is noted first.

    Raises:
        KeystoreAway, NotNoted, RevocationsDamaged, RegisterBusy: it may not be done; do it again before you believe the register.
    """
    keystore.check()
    with database.explained(path):
        for device in devices.revoked(connection):
            if not is_revoked(keystore, device.public_key):
                note(keystore, Revocation(device.name, device.public_key, at_ms, certificates_of(connection, device.public_key)))
        found = noted(keystore)
        if not any(_counts_again(connection, one) for one in found):
            return 0
        with database.transaction(connection, path):
            return sum(
                devices.revoke_key(connection, one.public_key) + certificates.revoke_given(connection, one.name, one.given, one.at_ms)
                for one in found
            )


def _counts_again(connection: Connection, one: Revocation) -> bool:
    active = any(device.status != devices.REVOKED for device in devices.with_key(connection, one.public_key))
    return active or not certificates.all_revoked(connection, one.given)


def connect(layout: Layout, at_ms: int) -> Connection:
    """Opens the register to decide or tell who may speak: what was revoked is revoked in it, whatever backup it came from.

    Raises:
        As `database.connect` and `reapply`.
    """
    connection = database.connect(layout.register)
    try:
        reapply(connection, layout.register, Keystore(layout.keystore), at_ms)
    except BaseException:
        connection.close()
        raise
    return connection


def missing_from_list(layout: Layout, keystore: Keystore, now_ms: int) -> int:
    """How many revoked certificates that have not run out are not on the list of revoked ones, as after a restore.

    Raises:
        KeystoreAway, RevocationsDamaged: nobody can tell now.
    """
    wanted = {int(given.serial) for one in noted(keystore) for given in one.given if given.ends_ms > now_ms}
    return len(wanted - certificates.listed(layout)) if wanted else 0


def mend_list(layout: Layout, connection: Connection, authority: TlsAuthority, now_ms: int) -> int:
    """Writes the list of revoked certificates again if it lacks some, and says how many it lacked; the broker must then read it.

    Args:
        layout: the province.
        connection: of `connect`: what is noted in the keystore is in its register.
        authority: signs the list.
        now_ms: milliseconds since 1970 UTC.

    Raises:
        RegisterBusy, OSError: it may lack some still.
    """
    with database.transaction(connection, layout.register):  # one writer at a time: `revoke` puts a probe on the list
        wanted = certificates.revoked(connection, now_ms)
        lacking = len(wanted - certificates.listed(layout)) if wanted else 0
        if lacking:
            certificates.write_list(layout, connection, authority, now_ms)
    return lacking
