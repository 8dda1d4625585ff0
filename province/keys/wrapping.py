"""Closes a row's body under the day's data key, bound to the row it stands in, its length hidden.

Opening a row costs about a microsecond here and a hundred by HPKE: boards and searches open rows, never envelopes.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from edge_agent.wire.cbor import encode
from edge_agent.wire.sealing import PADDED_SIZES, CannotOpen, pad, unpad
from edge_agent.wire.topics import DeviceName

_NONCE_BYTES = 12
_SIZES = (256, *PADDED_SIZES)  # nearly every passage fits in the first, and bodies are the most of a register
_CONTEXT = "gate-scanner/v1/register-body"


def identity(name: DeviceName, log: bytes, seq: int, digest: bytes) -> bytes:
    """The row a body belongs to, as associated data: a body moved to another row does not open."""
    return encode([_CONTEXT, name.org, name.device, log, seq, digest])


def wrap(body: bytes, row: bytes, data_key: bytes) -> bytes:
    """Closes a body: nonce, then AES-256-GCM ciphertext of the padded body.

    Random 96-bit nonces are safe for 2³² rows a key (NIST SP 800-38D); a key lives for the rows of one day.
    """
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(data_key).encrypt(nonce, pad(body, _SIZES), row)


def unwrap(wrapped: bytes, row: bytes, data_key: bytes) -> bytes:
    """Opens what `wrap` made.

    Raises:
        CannotOpen: another key, another row, or damaged.
    """
    try:
        padded = AESGCM(data_key).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], row)
    except (InvalidTag, ValueError):
        raise CannotOpen("the row was closed with another key, belongs elsewhere, or is damaged") from None
    return unpad(padded, _SIZES)
