"""The one configuration file of a scanner, `gate.toml`: what it may say; `settings_file` reads it.

Each section is a frozen dataclass below; a field's metadata says what is allowed and what it is for, and the config reference
in hw_docs is generated from it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from edge_agent.base.trouble import Misconfigured

log = logging.getLogger(__name__)
DEFAULT_PATH = Path("/etc/gate-scanner/gate.toml")
Section = TypeVar("Section")
_HOST_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


class ConfigError(Misconfigured):
    """The configuration cannot be used; the message lists every problem, one a line."""


def setting(
    doc: str, default: Any = MISSING, *, least: float | None = None, most: float | None = None, choices: tuple[str, ...] = ()
) -> Any:
    """A field of a section: its meaning, its default (none: it must be given) and its bounds."""
    return field(default=default, metadata={"doc": doc, "least": least, "most": most, "choices": choices})


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """Where this scanner keeps what it must not lose, and what it may."""

    state: Path = setting("folder of outbox, identity and documents: survives power cuts", Path("/var/lib/gate-scanner"))
    runtime: Path = setting("folder of the control socket: in memory, gone at power-off", Path("/run/gate-scanner"))
    clock: str = setting(
        "`auto`: wall time is trusted when the kernel says it is synchronised or came from an RTC; "
        "`system`: always trusted (servers, demonstrations)",
        "auto",
        choices=("auto", "system"),
    )
    memory: bool = setting(
        "the state folder may lie in memory, where all that was recorded is lost at power-off: for demonstrations and tests. "
        "Otherwise such a gate stays shut",
        False,
    )


@dataclass(frozen=True, slots=True)
class GateSettings:
    """How the gate answers."""

    indicator: str = setting("light and buzzer, a driver URL", "console:")
    display: str = setting("small display with the answer in words, a driver URL; empty: none", "")
    repeat_s: float = setting(
        "the same person again in the same direction within so many seconds, and not the other way between, is not recorded again",
        30.0,
        least=1,
        most=3600,
    )
    held_s: float = setting(
        "a code unseen at its lane for so many seconds counts as taken away; until then it has one answer", 1.5, least=0.5, most=10
    )
    opening_hours: str = setting(
        "when people may come in, Vietnam time, such as `mo-fr 05:00-19:00; sa,su 06:00-12:00` or `mo-su 22:00-04:00`; empty: always. "
        "Whoever goes out is recorded at any time, and a gate that does not know the time is open",
        "",
    )
    quiet_hours: str = setting("when no buzzer sounds, written like opening_hours: `mo-su 21:00-05:00`; light and rhythm stay", "")
    presence_reset: str = setting("the time of day, Vietnam time, at which the count of those inside begins anew, or `never`", "00:00")
    button_s: float = setting("a direction button counts for codes read within so many seconds after it", 10.0, least=1, most=600)
    anti_passback: str = setting(
        "somebody who comes in twice without going out: `off`; `timed`: refused for `passback_s`, then recorded with a warning; `hard`: "
        "refused. With it a repeat is one within 5 seconds at most, whatever `repeat_s` says. It needs a lane that can "
        "say out, and none that guesses: no `alternate`, no `button_in` and `button_out` at one lane",
        "off",
        choices=("off", "timed", "hard"),
    )
    passback_s: float = setting("how long `timed` anti-passback refuses", 900.0, least=10, most=86400)
    keeper_button: str = setting(
        "the part whose press lets the next person in within 30 seconds, closed gate or anti-passback notwithstanding: recorded, with the "
        "warning `keeper`",
        "",
    )
    health_pass: str = setting(
        "health passes of those who come in: `off`; `asked`: what is shown is recorded; `required`: without a valid one they are "
        "recorded with amber light, for the keeper to look",
        "off",
        choices=("off", "asked", "required"),
    )
    pass_s: float = setting("a pass and its holder's code belong together within so many seconds", 20.0, least=2, most=300)
    trust_list: str = setting("a file: who may sign health passes; needed unless `health_pass` is `off`", "")


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """One way through the gate: a direction, and what reads there."""

    name: str = setting("its name in messages")
    direction: str = setting(
        "`in` (vào), `out` (ra); `button`: said with a button; `alternate`: the other way than the person's last time, recorded as "
        "inferred and not counted",
        choices=("in", "out", "button", "alternate"),
    )
    camera: str = setting("a camera, a driver URL", "")
    reader: str = setting("a barcode reader, a driver URL", "")
    indicator: str = setting("light and buzzer of this lane, a driver URL; empty: the gate's", "")
    barrier: str = setting(
        "door, flap or turnstile that opens for whoever may pass, and again when they show their code again (coming in with anti-passback: "
        "only at the keeper's word), a driver URL; empty: none",
        "",
    )
    button_in: str = setting("for direction `button`: the part whose press says in; with this button alone, no press says out", "")
    button_out: str = setting("for direction `button`: the part whose press says out; with this button alone, no press says in", "")
    button_turn: str = setting("for direction `button`, instead of the two: each press turns the direction round; it begins with in", "")


@dataclass(frozen=True, slots=True)
class InputSettings:
    """A contact at the gate, and what it stands for."""

    name: str = setting("its name in messages")
    role: str = setting(
        "`direction`: a button that a lane's `button_…` names; `keeper`: the one of `gate.keeper_button`; `tamper` and `door` are told to "
        "the province; `scan`, a button or sensor, makes readers with `trigger=host` read; "
        "`setup`, a button inside the box, lets the gate obey an enrolment ticket for ten minutes; "
        "`ignition` begins and ends a vehicle's trips, `terminus` ends one; "
        "`power-fail`, active while a reserve supplies the gate, closes it cleanly",
        choices=("direction", "keeper", "scan", "setup", "tamper", "door", "ignition", "terminus", "power-fail"),
    )
    switch: str = setting("the contact, a driver URL")


@dataclass(frozen=True, slots=True)
class VehicleSettings:
    """For buses, boats and other vehicles."""

    trips: bool = setting("whether passages belong to trips, which begin with the ignition or by command", False)
    linger_s: float = setting("a trip ends when the ignition has been off for so many seconds", 180.0, least=10, most=7200)
    position: str = setting("receiver of positions, a driver URL; empty: none", "")
    position_max_age_s: float = setting("a position older than so many seconds is not recorded", 15.0, least=1, most=600)


@dataclass(frozen=True, slots=True)
class OutboxSettings:
    """How much the scanner keeps while the province is out of reach."""

    capacity_mb: int = setting(
        "sealed megabytes that may wait (about 500 entries each); beyond it scans are refused", 1024, least=1, most=1_000_000
    )
    keep_free_mb: int = setting("megabytes left free on the disk for the system itself", 64, least=0, most=1_000_000)
    note_percent: int = setting("the amber note comes on when the outbox is fuller than this", 80, least=1, most=99)


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """How entries are carried to the province."""

    window: int = setting("entries sent and not yet receipted at most", 400, least=1, most=1000)  # two of the collector's batches
    receipt_timeout_s: float = setting(
        "an entry without a receipt for so long is sent again; doubles up to ten minutes", 20.0, least=0.5, most=600
    )
    keepalive_s: int = setting("the broker and this device miss each other within one and a half times this", 30, least=5, most=3600)
    telemetry_s: float = setting(
        "the device's health is told so often when nothing changes, and within 5 seconds when something does; about 1.5 kB each time",
        30.0,
        least=5,
        most=3600,
    )
    prometheus_port: int = setting(
        "the same health for Prometheus at http://127.0.0.1:PORT/metrics, on this device alone; 0: not at all", 0, least=0, most=65535
    )


@dataclass(frozen=True, slots=True)
class StationSettings:
    """The station page: what the keeper's phone sees of this scanner on the site's network; people without a code are declared there."""

    enabled: bool = setting("whether there is one; then `gate-agent station pin` makes the keeper's PIN", False)
    name: str = setting(
        "its name in the local network, `NAME.local`: small letters, digits and hyphens, each scanner of a site its own; empty: "
        "`gate-` and four signs of the device's own",
        "",
    )
    listen: str = setting(
        "IPv4 address of this machine to answer at; `0.0.0.0`: at each. Private and link-local addresses alone are answered",
        "0.0.0.0",  # noqa: S104 - the listener keeps to private addresses
    )
    port: int = setting("TCP port", 8443, least=1024, most=65535)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything `gate.toml` says.

    Attributes:
        source: the file it came from, for messages.
        overlay: tells what was set from afar on top of it; empty for nothing. See `overlay.mark`.
        overlay_seen: the same of what was wanted, which is left out where it does not suit the file.
    """

    source: Path
    device: DeviceSettings
    gate: GateSettings
    outbox: OutboxSettings
    agent: AgentSettings
    lanes: tuple[LaneSettings, ...]
    inputs: tuple[InputSettings, ...] = ()
    vehicle: VehicleSettings = VehicleSettings()
    station: StationSettings = StationSettings()
    overlay: str = ""
    overlay_seen: str = ""


SECTIONS: Mapping[str, type[Any]] = {
    "device": DeviceSettings,
    "gate": GateSettings,
    "outbox": OutboxSettings,
    "agent": AgentSettings,
    "vehicle": VehicleSettings,
    "station": StationSettings,
    "lane": LaneSettings,
    "input": InputSettings,
}
_WANTED = {bool: "true or false", str: "text", Path: "text (a path)", int: "a whole number", float: "a number"}


def allowed(kind: type, metadata: Mapping[str, Any]) -> str:
    """What a setting may be, in words.

    Example:
        >>> allowed(int, {"least": 1, "most": 9, "choices": ()})
        'a whole number from 1 to 9'
    """
    if metadata["choices"]:
        return " or ".join(f'"{choice}"' for choice in metadata["choices"])
    bounds = f" from {metadata['least']:g} to {metadata['most']:g}" if metadata["least"] is not None else ""
    return _WANTED[kind] + bounds
