"""What enrolment and the broker leave in a device's documents, for tests of those who read them."""

from __future__ import annotations

import base64
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sealed_examples import KEYRING_OFFICER, NAME

from edge_agent.wire import keyring
from edge_agent.wire.keyring import Keyring
from edge_agent.wire.topics import DeviceName


def enrolled(root: Ed25519PrivateKey, name: DeviceName = NAME) -> dict[str, Any]:
    """The enrolment, as far as somebody reads it who is given no key of the device."""
    return {"root": base64.b64encode(root.public_key().public_bytes_raw()).decode(), "org": name.org, "device": name.device}


def kept(ring: Keyring) -> dict[str, Any]:
    """A keyring as it is stored."""
    return {"counter": ring.counter, "message": base64.b64encode(keyring.issue(ring, KEYRING_OFFICER)).decode()}
