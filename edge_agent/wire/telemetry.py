"""What a scanner tells of itself every half minute: counters and states, never a person. Both ends speak it; its JSON Schema is made here.

What a device does not know it leaves out. What a later release adds, an earlier one passes over, so that `v` changes only when a field
changes its meaning. Published as hw_docs/schemas/telemetry.v1.json.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from edge_agent.wire.cbor import Malformed

VERSION: Final = 1
MAX_BYTES = 4096  # beyond it the province does not even read
_COUNT_MOST = 2**53 - 1  # what every JSON reader keeps exactly

Count = Annotated[int, Meta(ge=0, le=_COUNT_MOST)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Milliseconds = Annotated[float, Meta(ge=0, le=3_600_000)]
Word = Annotated[str, Meta(max_length=40, pattern=r"^[a-z0-9][a-z0-9_-]*$", description="one of our own words, such as an answer's kind")]
Name = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$", description="a lane's name, as configured")]
Text = Annotated[str, Meta(max_length=80, pattern="^[ -~]*$")]  # it is shown in terminals: no control characters
Hex16 = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]
State = Literal["opening", "working", "fault", "ended"]
Clock = Literal["synchronised", "rtc", "unknown"]


class Versions(Struct, frozen=True, omit_defaults=True):
    """What runs on the device.

    architecture: as Debian names it; with `python`, its minor version, it says which releases are for the device.
    """

    software: Text
    system: Text = ""
    board: Text = ""
    architecture: Text = ""
    python: Text = ""


class Cpu(Struct, frozen=True, omit_defaults=True):
    """The processor: how busy since the telemetry before, and how warm."""

    busy_percent: Percent | None = None
    temperature_c: Annotated[float, Meta(ge=-60, le=200)] | None = None


class Power(Struct, frozen=True, omit_defaults=True):
    """Supply and heat, in the words of drivers.raspberry_pi: of now, and of any time since the board started."""

    now: Annotated[list[Text], Meta(max_length=8)] = []
    since_start: Annotated[list[Text], Meta(max_length=8)] = []


class Memory(Struct, frozen=True):
    """Megabytes; `agent_mb` is what gate-agent holds."""

    total_mb: Count
    available_mb: Count
    agent_mb: Count


class Disk(Struct, frozen=True, omit_defaults=True):
    """The disk of the outbox, and what it tells of its age; see drivers.board_health."""

    total_mb: Count
    free_mb: Count
    written_gb: Annotated[float, Meta(ge=0, le=1e9)] | None = None
    errors: Count | None = None
    life_used_percent: Annotated[int, Meta(ge=0, le=110)] | None = None
    spare_used: Literal["normal", "warning", "urgent"] | None = None


class Network(Struct, frozen=True, omit_defaults=True):
    """How the device reaches the world."""

    kind: Literal["ethernet", "wifi", "mobile", "other", "none"]
    signal_dbm: Annotated[int, Meta(ge=-150, le=0)] | None = None


class Outbox(Struct, frozen=True):
    """What waits for its receipt, and how full the room for it is."""

    waiting: Count
    bytes: Count
    oldest_age_s: Count
    full_percent: Percent


class Log(Struct, frozen=True, omit_defaults=True):
    """The head of the device's log.

    Attributes:
        signed: base64 of a `log_head`, by which a cut tail shows; missing while the key is away.
        entries_today: numbered since 00:00 of Vietnam, notes such as `boot` included; missing without a clock.
    """

    id: Hex16
    seq: Count
    signed: Annotated[str, Meta(max_length=600)] = ""
    entries_today: Count | None = None


class Source(Struct, frozen=True, omit_defaults=True):
    """A lane's camera or reader; rates and times are a camera's, of the time since the telemetry before and of the last looks."""

    state: State
    frames_per_s: Annotated[float, Meta(ge=0, le=1000)] | None = None
    decode_p50_ms: Milliseconds | None = None
    decode_p95_ms: Milliseconds | None = None
    reopened: Count = 0


class Presence(Struct, frozen=True, omit_defaults=True):
    """Passages since the last reset, and who of them is inside; see firmware.presence.Counts."""

    inside: Count = 0
    came: Count = 0
    went: Count = 0
    went_unseen: Count = 0
    inferred_in: Count = 0
    inferred_out: Count = 0


class Position(Struct, frozen=True):
    """Where a vehicle is, to 200 m."""

    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]


Counts = Annotated[dict[Word, Count], Meta(max_length=48)]


class Telemetry(Struct, frozen=True, omit_defaults=True):
    """A device's health at one moment.

    Attributes:
        v: of the schema.
        at_ms: the device's wall time, milliseconds since 1970 UTC; as far as `clock` says.
        period_s: the next telemetry comes at the latest after about so many seconds.
        boot_id: the kernel's, of this start; `started_by` as drivers.board_health says.
        gate: as firmware tells it; `down` when firmware does not answer.
        answers: how often each answer was given since firmware started.
        faults: parts beside the sources (lights, contacts, position) that do not work now.
        link: what the agent has counted since it started.
        reader_tested_s: seconds of the last hour in which a lane's reader was under test, and recorded nobody.
        restarts: why services have ended since the board started: `agent_watchdog`, `firmware_signal` and the like.
        certificate_days: whole days until the device's certificate ends, negative after.
    """

    v: Literal[1]
    at_ms: Count
    clock: Clock
    boot_id: Hex16
    uptime_s: Count
    versions: Versions
    period_s: Annotated[int, Meta(ge=1, le=86_400)]
    gate: Literal["open", "closed", "out-of-hours", "not-enrolled", "down"]
    started_by: Literal["power-on", "reset"] | None = None
    cpu: Cpu = Cpu()
    power: Power = Power()
    memory: Memory | None = None
    disk: Disk | None = None
    network: Network | None = None
    outbox: Outbox | None = None
    log: Log | None = None
    answers: Counts = {}
    sources: Annotated[dict[Name, Source], Meta(max_length=16)] = {}
    faults: Count = 0
    presence: Presence | None = None
    position: Position | None = None
    certificate_days: Annotated[int, Meta(ge=-100_000, le=100_000)] | None = None
    reader_tested_s: Annotated[int, Meta(ge=0, le=3600)] = 0
    restarts: Counts = {}
    link: Counts = {}


class Status(Struct, frozen=True, omit_defaults=True):
    """The retained birth and last will.

    Attributes:
        reason: why offline: `stopped` in good order, `lost` when the broker missed us.
        returning: offline: the device itself says so before it connects anew, and means to be back at once.
        since_ms: online: the device's wall time of this connection.
        software: the release that runs.
    """

    v: Literal[1]
    state: Literal["online", "offline"]
    reason: Literal["stopped", "lost"] | None = None
    since_ms: Count | None = None
    software: Text = ""
    returning: bool = False


_ENCODER = msgspec.json.Encoder()
_TELEMETRY = msgspec.json.Decoder(Telemetry)
_STATUS = msgspec.json.Decoder(Status)


def encode(message: Telemetry | Status) -> bytes:
    """A message's JSON."""
    return _ENCODER.encode(message)


def _decode(decoder: msgspec.json.Decoder[Any], payload: bytes, what: str) -> Any:
    if len(payload) > MAX_BYTES:
        raise Malformed(f"{what}: {len(payload)} bytes, at most {MAX_BYTES}")
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _said, found, place = str(error).partition(" - at ")  # what comes before may quote the value
        raise Malformed(f"{what}: not as its schema says at {place}" if found else f"{what}: not the JSON object it should be") from None


def decode(payload: bytes) -> Telemetry:
    """Telemetry from its JSON, every field within its bounds.

    Raises:
        Malformed: it is none; the message names the field, not its value.
    """
    told: Telemetry = _decode(_TELEMETRY, payload, "telemetry")
    return told


def decode_status(payload: bytes) -> Status:
    """A birth or last will from its JSON.

    Raises:
        Malformed: it is none.
    """
    told: Status = _decode(_STATUS, payload, "status")
    return told


def schema(kind: type[Struct]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a message."""
    made = msgspec.json.schema(kind)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"gate-scanner {kind.__name__.lower()} v{VERSION}", **made}
