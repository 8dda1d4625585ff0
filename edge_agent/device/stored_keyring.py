"""The keyring as this device last accepted it: read by firmware, replaced by the agent, never by an older one."""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.base.stamp import Stamp
from edge_agent.device import stored_time
from edge_agent.device.documents import FILE_NAME, Documents, DocumentsDamaged
from edge_agent.wire import keyring
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.cose import Forged
from edge_agent.wire.keyring import Keyring
from edge_agent.wire.topics import DeviceName

DOCUMENT = "keyring"


class NoKeyring(Exception):
    """There is no keyring that can be believed."""


class OlderKeyring(Exception):
    """An offered keyring's counter is below the one in use: a replay."""


def read(folder: Path, root: Ed25519PublicKey) -> Keyring:
    """The stored keyring, checked again from the root down.

    Raises:
        NoKeyring: none is stored, or what is stored is damaged or does not verify.
        OSError: it cannot be read now.
    """
    documents = Documents(folder)
    try:
        stored = documents.get(DOCUMENT)
    except DocumentsDamaged as error:
        raise NoKeyring(str(error)) from None
    finally:
        documents.close()
    if stored is None:
        raise NoKeyring(f"{folder / FILE_NAME}: holds no keyring. Enrol this device: gate-agent enrol BUNDLE")
    return _believed(stored, folder, root)


def _believed(stored: Mapping[str, Any], folder: Path, root: Ed25519PublicKey) -> Keyring:
    try:
        return keyring.verify(base64.b64decode(stored["message"]), root)
    except (Malformed, Forged, KeyError, TypeError, ValueError) as error:
        raise NoKeyring(f"{folder / FILE_NAME}: its keyring cannot be believed ({error}). Enrol this device again") from None


def accept(folder: Path, root: Ed25519PublicKey, message: bytes, now_ms: int | None = None, not_before_ms: int = 0) -> Keyring:
    """Stores a keyring offered by the broker, if it is genuine and newer; one with the counter in use changes nothing.

    Only here its signer's certificate must be in its time: what was accepted once goes on being used, or a device that is long
    without the province could not seal any more.

    Args:
        folder: the device's state folder.
        root: the pinned root key.
        message: as received.
        now_ms: trusted wall time, or None.
        not_before_ms: a signed lower bound of the time.

    Returns:
        The keyring in use from now on.

    Raises:
        Malformed, Forged: not genuine.
        OlderKeyring: older than the one in use.
        DocumentsDamaged, OSError: it cannot be stored.
    """
    offered = keyring.verify(message, root, now_ms, not_before_ms)
    used = offered

    def newer(stored: dict[str, Any] | None) -> dict[str, Any] | None:
        nonlocal used
        with suppress(NoKeyring):
            in_use = None if stored is None else _believed(stored, folder, root)
            if in_use is not None and offered.counter < in_use.counter:
                raise OlderKeyring(f"keyring {offered.counter} offered, {in_use.counter} is in use: refused as a replay")
            if in_use is not None and offered.counter == in_use.counter:
                used = in_use
                return None
        return {"counter": offered.counter, "message": base64.b64encode(message).decode()}

    with closing(Documents(folder)) as documents:
        documents.change(DOCUMENT, newer)
    return used


class WatchedKeyring:
    """The stored keyring, read again when its file has changed.

    Args:
        folder: the device's state folder.
        root: the pinned root key.
        name: this device, whose stored receipt is a lower bound of the time too.

    Raises:
        NoKeyring: none can be believed at the start. Later a bad file is ignored and the one in memory goes on.
    """

    def __init__(self, folder: Path, root: Ed25519PublicKey, name: DeviceName) -> None:
        self._folder = folder
        self._root = root
        self._name = name
        self._lock = threading.Lock()
        self._stamp = Stamp(folder / FILE_NAME)
        self._stamp.changed()
        self._read()

    def _read(self) -> None:
        self._keyring = read(self._folder, self._root)
        self._receipt_ms = stored_time.read(self._folder, self._root, self._name, self._keyring.counter)
        self._stamp.taken()

    def current(self) -> Keyring:
        """The newest keyring this device has accepted, from any thread; one stat() when nothing changed."""
        with self._lock:
            if self._stamp.changed():
                with suppress(NoKeyring, OSError):  # looked at again next time: what failed now may not then
                    self._read()
            return self._keyring

    def not_before_ms(self) -> int:
        """A signed lower bound of the time: the keyring's, or a later receipt's (milliseconds since 1970 UTC)."""
        return max(self.current().issued_ms, self._receipt_ms)
