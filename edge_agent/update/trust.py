"""What root itself knows of this device's province: its root key, this device's name, the keys that count no more, a time that has come.

The state folder is the agent's, and whoever has taken the agent over writes there. So root reads its documents as a stranger's files,
believes of them only what the province signed, and notes in a folder of its own what it saw the first time (root key and organisation)
and the newest keyring it has seen: who puts another one there, or an older one, is found out. Source: decision 0091.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.device import documents, identity, stored_keyring, stored_time
from edge_agent.wire.topics import DeviceName, is_name

MOST_DOCUMENTS_BYTES = 4 << 20
_ROOT, _ORG, _KEYRING = "root.pub", "org", "keyring"
Keep = Callable[[str, str], None]


class NotBelieved(Exception):
    """What the state folder says of the province cannot be; `reason` is a word for programs."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Trust:
    """By what a release is checked.

    Attributes:
        root: the province's root key.
        name: this device, of the organisation that root noted.
        not_before_ms: a signed time that has surely come, milliseconds since 1970 UTC.
        revoked: the ids of keys that count no more, hex.
    """

    root: Ed25519PublicKey
    name: DeviceName
    not_before_ms: int
    revoked: frozenset[str]


def look(state: Path, folder: Path, keep: Keep) -> Trust:
    """Reads what the state folder says, and holds it against what root has noted, which is noted now where it is new.

    Args:
        state: the device's state folder, which the agent's user may write.
        folder: root's own.
        keep: replaces one of the small files in it, on the disk when it returns.

    Raises:
        NotBelieved: another province than noted, no keyring, or an older one than was here.
        identity.NotEnrolled: the device belongs to no province.
        OSError: it cannot be read, or what is new not be noted.
    """
    with tempfile.TemporaryDirectory(prefix="gate-update-") as mine:
        copied = Path(mine)
        for file in (documents.FILE_NAME, f"{documents.FILE_NAME}.previous"):
            data = read_stranger(state / file, MOST_DOCUMENTS_BYTES)
            if data is not None:
                (copied / file).write_bytes(data)
        root, name = identity.province_of(copied)
        _pinned(folder / _ROOT, root.public_bytes_raw().hex(), keep)
        try:
            ring = stored_keyring.read(copied, root)
        except stored_keyring.NoKeyring:
            raise NotBelieved(
                "no-keyring", "the province's keyring is not here: is the device connected? It comes with the first connection"
            ) from None
        receipt_ms = stored_time.read(copied, root, name, ring.counter)
    seen = int(_noted(folder / _KEYRING) or "0")
    if ring.counter < seen:
        raise NotBelieved(
            "old-keyring", f"its keyring is number {ring.counter}, and {seen} was here before: wait for the province's to come again"
        )
    if ring.counter > seen:
        keep(_KEYRING, str(ring.counter))
    org = _noted(folder / _ORG)
    if not is_name(org):
        org = name.org
        keep(_ORG, org)
    return Trust(root, DeviceName(org, name.device), max(ring.issued_ms, receipt_ms), frozenset(key.hex() for key in ring.revoked))


def read_stranger(file: Path, most: int) -> bytes | None:
    """A small file of another user's folder: no link, no device, not more than `most` bytes and one; None when there is none.

    Raises:
        OSError: it cannot be read, or is no file.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(None, "not a file", str(file))
        return opened.read(most + 1)


def _pinned(file: Path, value: str, keep: Keep) -> None:
    noted = _noted(file)
    if not noted:
        keep(file.name, value)
    elif noted != value:
        raise NotBelieved("other-root", f"this device has another province than its software; if that is right: sudo rm {file}")


def _noted(file: Path) -> str:
    try:
        return file.read_text("ascii").strip()
    except FileNotFoundError:
        return ""
