"""What one passage's record says: the clear header that everyone may check, and the body that only the province may read.

Source: design.md "Entry, sealed entry, receipt". Both are deterministic CBOR maps with small integer keys; `hw_docs/protocol.md`
lists them and `tests/edge_agent/vectors.json` pins their bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from edge_agent.wire.cbor import Malformed, decode, encode
from edge_agent.wire.fields import INT64_MAX, Fields
from edge_agent.wire.topics import DeviceName

VERSION = 1
LOG_BYTES = BOOT_BYTES = 16
HASH_BYTES = 32
NO_PREVIOUS = bytes(HASH_BYTES)
NAME_CHARACTERS = 100
MAX_HEADER_BYTES = 1536  # every header whose fields keep to their bounds fits, also with names in 4-byte characters


class UnknownVersion(Malformed):
    """Written by a newer device than this receiver understands."""


class Kind(StrEnum):
    """What an entry records. Only a passage is about a person."""

    PASSAGE = "passage"
    BOOT = "boot"  # the first entry of each start of the firmware
    CLOCK = "clock"  # the clock became known: corrects earlier entries of the same boot
    SALVAGE = "salvage"  # a damaged outbox was set aside; what was kept of it
    EVENT = "event"  # something happened at the gate: a trip begins or ends, a case is opened, power goes
    CLOSE = "close"  # the firmware ended on purpose: nothing was recorded from here to the next `boot` entry


class Clock(StrEnum):
    """How far the wall time may be trusted."""

    SYNCHRONISED = "synchronised"
    RTC = "rtc"
    UNKNOWN = "unknown"


class Direction(StrEnum):
    """Vào or ra."""

    IN = "in"
    OUT = "out"


class Known(StrEnum):
    """How the direction is known."""

    LANE = "lane"
    BUTTON = "button"
    INFERRED = "inferred"


class Method(StrEnum):
    """How the person's code came in."""

    CAMERA = "camera"
    SERIAL = "serial"
    HID = "hid"
    PAPER = "paper"
    SELF = "self"  # no code: typed by the visitor on the check-in page, checked by nobody


@dataclass(frozen=True, slots=True)
class LogHead:
    """The last entry of a log: its log, number and hash."""

    log: bytes
    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """The clear, authenticated part of an entry.

    Attributes:
        name: organisation and device.
        site: which place, as registered.
        gate: which door of it.
        log: 16 random bytes, new with each outbox.
        seq: 1, 2, 3 … within the log.
        prev: SHA-256 of the log's previous envelope, zeros for the first.
        kind: what is recorded.
        boot: 16 bytes, the kernel's boot id.
        wall_ms: wall time, milliseconds since 1970-01-01 UTC, as far as known.
        boottime_ms: CLOCK_BOOTTIME in milliseconds: right within a boot even when wall time is not.
        clock: how far wall_ms may be trusted.
        key_id: which sealing key closes the body.
        predecessor: in a log's first entry, the head of the device's log before it, if known.
    """

    name: DeviceName
    site: str
    gate: str
    log: bytes
    seq: int
    prev: bytes
    kind: Kind
    boot: bytes
    wall_ms: int
    boottime_ms: int
    clock: Clock
    key_id: str
    predecessor: LogHead | None = None


@dataclass(frozen=True, slots=True)
class RecordedPerson:
    """Who passed, as their code claims. Its repr shows nothing."""

    scheme: str = field(repr=False)
    id_number: str = field(repr=False)
    name: str = field(repr=False)
    old_id: str | None = field(default=None, repr=False)
    birth_date: str | None = field(default=None, repr=False)
    sex: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    card_number: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a vehicle was: degrees × 10⁷ (WGS 84), north and east positive."""

    latitude_e7: int
    longitude_e7: int


@dataclass(frozen=True, slots=True)
class Passage:
    """The body of a passage."""

    person: RecordedPerson
    direction: Direction
    known: Known
    method: Method
    trip: str | None = None
    position: Position | None = None
    health: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """The body of every other kind: plain facts about the device, never about a person."""

    facts: Mapping[str, str | int]


Body: TypeAlias = Passage | Note
_MAX_WARNINGS = 16
_MAX_FACTS = 32


def encode_header(header: Header) -> bytes:
    """The header's bytes."""
    fields: dict[int, object] = {
        1: VERSION, 2: header.name.org, 3: header.name.device, 4: header.site, 5: header.gate, 6: header.log, 7: header.seq,
        8: header.prev, 9: str(header.kind), 10: header.boot, 11: header.wall_ms, 12: header.boottime_ms, 13: str(header.clock),
        14: header.key_id,
    }  # fmt: skip
    if header.predecessor is not None:
        fields[15] = [header.predecessor.log, header.predecessor.seq, header.predecessor.hash]
    return encode(fields)


def _predecessor(value: object) -> LogHead:
    match value:
        case [bytes(log), int(seq), bytes(digest)] if len(log) == LOG_BYTES and len(digest) == HASH_BYTES:
            if type(seq) is int and 0 <= seq <= INT64_MAX:
                return LogHead(log, seq, digest)
    raise Malformed("header: field 'predecessor' must be [log, seq, hash]")


def decode_header(data: bytes) -> Header:
    """The header from its bytes.

    Raises:
        UnknownVersion: of a version this code does not know.
        Malformed: not a header.
    """
    fields = Fields(decode(data, "header", MAX_HEADER_BYTES), "header")
    if (version := fields.number(1, "version")) != VERSION:
        raise UnknownVersion(f"header: version {version}, this receiver knows {VERSION}")
    try:
        name = DeviceName(fields.text(2, "org", 40), fields.text(3, "device", 40))
    except ValueError as error:
        raise Malformed(f"header: {error}") from None
    return Header(
        name=name,
        site=fields.text(4, "site", NAME_CHARACTERS),
        gate=fields.text(5, "gate", NAME_CHARACTERS),
        log=fields.octets(6, "log", LOG_BYTES),
        seq=fields.number(7, "seq", least=1),
        prev=fields.octets(8, "prev", HASH_BYTES),
        kind=fields.choice(9, "kind", Kind),
        boot=fields.octets(10, "boot", BOOT_BYTES),
        wall_ms=fields.number(11, "wall_ms"),
        boottime_ms=fields.number(12, "boottime_ms"),
        clock=fields.choice(13, "clock", Clock),
        key_id=fields.text(14, "key_id", 64),
        predecessor=_predecessor(fields.value(15)) if 15 in fields else None,
    )


def _encode_person(person: RecordedPerson) -> dict[int, object]:
    values = (
        person.scheme, person.id_number, person.old_id, person.name, person.birth_date, person.sex, person.phone, person.card_number,
    )  # fmt: skip
    return {key: value for key, value in enumerate(values, start=1) if value is not None}


def _decode_person(value: object) -> RecordedPerson:
    fields = Fields(value, "person")
    return RecordedPerson(
        scheme=fields.text(1, "scheme", 20),
        id_number=fields.text(2, "id_number", 40),
        old_id=fields.optional_text(3, "old_id", 40),
        name=fields.text(4, "name", 200),
        birth_date=fields.optional_text(5, "birth_date", 20),
        sex=fields.optional_text(6, "sex", 10),
        phone=fields.optional_text(7, "phone", 30),
        card_number=fields.optional_text(8, "card_number", 40),
    )


def encode_body(body: Body) -> bytes:
    """The body's bytes, before padding and sealing."""
    if isinstance(body, Note):
        return encode({1: dict(body.facts)})
    fields: dict[int, object] = {2: _encode_person(body.person), 3: str(body.direction), 4: str(body.known), 5: str(body.method)}
    if body.trip is not None:
        fields[6] = body.trip
    if body.position is not None:
        fields[7] = [body.position.latitude_e7, body.position.longitude_e7]
    if body.health is not None:
        fields[8] = body.health
    if body.warnings:
        fields[9] = list(body.warnings)
    return encode(fields)


def _decode_note(fields: Fields) -> Note:
    facts = fields.value(1)
    if not isinstance(facts, dict) or len(facts) > _MAX_FACTS:
        raise Malformed("body: field 'facts' must be a small map")
    for key, value in facts.items():
        if not isinstance(key, str) or not (isinstance(value, str) or (type(value) is int and abs(value) <= INT64_MAX)):
            raise Malformed("body: facts are texts and whole numbers by name")
    return Note(facts)


def _decode_position(value: object) -> Position:
    match value:
        case [int(latitude), int(longitude)] if abs(latitude) <= 90 * 10**7 and abs(longitude) <= 180 * 10**7:
            if type(latitude) is type(longitude) is int:  # true and false are numbers to Python
                return Position(latitude, longitude)
    raise Malformed("body: field 'position' must be [latitude, longitude] in degrees × 10⁷")


def decode_body(kind: Kind, data: bytes) -> Body:
    """The body of an entry of this kind.

    Raises:
        Malformed: not such a body.
    """
    fields = Fields(decode(data, "body"), "body")
    if kind is not Kind.PASSAGE:
        return _decode_note(fields)
    warnings = fields.items(9, "warnings", _MAX_WARNINGS) if 9 in fields else []
    if not all(isinstance(warning, str) for warning in warnings):
        raise Malformed("body: field 'warnings' must hold texts")
    return Passage(
        person=_decode_person(fields.value(2)),
        direction=fields.choice(3, "direction", Direction),
        known=fields.choice(4, "known", Known),
        method=fields.choice(5, "method", Method),
        trip=fields.optional_text(6, "trip", NAME_CHARACTERS),
        position=_decode_position(fields.value(7)) if 7 in fields else None,
        health=fields.optional_text(8, "health", 40),
        warnings=tuple(str(warning) for warning in warnings),
    )
