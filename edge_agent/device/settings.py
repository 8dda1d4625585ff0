"""The one configuration file of a scanner, `gate.toml`: what it may say, checked whole before anything starts.

Each section is a frozen dataclass below; a field's metadata says what is allowed and what it is for, and the config reference
in hw_docs is generated from it. All problems are reported at once, each with file, key, value and what is allowed.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_type_hints

from edge_agent.device import overlay
from edge_agent.wire import config_text

log = logging.getLogger(__name__)
DEFAULT_PATH = Path("/etc/gate-scanner/gate.toml")
Section = TypeVar("Section")
_HOST_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


class ConfigError(Exception):
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


def _convert(value: object, kind: type, metadata: Mapping[str, Any]) -> object:
    """The value as its type.

    Raises:
        ValueError: it is not allowed.
    """
    if kind is Path and isinstance(value, str) and value and "\0" not in value:
        return Path(value)
    if kind is float and type(value) is int:
        try:
            value = float(value)
        except OverflowError:
            raise ValueError from None
    if type(value) is not kind or (metadata["choices"] and value not in metadata["choices"]):
        raise ValueError
    if metadata["least"] is not None and not metadata["least"] <= value <= metadata["most"]:
        raise ValueError
    return value


def _read_section(kind: type[Section], table: object, where: str, problems: list[str], *, mend: bool = False) -> Section | None:
    """The section; when it is wrong None, or, to mend it, with defaults for what is wrong."""
    if not isinstance(table, dict):
        problems.append(f"{where}: must be a section")
        return None
    hints = get_type_hints(kind)
    known = {item.name: item for item in dataclasses.fields(kind)}  # type: ignore[arg-type]  # every section is a dataclass
    before = len(problems)
    problems.extend(f"{where}.{key}: not a setting; known are {', '.join(known)}" for key in table if key not in known)
    values: dict[str, object] = {}
    for name, item in known.items():
        if name not in table:
            if item.default is MISSING:
                problems.append(f"{where}.{name}: missing; allowed is {allowed(hints[name], item.metadata)}")
            continue
        try:
            values[name] = _convert(table[name], hints[name], item.metadata)
        except ValueError:
            problems.append(f"{where}.{name}: {table[name]!r} is not allowed; allowed is {allowed(hints[name], item.metadata)}")
    return None if len(problems) > before and not mend else kind(**values)


def _parse(path: Path) -> dict[str, Any]:
    try:
        return config_text.tables(path.read_text(encoding="utf-8"), path)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file. Copy systemd/gate.toml there, or name yours with --config FILE") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except config_text.BadText as error:
        raise ConfigError(str(error)) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None


class Understood(NamedTuple):
    """What could be read of a file, for further checks, so that all problems are told at once.

    In `gate` and `vehicle` a wrong value is the default instead; they are None when they are no sections. A wrong lane or input is left
    out.
    """

    gate: GateSettings | None
    vehicle: VehicleSettings | None
    lanes: Mapping[int, LaneSettings]
    inputs: Mapping[int, InputSettings]


def _read_list(kind: type[Section], tables: object, key: str, problems: list[str]) -> dict[int, Section]:
    if not isinstance(tables, list):
        problems.append(f"{key}: must be sections, each headed [[{key}]]")
        return {}
    read = ((place, _read_section(kind, table, f"{key}[{place}]", problems)) for place, table in enumerate(tables))
    return {place: section for place, section in read if section is not None}


def _name_problems(key: str, sections: Mapping[int, LaneSettings] | Mapping[int, InputSettings]) -> list[str]:
    problems: list[str] = []
    seen: set[str] = set()
    for place, section in sections.items():
        if section.name in seen:
            problems.append(f"{key}[{place}].name: {section.name!r} is used twice; allowed is a name of its own")
        seen.add(section.name)
    return problems


def _station_problems(station: StationSettings | None) -> list[str]:
    if station is None:
        return []
    problems = []
    if station.name and _HOST_NAME.fullmatch(station.name) is None:
        problems.append(f"station.name: {station.name!r} is not allowed; allowed is text, up to 63 of a-z, 0-9 and inner hyphens")
    try:
        IPv4Address(station.listen)
    except ValueError:
        problems.append(
            f"station.listen: {station.listen!r} is not allowed; allowed is text, an IPv4 address such as 0.0.0.0 or 192.168.1.7"
        )
    return problems


def _problems_between(read: Understood, told: Collection[str]) -> list[str]:
    problems = [
        f"lane[{place}]: name {lane.name!r} has neither camera nor reader, or both; give exactly one of them"
        for place, lane in read.lanes.items()
        if bool(lane.camera) == bool(lane.reader)
    ]
    problems += _name_problems("lane", read.lanes) + _name_problems("input", read.inputs)
    if read.vehicle is not None and not read.vehicle.trips and "vehicle.trips" not in told:
        problems += [
            f"input[{place}].role: {each.role!r} is not allowed without trips; set vehicle.trips = true"
            for place, each in read.inputs.items()
            if each.role in {"ignition", "terminus"}
        ]
    return problems


Also = Callable[[Understood], list[str]]


def load(path: Path, also: Also = lambda _read: []) -> Settings:
    """Reads and checks the configuration file, with what was set from afar on top of it.

    What was set from afar and does not suit the file (any more) is left out whole, which is logged: the file alone always works.

    Args:
        path: the file.
        also: further checks of what could be read; returns problems.

    Raises:
        ConfigError: with every problem found, each naming file, key, value and what is allowed.
    """
    tables = _parse(path)
    wanted = overlay.in_force(_device_of(tables).state)
    if not wanted:
        return _read(path, tables, also)
    try:
        return _overlaid(path, tables, wanted, also)
    except ConfigError as error:
        log.error("what was set from afar is left out: %s", error)  # noqa: TRY400 - a message for people
    return dataclasses.replace(_read(path, tables, also), overlay_seen=overlay.mark(wanted))


def try_overlay(path: Path, wanted: overlay.Tables, also: Also = lambda _read: []) -> Settings:
    """The configuration as it would be with this on top of the file; nothing is applied.

    Raises:
        ConfigError: with every problem found.
    """
    return _overlaid(path, _parse(path), wanted, also)


def parse_overlay(text: str) -> overlay.Tables:
    """Tables from what an operator sent; `-` is none.

    Raises:
        ConfigError: not TOML, or with values that nothing can be set to; each problem names the key.
    """
    try:
        return config_text.wanted(text, "from afar")
    except config_text.BadText as error:
        raise ConfigError(str(error)) from None


def _overlaid(path: Path, tables: dict[str, Any], wanted: overlay.Tables, also: Also) -> Settings:
    if problems := overlay.problems(wanted, overlay.lanes_of(tables)):
        raise ConfigError("\n".join(problems))
    return dataclasses.replace(_read(path, overlay.merged(tables, wanted), also), overlay=(mark := overlay.mark(wanted)), overlay_seen=mark)


def device_of(path: Path) -> DeviceSettings:
    """The section `device` as far as it can be read, whatever else may be wrong in the file; the defaults of what cannot."""
    try:
        return _device_of(_parse(path))
    except ConfigError:
        return DeviceSettings()


def _device_of(tables: dict[str, Any]) -> DeviceSettings:
    said = tables.get("device")
    table = said if isinstance(said, dict) else {}
    usual = DeviceSettings()
    return DeviceSettings(
        _folder(table.get("state"), usual.state),
        _folder(table.get("runtime"), usual.runtime),
        "system" if table.get("clock") == "system" else usual.clock,
    )


def _folder(said: object, usual: Path) -> Path:
    return Path(said) if isinstance(said, str) and said and "\0" not in said else usual


def _read(path: Path, tables: dict[str, Any], also: Also) -> Settings:
    problems = [f"{key}: not a section; known are {', '.join(SECTIONS)}" for key in tables if key not in SECTIONS]
    device = _read_section(DeviceSettings, tables.get("device", {}), "device", problems)
    gate = _read_section(GateSettings, tables.get("gate", {}), "gate", problems, mend=True)
    outbox = _read_section(OutboxSettings, tables.get("outbox", {}), "outbox", problems)
    agent = _read_section(AgentSettings, tables.get("agent", {}), "agent", problems)
    vehicle = _read_section(VehicleSettings, tables.get("vehicle", {}), "vehicle", problems, mend=True)
    station = _read_section(StationSettings, tables.get("station", {}), "station", problems, mend=True)
    problems += _station_problems(station)
    lane_tables = tables.get("lane")
    if not isinstance(lane_tables, list) or not lane_tables:
        problems.append("lane: at least one [[lane]] is needed, each with name, direction and a camera or reader")
        lane_tables = []
    lanes = _read_list(LaneSettings, lane_tables, "lane", problems)
    inputs = _read_list(InputSettings, tables.get("input", []), "input", problems)
    read = Understood(gate, vehicle, lanes, inputs)
    told = {problem.partition(":")[0] for problem in problems}
    problems += [problem for problem in (*_problems_between(read, told), *also(read)) if problem.partition(":")[0] not in told]
    if problems or device is None or gate is None or outbox is None or agent is None or vehicle is None or station is None:
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems))
    return Settings(path, device, gate, outbox, agent, tuple(lanes.values()), tuple(inputs.values()), vehicle, station)
