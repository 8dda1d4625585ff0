"""Exchanges a private key together with its certificate: two files, of which a power cut must not leave one new and one old.

The new key is laid beside the old one first; with the certificate's replacement the new pair counts; then the key takes its place.
Whoever starts and finds a key laid beside finishes what was cut short: the certificate says which of the two keys counts.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization

from edge_agent.base.disk import sync_folder
from province.base.files import write_atomically


def _coming(key_file: Path) -> Path:
    return key_file.with_name(f"{key_file.stem}.coming.key")


def exchange(key_file: Path, key_pem: bytes, certificate_file: Path, certificate: bytes, mode: int) -> None:
    """Puts a new pair in the place of the old one.

    Args:
        key_file: of the private key.
        key_pem: the new one, PEM.
        certificate_file: of the certificate.
        certificate: that names the new key.
        mode: the certificate's permissions.

    Raises:
        OSError: it cannot be written; `finish` then brings one pair or the other.
    """
    coming = _coming(key_file)
    write_atomically(coming, key_pem)
    write_atomically(certificate_file, certificate, mode)
    coming.replace(key_file)
    sync_folder(key_file.parent)


def is_unfinished(key_file: Path) -> bool:
    """Tells whether an exchange was cut short, or is going on."""
    return _coming(key_file).exists()


def finish(key_file: Path, certified: object) -> None:
    """Ends an exchange that was cut short.

    Args:
        key_file: of the private key.
        certified: the public key that the certificate names.

    Raises:
        OSError: it cannot be written.
    """
    coming = _coming(key_file)
    try:
        key = serialization.load_pem_private_key(coming.read_bytes(), password=None)
    except FileNotFoundError:
        return
    if key.public_key() == certified:
        coming.replace(key_file)
    else:
        coming.unlink()
    sync_folder(key_file.parent)
