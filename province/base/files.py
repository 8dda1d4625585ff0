"""Writes files whole or not at all, with their mode right from the first byte."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.base.disk import sync_folder

SECRET = 0o600
PUBLIC = 0o644
FOLDER = 0o700


def write_atomically(path: Path, data: bytes, mode: int = SECRET) -> None:
    """Writes a file so that after a power cut it is the old one or the new one, never a part.

    Args:
        path: the file; its folder exists.
        data: all of its content.
        mode: its permissions, set before the first byte is written.

    Raises:
        OSError: the disk is full, or the folder may not be written.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mkstemp makes it 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def private_pem(key: Ed25519PrivateKey | EllipticCurvePrivateKey) -> bytes:
    """A private key as unencrypted PKCS #8 PEM."""
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def make_folder(path: Path) -> None:
    """Makes a folder that only its owner may enter, whatever the umask."""
    path.mkdir(mode=FOLDER)
    path.chmod(FOLDER)


def keep_folder(path: Path) -> None:
    """Makes a folder that only its owner may enter if there is none, and makes its name stay through a power cut, whoever made it.

    Raises:
        OSError: it cannot be made.
    """
    if not path.is_dir():
        make_folder(path)
    sync_folder(path.parent)
