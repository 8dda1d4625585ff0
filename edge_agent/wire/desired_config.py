"""The configuration that an operator wants a device to have: signed, counted, retained on its topic `config/desired`.

It says only what shall differ from the device's own gate.toml, and replaces all that was wanted before. Source: design.md "MQTT"; the bytes
are in hw_docs/protocol.md "Desired configuration".
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.wire import authority, cose
from edge_agent.wire.authority import Officer, Power
from edge_agent.wire.cbor import Malformed, decode, encode
from edge_agent.wire.fields import Fields
from edge_agent.wire.topics import DeviceName

CONFIG = cose.MessageType("application/vnd.gate-scanner.config+cbor", b"gate-scanner/v1/config", certified=True)
MAX_CONFIG_BYTES = 16 * 1024
MOST_CHARACTERS = 8_000
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Desired:
    """A configuration for one device.

    Attributes:
        target: the device.
        counter: above that of every configuration for it before.
        text: TOML, as in gate.toml; `-` for nothing but gate.toml.
    """

    target: DeviceName
    counter: int
    text: str


def issue(desired: Desired, officer: Officer) -> bytes:
    """Signs it."""
    return officer.sign(encode({1: _VERSION, 2: desired.target.org, 3: desired.target.device, 4: desired.counter, 5: desired.text}), CONFIG)


def verify(
    message: bytes,
    root: Ed25519PublicKey,
    name: DeviceName,
    now_ms: int | None = None,
    not_before_ms: int = 0,
    revoked: Collection[str] = frozenset(),
) -> Desired:
    """Checks who signed it, that their key counts still (`revoked`: ids in hex), and that it is for this device.

    Raises:
        Malformed: not a configuration.
        cose.Forged: not by a key for it, or for another device.
    """
    payload, certificate = authority.verify_signer_of(message, CONFIG, (Power.CONFIGURE,), root, MAX_CONFIG_BYTES, now_ms, not_before_ms)
    if cose.key_id(certificate.public_key).hex() in revoked:
        raise cose.Forged("configuration: its signer was revoked")
    fields = Fields(decode(payload, "configuration", MAX_CONFIG_BYTES), "configuration")
    fields.number(1, "version", _VERSION, _VERSION)
    try:
        target = DeviceName(fields.text(2, "org", 40), fields.text(3, "device", 40))
    except ValueError as error:
        raise Malformed(f"configuration: {error}") from None
    if target != name:
        raise cose.Forged("configuration: for another device")
    if certificate.org not in {None, name.org}:
        raise cose.Forged("configuration: its signer is for another organisation's devices")
    return Desired(target, fields.number(4, "counter", 1), fields.text(5, "text", MOST_CHARACTERS))
