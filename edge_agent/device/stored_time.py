"""The newest receipt's signed time, kept over a restart: a lower bound for this device's clock.

Source: design.md "Time". Kept as signed, so that who writes the file cannot choose the time. It counts only beside the keyring it came
under: a province whose clock once ran ahead puts it right with its next keyring.
"""

from __future__ import annotations

import base64
from contextlib import closing
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.device.documents import Documents, DocumentsDamaged
from edge_agent.wire import receipt
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.cose import Forged
from edge_agent.wire.topics import DeviceName

DOCUMENT = "time"


def read(folder: Path, root: Ed25519PublicKey, name: DeviceName, keyring_counter: int) -> int:
    """The time, milliseconds since 1970 UTC; 0 when none is stored under this keyring, or what is stored cannot be believed."""
    try:
        with closing(Documents(folder)) as documents:
            stored = documents.get(DOCUMENT)
        if stored is None or stored["keyring"] != keyring_counter:
            return 0
        return receipt.verify(base64.b64decode(stored["receipt"]), root, name).committed_ms
    except (DocumentsDamaged, OSError, Malformed, Forged, KeyError, TypeError, ValueError):
        return 0


def note(folder: Path, keyring_counter: int, message: bytes) -> None:
    """Keeps a receipt that was verified.

    Raises:
        DocumentsDamaged, OSError: it cannot be stored.
    """
    with closing(Documents(folder)) as documents:
        documents.put(DOCUMENT, {"keyring": keyring_counter, "receipt": base64.b64encode(message).decode()})
