"""Second officers: whoever is asked to look along has a key of their own, closed by a passphrase of their own.

The key signs exactly one line of the audit log at a time. It proves that this passphrase was typed for this look; it does not keep the
province's machine from reading without any officer: whoever holds keystore and register can.
"""

from __future__ import annotations

import re
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from province.base.errors import NotAProvince
from province.base.files import keep_folder, write_atomically
from province.base.layout import Layout

PASSPHRASE_LEAST = 10
_NAME = re.compile(r"[0-9a-z](?:[0-9a-z.-]{0,38}[0-9a-z])?")


def check_name(name: str) -> str:
    """An officer's name as it may stand in the audit log.

    Raises:
        NotAProvince: not 1 to 40 lower-case letters, digits, dots or hyphens.
    """
    if _NAME.fullmatch(name) is None:
        raise NotAProvince(f"officer {name!r}: write 1 to 40 lower-case letters, digits, dots, hyphens, such as nguyen.an")
    return name


def path(layout: Layout, name: str) -> Path:
    """Where an officer's closed key lies."""
    return layout.auditors / f"{check_name(name)}.key"


def generate(passphrase: str) -> tuple[Ed25519PrivateKey, bytes]:
    """Makes an officer's key: open, to sign the line that names it, and closed, for `store`.

    Raises:
        NotAProvince: the passphrase will not do.
    """
    if len(passphrase) < PASSPHRASE_LEAST:
        raise NotAProvince(f"the passphrase must have at least {PASSPHRASE_LEAST} characters")
    key = Ed25519PrivateKey.generate()
    closed = serialization.BestAvailableEncryption(passphrase.encode())
    return key, key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, closed)


def store(layout: Layout, name: str, closed: bytes) -> None:
    """Writes an officer's closed key, over the one before.

    Raises:
        OSError: it cannot be written.
    """
    keep_folder(layout.auditors)
    write_atomically(path(layout, name), closed)


def unlock(layout: Layout, name: str, passphrase: str) -> Ed25519PrivateKey:
    """An officer's key.

    Raises:
        NotAProvince: there is none, or it is another passphrase.
    """
    file = path(layout, name)
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), passphrase.encode())
    except FileNotFoundError:
        raise NotAProvince(f"{file}: officer {name} has no key. Add one: gate-province audit officer {layout.root} {name}") from None
    except (OSError, ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise NotAProvince(f"{file}: not opened: another passphrase, or the file is damaged.")
    return key
