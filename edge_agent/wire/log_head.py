"""A device's signed word on how far its log goes, so that a tail that was cut off shows even when nothing is written any more.

COSE_Sign1 by the device's key, payload deterministic CBOR [version, org, device, log, seq, hash]. Source: design.md fourth promise. It
needs no time: the province keeps the furthest head of each log, and an old one says nothing new.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.wire import cose
from edge_agent.wire.cbor import Malformed, decode, encode
from edge_agent.wire.entry import HASH_BYTES, LOG_BYTES, LogHead
from edge_agent.wire.topics import DeviceName

_HEAD = cose.MessageType("application/vnd.gate-scanner.head+cbor", b"gate-scanner/v1/head")
_MAX_BYTES = 512
_VERSION = 1


def sign(name: DeviceName, head: LogHead, signer: cose.Signer) -> bytes:
    """Signs the head of a device's log."""
    return cose.sign(encode([_VERSION, name.org, name.device, head.log, head.seq, head.hash]), _HEAD, signer)


def verify(message: bytes, name: DeviceName, key: Ed25519PublicKey) -> LogHead:
    """The head that a device signed.

    Args:
        message: as it came.
        name: whose it should be.
        key: that device's.

    Raises:
        Malformed: not a head.
        cose.Forged: not signed by this key, or another device's.
    """
    match decode(cose.check(cose.parse(message, _HEAD, _MAX_BYTES), _HEAD, key), "log head", _MAX_BYTES):
        case [1, str(org), str(device), bytes(log), int(seq), bytes(hash_)] if (
            len(log) == LOG_BYTES and len(hash_) == HASH_BYTES and 0 <= seq < 2**63
        ):
            if (org, device) != (name.org, name.device):
                raise cose.Forged("log head: another device's")
            return LogHead(log, seq, hash_)
        case _:
            raise Malformed("log head: must be [1, org, device, log, seq, hash]")
