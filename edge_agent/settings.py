"""The one configuration file of a scanner, `gate.toml`: what it may say, checked whole before anything starts.

Each section is a frozen dataclass below; a field's metadata says what is allowed and what it is for, and the config reference
in hw_docs is generated from it. All problems are reported at once, each with file, key, value and what is allowed.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

DEFAULT_PATH = Path("/etc/gate-scanner/gate.toml")
Section = TypeVar("Section")


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


@dataclass(frozen=True, slots=True)
class GateSettings:
    """How the gate answers."""

    indicator: str = setting("light and buzzer, a driver URL", "console:")
    repeat_s: float = setting(
        "the same person again in the same direction within so many seconds is not recorded again", 30.0, least=1, most=3600
    )
    held_s: float = setting("a code unseen for so many seconds counts as taken away", 1.5, least=0.5, most=10)
    opening_hours: str = setting(
        "when people may come in, Vietnam time, such as `mo-fr 05:00-19:00; sa,su 06:00-12:00` or `mo-su 22:00-04:00`; empty: always. "
        "Whoever goes out is recorded at any time, and a gate that does not know the time is open",
        "",
    )
    presence_reset: str = setting("the time of day, Vietnam time, at which the count of those inside begins anew, or `never`", "00:00")
    button_s: float = setting("a direction button counts for codes read within so many seconds after it", 10.0, least=1, most=600)
    anti_passback: str = setting(
        "somebody who comes in twice without going out: `off`; `timed`: refused for `passback_s`, then recorded with a warning; `hard`: "
        "refused. With it a repeat is one within 5 seconds at most, whatever `repeat_s` says. It needs a lane that can say out",
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
    button_in: str = setting("for direction `button`: the part whose press says in; with this button alone, no press says out", "")
    button_out: str = setting("for direction `button`: the part whose press says out; with this button alone, no press says in", "")
    button_turn: str = setting("for direction `button`, instead of the two: each press turns the direction round; it begins with in", "")


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

    window: int = setting("entries sent and not yet receipted at most", 100, least=1, most=1000)
    receipt_timeout_s: float = setting(
        "an entry without a receipt for so long is sent again; doubles up to ten minutes", 20.0, least=0.5, most=600
    )
    keepalive_s: int = setting("the broker misses this device after one and a half times this", 30, least=5, most=3600)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything `gate.toml` says.

    Attributes:
        source: the file it came from, for messages.
    """

    source: Path
    device: DeviceSettings
    gate: GateSettings
    outbox: OutboxSettings
    agent: AgentSettings
    lanes: tuple[LaneSettings, ...]


SECTIONS: Mapping[str, type[Any]] = {
    "device": DeviceSettings,
    "gate": GateSettings,
    "outbox": OutboxSettings,
    "agent": AgentSettings,
    "lane": LaneSettings,
}
_WANTED = {str: "text", Path: "text (a path)", int: "a whole number", float: "a number"}


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
        value = float(value)
    if type(value) is not kind or (metadata["choices"] and value not in metadata["choices"]):
        raise ValueError
    if metadata["least"] is not None and not metadata["least"] <= value <= metadata["most"]:
        raise ValueError
    return value


def _read_section(kind: type[Section], table: object, where: str, problems: list[str]) -> Section | None:
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
    return None if len(problems) > before else kind(**values)


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file. Copy systemd/gate.toml there, or name yours with --config FILE") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None


def _lane_problems(lanes: Mapping[int, LaneSettings]) -> list[str]:
    problems = [
        f"lane[{place}]: name {lane.name!r} has neither camera nor reader, or both; give exactly one of them"
        for place, lane in lanes.items()
        if bool(lane.camera) == bool(lane.reader)
    ]
    seen: set[str] = set()
    for place, lane in lanes.items():
        if lane.name in seen:
            problems.append(f"lane[{place}].name: {lane.name!r} is used twice; allowed is a name of its own")
        seen.add(lane.name)
    return problems


def load(path: Path, also: Callable[[GateSettings | None, Mapping[int, LaneSettings]], list[str]] = lambda _gate, _lanes: []) -> Settings:
    """Reads and checks the configuration file.

    Args:
        path: the file.
        also: further checks of what could be read of the gate and of each lane by its place; returns problems.

    Raises:
        ConfigError: with every problem found, each naming file, key, value and what is allowed.
    """
    tables = _parse(path)
    problems = [f"{key}: not a section; known are {', '.join(SECTIONS)}" for key in tables if key not in SECTIONS]
    device = _read_section(DeviceSettings, tables.get("device", {}), "device", problems)
    gate = _read_section(GateSettings, tables.get("gate", {}), "gate", problems)
    outbox = _read_section(OutboxSettings, tables.get("outbox", {}), "outbox", problems)
    agent = _read_section(AgentSettings, tables.get("agent", {}), "agent", problems)
    lane_tables = tables.get("lane", [])
    if not isinstance(lane_tables, list) or not lane_tables:
        problems.append("lane: at least one [[lane]] is needed, each with name, direction and a camera or reader")
        lane_tables = []
    lanes = {
        place: lane
        for place, table in enumerate(lane_tables)
        if (lane := _read_section(LaneSettings, table, f"lane[{place}]", problems)) is not None
    }
    problems.extend(_lane_problems(lanes))
    problems.extend(also(gate, lanes))
    if problems or device is None or gate is None or outbox is None or agent is None:
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems))
    return Settings(path, device, gate, outbox, agent, tuple(lanes.values()))
