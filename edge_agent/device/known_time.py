"""The latest time this device has proof of: its clock may stand at 1970, but certificate and keyring were signed some day.

Source: decision 0062.
"""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.device import stored_keyring


def read_certificate(file: Path) -> x509.Certificate | None:
    """Our TLS certificate, None when it cannot be read: whoever connects with it says so, with its file."""
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError):
        return None


def known_ms(state: Path, root: Ed25519PublicKey, certificate: x509.Certificate | None) -> int:
    """A time that has surely come, milliseconds since 1970 UTC: the later of the keyring's and the beginning of our certificate.

    Args:
        state: the device's state folder, with the keyring.
        root: the pinned root key.
        certificate: ours, None when there is none.
    """
    try:
        issued_ms = stored_keyring.read(state, root).issued_ms
    except (stored_keyring.NoKeyring, OSError):
        issued_ms = 0
    begin_ms = 0 if certificate is None else int(certificate.not_valid_before_utc.timestamp() * 1000)
    return max(issued_ms, begin_ms)
