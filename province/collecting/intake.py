"""Checks what came in at the broker: a believable entry of a known device, or a refusal with its reason. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.wire import cose, envelope, topics
from edge_agent.wire.cbor import Malformed, decode
from edge_agent.wire.entry import HASH_BYTES, LOG_BYTES, MAX_HEADER_BYTES, Header, UnknownVersion
from edge_agent.wire.fields import Fields
from edge_agent.wire.receipt import Status
from edge_agent.wire.topics import DeviceName
from province.collecting.fate import Fate, Held, decide
from province.keys.day_keys import DayKeys
from province.keys.keystore import Absent
from province.registry import devices


class Reason(StrEnum):
    """Why a message was refused; it goes to quarantine and gets no receipt."""

    NOT_AN_ENTRY_TOPIC = "not-an-entry-topic"
    OVERSIZE = "oversize"
    UNKNOWN_DEVICE = "unknown-device"
    DEVICE_NOT_ACTIVE = "device-not-active"
    MALFORMED = "malformed"
    FORGED = "forged"
    ANOTHER_DEVICE = "another-device"
    INTERNAL_ERROR = "internal-error"


class _Refusal(Exception):
    """Ends the examination of a message."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Refused:
    """A message nobody may believe.

    Attributes:
        detail: for the operator; never a person's data.
    """

    topic: str
    payload: bytes = field(repr=False)
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Taken:
    """An entry whose signature holds.

    Attributes:
        header: None when its version is newer than ours; then only the identity beside it is known.
        envelope: as received.
    """

    name: DeviceName
    log: bytes
    seq: int
    prev: bytes
    hash: bytes
    header: Header | None
    envelope: bytes = field(repr=False)
    fate: Fate = field(repr=False)


class Intake:
    """Checks messages.

    Args:
        device_of: finds a registered device.
        keys_of: finds a day's keys, or says why there are none.
        arrived_ms: when the messages came, milliseconds since 1970 UTC.
    """

    def __init__(
        self,
        device_of: Callable[[DeviceName], devices.Device | None],
        keys_of: Callable[[str], DayKeys | Absent],
        arrived_ms: int,
    ) -> None:
        self._device_of = device_of
        self._keys_of = keys_of
        self._arrived_ms = arrived_ms

    def examine(self, topic: str, payload: bytes) -> Taken | Refused:
        """Checks one message; topic, header and registered key must agree.

        Raises:
            KeystoreAway, RegisterBusy: it cannot be told now; ask again later.
        """
        try:
            name, key = self._sender(topic)
            taken = self._take(payload, key)
        except _Refusal as refusal:
            return Refused(topic, payload, refusal.reason, str(refusal))
        except Malformed as error:
            return Refused(topic, payload, Reason.MALFORMED, str(error))
        except cose.Forged as error:
            return Refused(topic, payload, Reason.FORGED, str(error))
        if taken.name != name:
            return Refused(topic, payload, Reason.ANOTHER_DEVICE, "the header names another device than the topic")
        return taken

    def _sender(self, topic: str) -> tuple[DeviceName, Ed25519PublicKey]:
        parsed = topics.parse(topic)
        if parsed is None or parsed[1] is not topics.Leaf.ENTRIES:
            raise _Refusal(Reason.NOT_AN_ENTRY_TOPIC, "no device writes entries here")
        device = self._device_of(parsed[0])
        if device is None:
            raise _Refusal(Reason.UNKNOWN_DEVICE, "not registered: gate-province device add")
        if device.status != devices.ACTIVE:
            raise _Refusal(Reason.DEVICE_NOT_ACTIVE, f"its status is {device.status}")
        return device.name, device.public_key

    def _take(self, payload: bytes, key: Ed25519PublicKey) -> Taken:
        if len(payload) > envelope.MAX_ENVELOPE_BYTES:
            raise _Refusal(Reason.OVERSIZE, f"at most {envelope.MAX_ENVELOPE_BYTES} bytes are allowed")
        try:
            entry = envelope.verify(payload, key)
        except UnknownVersion:
            return _newer(payload, key)
        header = entry.header
        fate = decide(entry, self._keys_of, self._arrived_ms)
        return Taken(header.name, header.log, header.seq, header.prev, entry.hash, header, payload, fate)


def _newer(payload: bytes, key: Ed25519PublicKey) -> Taken:
    """Takes only the identity of an entry of a newer version: fields 2, 3, 6, 7 and 8 keep their meaning in every version.

    Raises:
        Malformed, cose.Forged: not even that can be believed.
    """
    signed = cose.check(cose.parse(payload, envelope.ENTRY, envelope.MAX_ENVELOPE_BYTES), envelope.ENTRY, key)
    match decode(signed, "entry", envelope.MAX_ENVELOPE_BYTES):
        case [bytes(header_bytes), *_]:
            fields = Fields(decode(header_bytes, "header", MAX_HEADER_BYTES), "header of a newer version")
        case _:
            raise Malformed("entry of a newer version: must begin with header bytes")
    try:
        name = DeviceName(fields.text(2, "org", 40), fields.text(3, "device", 40))
    except ValueError as error:
        raise Malformed(f"header of a newer version: {error}") from None
    return Taken(
        name=name,
        log=fields.octets(6, "log", LOG_BYTES),
        seq=fields.number(7, "seq", least=1),
        prev=fields.octets(8, "prev", HASH_BYTES),
        hash=envelope.envelope_hash(payload),
        header=None,
        envelope=payload,
        fate=Fate(Status.HELD, None, Held.NEWER_VERSION),
    )
