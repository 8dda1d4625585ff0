"""Renews what the province proves itself with before it ends: for the same key, or for a new one.

Scanners pin the root alone. So officers may get other keys and certificates at any time, and TLS certificates whatever the authority signs;
only root and authority keep their keys for good. Source: decision 0066.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from edge_agent.base import private_files
from edge_agent.base.process_lock import alone
from edge_agent.wire import cose
from edge_agent.wire.authority import Power, read_certificate
from edge_agent.wire.cbor import Malformed
from province.base import key_pair
from province.base.errors import NotAProvince, ProvinceError
from province.base.files import PUBLIC, write_atomically
from province.base.layout import Layout
from province.keys import officers
from province.keys.terms import CLIENTS, DAY_MS, LIFE, OFFICERS, Role, file_of
from province.keys.tls_authority import TlsAuthority, TlsIdentity
from province.registry import certificates
from province.store import database
from province.trust.keyring_office import KeyringOffice

_LEAVES = (Role.BROKER, *CLIENTS, Role.DOOR)


def load_authority(layout: Layout) -> TlsAuthority:
    """The authority, its key among systemd's credentials or in its folder.

    Raises:
        NotAProvince: it cannot be read.
    """
    return TlsAuthority.load(private_files.locate(layout.authority_key, "gate-province.ca.key"), layout.authority_certificate)


def _key_of(layout: Layout, role: Role) -> Path:
    return layout.officers / f"{role}.key" if role in OFFICERS else file_of(layout, role).with_suffix(".key")


def finish_exchanges(layout: Layout) -> None:
    """Ends exchanges of keys that were cut short; whoever uses the keys calls it when it starts.

    Raises:
        OSError: it cannot be written.
    """
    pairs = [role for role in (*_LEAVES, *OFFICERS) if key_pair.is_unfinished(_key_of(layout, role))]
    if not pairs:
        return
    with alone(layout.keys_lock):
        for role in pairs:
            key_pair.finish(_key_of(layout, role), _certified(layout, role))


def _certified(layout: Layout, role: Role) -> object:
    """The public key that a role's certificate names, None when it names none."""
    with suppress(OSError, ValueError, UnsupportedAlgorithm, Malformed, cose.Forged):
        data = file_of(layout, role).read_bytes()
        if role in OFFICERS:
            return read_certificate(data, officers.read_root_public(layout)).public_key
        return x509.load_pem_x509_certificate(data).public_key()
    return None


@dataclass(frozen=True, slots=True)
class Renewal:
    """Renews one role after the other, each whole or not at all; done again, it goes on where it was cut short.

    Attributes:
        layout: the province.
        now_ms: milliseconds since 1970 UTC.
        new_keys: exchange the keys too. Root and authority have theirs for good.
        root: the root's private key; without it no officer can be certified.
    """

    layout: Layout
    now_ms: int
    new_keys: bool = False
    root: Ed25519PrivateKey | None = None

    def renew(self, role: Role) -> None:
        """Renews one.

        Raises:
            NotAProvince: a key it takes is missing or damaged.
            ProvinceError: it cannot be done now.
            OSError: it cannot be written.
        """
        finish_exchanges(self.layout)
        with alone(self.layout.keys_lock):
            match role:
                case Role.AUTHORITY:
                    longer = load_authority(self.layout).renewed(self._now, LIFE[role])
                    write_atomically(self.layout.authority_certificate, longer.certificate_pem(), PUBLIC)
                case Role.REVOCATIONS:
                    self._write_list()
                case Role.BROKER | Role.COLLECTOR | Role.SECOND_COLLECTOR | Role.REGISTRAR | Role.COMMANDER | Role.FLEET | Role.DOOR:
                    self._renew_leaf(role)
                case _:
                    self._renew_officer(OFFICERS[role], int(LIFE[role].total_seconds() * 1000))

    @property
    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.now_ms / 1000, UTC)

    def _write_list(self) -> None:
        with closing(database.connect(self.layout.register)) as connection:
            certificates.write_list(self.layout, connection, load_authority(self.layout), self.now_ms)

    def _renew_leaf(self, role: Role) -> None:
        authority, hosts = load_authority(self.layout), self.layout.read_settings().hosts
        certificate, key = file_of(self.layout, role), _key_of(self.layout, role)
        if not self.new_keys:
            public = _public_of(key)
            longer = (
                authority.certify(public, CLIENTS[role], self._now, LIFE[role])
                if role in CLIENTS
                else authority.certify_server(public, hosts, self._now, LIFE[role])
            )
            write_atomically(certificate, longer.public_bytes(Encoding.PEM), PUBLIC)
            return
        made: TlsIdentity
        if role in CLIENTS:
            made = authority.client(CLIENTS[role], self._now, LIFE[role])
            self._note_former(certificate)
        else:
            made = authority.server(hosts, self._now, LIFE[role])
        key_pair.exchange(key, made.key_pem, certificate, made.certificate_pem, PUBLIC)
        if role in CLIENTS:
            self._write_list()

    def _note_former(self, certificate: Path) -> None:
        """Notes the certificate whose key is exchanged, before it is gone: the first list written after the exchange shuts it out."""
        try:
            old = x509.load_pem_x509_certificate(certificate.read_bytes())
        except (OSError, ValueError):
            return  # there is none to shut out
        with (
            closing(database.connect(self.layout.register)) as connection,
            database.transaction(connection, self.layout.register),
        ):
            certificates.note_own(connection, old)

    def _renew_officer(self, power: Power, life_ms: int) -> None:
        if self.root is None:
            raise ProvinceError(f"{power}: the root certifies it, and no root key was given.")
        change: Callable[..., object] = officers.renew
        if self.new_keys:
            file = officers.key_file(self.layout, power)
            if file.parent != self.layout.officers:
                raise ProvinceError(f"{file}: is a systemd credential, which is exchanged where it is made. Renew without --new-keys.")
            change = officers.replace
        change(self.layout, power, self.root, self.now_ms - DAY_MS, self.now_ms + life_ms)
        if power is Power.KEYRING:
            office = KeyringOffice(self.layout, self.layout.read_settings(), officers.load_officer(self.layout, power))
            office.rotate(office.current.key_for(None), self.now_ms)  # the same keys, signed under the new certificate


def _public_of(key_file: Path) -> ec.EllipticCurvePublicKey:
    try:
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    except OSError as error:
        raise NotAProvince(f"{key_file}: cannot be read ({error.strerror}). Restore it, or make another one: --new-keys.") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise NotAProvince(f"{key_file}: damaged. Restore it from a backup, or make another one: --new-keys.")
    return key.public_key()
