"""Exchanges this device's TLS key together with its certificate: two files, of which a power cut must not leave one new and one old.

The new key lies beside the old one first. The certificate's replacement decides: from then on the new pair counts, and the key takes its
place. Whoever starts and finds a key laid beside finishes what was cut short. The signing key stays: by it the province knows the device.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from edge_agent.base.disk import sync_folder, write_private
from edge_agent.device import device_keys, known_time
from edge_agent.device.device_keys import DeviceKeys
from edge_agent.device.identity import FOLDER, TLS_CERTIFICATE, TLS_KEY, credentials

_COMING = "tls.coming.key"


class NotHere(Exception):
    """The key is not a file of this device's own."""


def begin(state: Path) -> DeviceKeys:
    """Makes the new key and lays it beside the old one.

    Raises:
        NotHere: the TLS key is a credential, which is exchanged where it is made.
        identity.BadIdentity: a key is damaged.
        OSError: it cannot be written.
    """
    folder = state / FOLDER
    if TLS_KEY in credentials(folder):
        raise NotHere("the TLS key is a systemd credential: exchange it where it is made")
    key = ec.generate_private_key(ec.SECP256R1())
    write_private(folder / _COMING, device_keys.pem(key))
    sync_folder(folder)
    return DeviceKeys(device_keys.load(state).signing, key)


def finish(state: Path) -> None:
    """Ends an exchange: with the new key where the certificate names it, with the old one otherwise.

    Raises:
        OSError: it cannot be read or written.
    """
    folder = state / FOLDER
    coming = folder / _COMING
    try:
        key = load_pem_private_key(coming.read_bytes(), password=None)
    except FileNotFoundError:
        return
    except ValueError:
        key = None
    certificate = known_time.read_certificate(folder / TLS_CERTIFICATE)
    if key is not None and certificate is not None and key.public_key() == certificate.public_key():
        coming.replace(folder / TLS_KEY)
    else:
        coming.unlink()
    sync_folder(folder)


def fingerprint(state: Path) -> str:
    """Tells TLS keys apart.

    Raises:
        identity.BadIdentity: a key is damaged.
        OSError: it cannot be read.
    """
    public = device_keys.load(state).tls.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(public).hexdigest()[:32]
