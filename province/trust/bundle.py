"""What a device needs to join, as one file: its identity, the broker, and the root it will trust."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from edge_agent.base.disk import sync_folder
from edge_agent.wire.topics import DeviceName
from province.base.files import private_pem, write_atomically
from province.keys.tls_authority import TlsIdentity

FORMAT = "gate-scanner-bundle/1"


@dataclass(frozen=True, slots=True)
class Bundle:
    """All of it. It holds the device's private keys: the province keeps no copy.

    Attributes:
        host: the broker, as the device reaches it.
        port: the broker's TLS port.
        door: host and port where a device asks for a certificate when its own has run out.
        root: the province's root, to be pinned.
        keyring: as signed.
    """

    name: DeviceName
    site: str
    gate: str
    host: str
    port: int
    door: tuple[str, int]
    root: Ed25519PublicKey
    signing_key: Ed25519PrivateKey = field(repr=False)
    tls: TlsIdentity = field(repr=False)
    broker_ca_pem: bytes = field(repr=False)
    keyring: bytes = field(repr=False)

    def to_json(self) -> bytes:
        """The file's content."""
        fields = {
            "format": FORMAT,
            "org": self.name.org,
            "device": self.name.device,
            "site": self.site,
            "gate": self.gate,
            "broker": {"host": self.host, "port": self.port},
            "door": {"host": self.door[0], "port": self.door[1]},
            "root": b64encode(self.root.public_bytes_raw()).decode(),
            "signing_key_pem": private_pem(self.signing_key).decode(),
            "tls_key_pem": self.tls.key_pem.decode(),
            "tls_certificate_pem": self.tls.certificate_pem.decode(),
            "broker_ca_pem": self.broker_ca_pem.decode(),
            "keyring": b64encode(self.keyring).decode(),
        }
        return (json.dumps(fields, ensure_ascii=False, indent=1) + "\n").encode()

    def write(self, path: Path) -> None:
        """Writes the file, 0600, and never over another.

        Raises:
            FileExistsError: there is a file of this name.
            OSError: it cannot be written.
        """
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # claims the name
        try:
            write_atomically(path, self.to_json())
        except BaseException:
            path.unlink(missing_ok=True)
            sync_folder(path.parent)
            raise
