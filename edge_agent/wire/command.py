"""What an operator may order a device to do, as a signed message: whom, which log, until when, and the issuer's counter.

Source: design.md "Keys", "Time" and "MQTT"; the bytes are in hw_docs/protocol.md "Command". Each power has keys of its own, so that the key
with which somebody finds a scanner by its light can never restart or change one. A command is never retained.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.wire import authority, cose
from edge_agent.wire.authority import Officer, Power
from edge_agent.wire.cbor import Malformed, decode, encode
from edge_agent.wire.entry import LOG_BYTES
from edge_agent.wire.fields import Fields
from edge_agent.wire.topics import DeviceName

COMMAND = cose.MessageType("application/vnd.gate-scanner.command+cbor", b"gate-scanner/v1/command", certified=True)
MAX_COMMAND_BYTES = 8 * 1024
NONCE_BYTES = 16
LONGEST_LIFE_MS = 7 * 86_400_000
POWERS = (Power.IDENTIFY, Power.CONFIGURE, Power.UPDATE)
_VERSION = 1
_MOST_ARGUMENTS, _MOST_CHARACTERS = 8, 500


class Action(StrEnum):
    """What may be ordered."""

    IDENTIFY = "identify"  # show the light by which this device is found
    TEST_PATTERN = "test-pattern"  # every answer once; only on a closed gate
    OPEN = "open"
    CLOSE = "close"
    SETUP = "setup"  # obey an enrolment ticket for ten minutes
    SET_DIRECTION = "set-direction"  # of a lane: its name, then `in`, `out` or `alternate`
    RESTART_FIRMWARE = "restart-firmware"
    RESTART_AGENT = "restart-agent"
    RESTART_DEVICE = "restart-device"
    ROTATE_KEYS = "rotate-keys"  # another TLS key, and a certificate for it
    DIAGNOSTICS = "diagnostics"  # what helps to mend the device, sealed to the province
    UPDATE = "update"  # other software; its arguments belong to the updater


_HARMLESS = {Action.IDENTIFY, Action.TEST_PATTERN}
POWER_OF = {
    **dict.fromkeys(Action, Power.CONFIGURE), **dict.fromkeys(_HARMLESS, Power.IDENTIFY), Action.UPDATE: Power.UPDATE,
}  # fmt: skip
ARGUMENTS = {Action.SET_DIRECTION: (2, 2), Action.UPDATE: (1, _MOST_ARGUMENTS)}  # how many: at least, at most; none where not named


@dataclass(frozen=True, slots=True)
class Command:
    """One order.

    Attributes:
        target: the device.
        log: the log that it is believed to write now, 16 bytes: a device that was reset or cloned since does not obey.
        action: what to do; what this version does not know stays text.
        counter: above all that the same key has signed for this device before, from 1 on.
        issued_ms: milliseconds since 1970 UTC.
        expires_ms: the same; at most seven days later.
        arguments: what the action needs.
        nonce: 16 bytes that the device made at this boot, when it knows no time to judge the expiry by.
    """

    target: DeviceName
    log: bytes
    action: Action | str
    counter: int
    issued_ms: int
    expires_ms: int
    arguments: tuple[str, ...] = ()
    nonce: bytes | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """A command whose signature holds.

    Attributes:
        issuer: id of the key that signed it, hex: whose counter it is.
        power: what that key may do.
        org: the one organisation it may do it to; None for all.
        digest: SHA-256 of the signed bytes, hex: tells two commands of one counter apart.
    """

    command: Command
    issuer: str
    power: Power
    org: str | None
    digest: str


def suits(action: Action, arguments: tuple[str, ...]) -> bool:
    """Tells whether an action takes these arguments."""
    least, most = ARGUMENTS.get(action, (0, 0))
    return least <= len(arguments) <= most


def issue(command: Command, officer: Officer) -> bytes:
    """Signs a command with the key of its action's power.

    Raises:
        ValueError: its arguments do not suit the action, or it lives too long.
    """
    if isinstance(command.action, Action) and not suits(command.action, command.arguments):
        raise ValueError(f"{command.action} does not take {len(command.arguments)} arguments")
    if not 0 < command.expires_ms - command.issued_ms <= LONGEST_LIFE_MS:
        raise ValueError("a command ends after its beginning and within seven days")
    fields: dict[int, object] = {
        1: _VERSION, 2: command.target.org, 3: command.target.device, 4: command.log, 5: str(command.action), 6: command.counter,
        7: command.issued_ms, 8: command.expires_ms,
    }  # fmt: skip
    if command.arguments:
        fields[9] = list(command.arguments)
    if command.nonce is not None:
        fields[10] = command.nonce
    return officer.sign(encode(fields), COMMAND)


def verify(message: bytes, root: Ed25519PublicKey, now_ms: int | None = None, not_before_ms: int = 0) -> Signed:
    """Checks who signed a command; whether this device should obey it now is for the caller.

    Args:
        message: as received.
        root: the pinned root key.
        now_ms: trusted wall time, or None.
        not_before_ms: a signed lower bound of the time.

    Raises:
        Malformed: not a command.
        cose.Forged: not by a key that the root certified for commands.
    """
    payload, certificate = authority.verify_signer_of(message, COMMAND, POWERS, root, MAX_COMMAND_BYTES, now_ms, not_before_ms)
    issuer = cose.key_id(certificate.public_key).hex()
    return Signed(_decode(payload), issuer, certificate.power, certificate.org, sha256(payload).hexdigest())


def _decode(payload: bytes) -> Command:
    fields = Fields(decode(payload, "command", MAX_COMMAND_BYTES), "command")
    fields.number(1, "version", _VERSION, _VERSION)
    try:
        target = DeviceName(fields.text(2, "org", 40), fields.text(3, "device", 40))
    except ValueError as error:
        raise Malformed(f"command: {error}") from None
    word = fields.text(5, "action", 40)
    action = Action(word) if word in set(Action) else word
    issued_ms = fields.number(7, "issued_ms")
    return Command(
        target, fields.octets(4, "log", LOG_BYTES), action, fields.number(6, "counter", 1), issued_ms,
        fields.number(8, "expires_ms", issued_ms + 1, issued_ms + LONGEST_LIFE_MS), _texts(fields) if 9 in fields else (),
        fields.octets(10, "nonce", NONCE_BYTES) if 10 in fields else None,
    )  # fmt: skip


def _texts(fields: Fields) -> tuple[str, ...]:
    items = fields.items(9, "arguments", _MOST_ARGUMENTS)
    texts = tuple(item for item in items if isinstance(item, str) and 1 <= len(item) <= _MOST_CHARACTERS)
    if len(texts) != len(items) or not texts:
        raise Malformed(f"command: field 'arguments' must be texts of 1 to {_MOST_CHARACTERS} characters")
    return texts
