"""How `gate.toml` is read: the whole of it is checked, with what is set from afar on top, and all problems are reported at once.

Each with file, key, value and what is allowed. What may stand there is in `settings`.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_type_hints

from edge_agent.device import overlay
from edge_agent.device.settings import (
    SECTIONS,
    AgentSettings,
    ConfigError,
    DeviceSettings,
    GateSettings,
    InputSettings,
    LaneSettings,
    OutboxSettings,
    Settings,
    StationSettings,
    VehicleSettings,
    allowed,
)
from edge_agent.wire import config_text

log = logging.getLogger(__name__)
Section = TypeVar("Section")
_HOST_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


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
