"""The gate's configuration, its driver URLs and rules checked too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from drivers.catalogue import (
    check_barrier_url,
    check_camera_url,
    check_display_url,
    check_indicator_url,
    check_position_url,
    check_reader_url,
    check_switch_url,
)
from drivers.errors import BadUrl
from drivers.pins import clashes, pins_of
from drivers.urls import DriverUrl
from edge_agent.device import settings as settings_of
from edge_agent.device import settings_file
from edge_agent.device.overlay import Tables
from edge_agent.device.settings import Settings
from edge_agent.device.settings_file import Understood
from firmware.gate_rules import rule_problems

_OF_ONE = frozenset({"v4l2", "serial", "hid", "simulated", "fifo", "nmea"})


def load_settings(path: Path) -> Settings:
    """The configuration, its driver URLs and the gate's rules checked too.

    Raises:
        ConfigError: with every problem found.
    """
    return settings_file.load(path, _further_problems)


def overlay_problems(path: Path, wanted: Tables) -> list[str]:
    """What would be wrong with this set from afar on top of the file; nothing is applied."""
    try:
        settings_file.try_overlay(path, wanted, _further_problems)
    except settings_of.ConfigError as error:
        return str(error).splitlines()
    return []


def _further_problems(read: Understood) -> list[str]:
    return [*_url_problems(read), *rule_problems(read.gate, read.lanes), *_button_problems(read), *_scan_problems(read)]


def devices_in(settings: Settings) -> list[tuple[str, DriverUrl]]:
    """Every device of a configuration that has been checked: its key and its URL."""
    read = Understood(settings.gate, settings.vehicle, dict(enumerate(settings.lanes)), dict(enumerate(settings.inputs)))
    return [(key, check(url)) for key, url, check in _urls(read) if url]


def pins_in(settings: Settings) -> Mapping[int, str]:
    """Every pin (BCM number) that the configuration uses, with the part it is for."""
    return {pin: part for _key, url in devices_in(settings) for pin, part in pins_of(url).items()}


def _urls(read: Understood) -> Iterator[tuple[str, str, Callable[[str], DriverUrl]]]:
    """Every driver URL of the configuration: its key, itself, and what checks it."""
    if read.gate is not None:
        yield "gate.indicator", read.gate.indicator, check_indicator_url
        yield "gate.display", read.gate.display, check_display_url
    if read.vehicle is not None:
        yield "vehicle.position", read.vehicle.position, check_position_url
    for place, lane in read.lanes.items():
        yield f"lane[{place}].camera", lane.camera, check_camera_url
        yield f"lane[{place}].reader", lane.reader, check_reader_url
        yield f"lane[{place}].indicator", lane.indicator, check_indicator_url
        yield f"lane[{place}].barrier", lane.barrier, check_barrier_url
    for place, each in read.inputs.items():
        yield f"input[{place}].switch", each.switch, check_switch_url


def _url_problems(read: Understood) -> list[str]:
    problems: list[str] = []
    taken: dict[str, str] = {}
    good: list[tuple[str, DriverUrl]] = []
    for key, url, check in _urls(read):
        if not url:
            continue
        try:
            checked = check(url)
        except BadUrl as error:
            problems.append(f"{key}: {error}")
            continue
        device = _device_of(checked)
        if device is None or taken.setdefault(device, key) == key:
            good.append((key, checked))
        else:
            problems.append(f"{key}: {url!r} is the device of {taken[device]} already: give each part its own")
    problems += [f"{key}: pin {pin} is already the {whose}: give each part its own pin" for key, pin, whose in clashes(good)]
    return problems


def _device_of(url: DriverUrl) -> str | None:
    """What only one part can open: a camera, a port or a FIFO; None for what may be shared."""
    scheme = url.scheme.name
    if scheme == "picamera2":
        return f"camera {url.arguments['camera']}"
    return str(url.arguments[url.scheme.path]) if scheme in _OF_ONE else None


def _button_problems(read: Understood) -> Iterator[str]:
    """A button that a rule names is an input of the right role."""
    named = [
        (f"lane[{place}].{key}", getattr(lane, key), "direction")
        for place, lane in read.lanes.items()
        for key in ("button_in", "button_out", "button_turn")
    ]
    if read.gate is not None:
        named.append(("gate.keeper_button", read.gate.keeper_button, "keeper"))
    for key, button, role in named:
        known = sorted(each.name for each in read.inputs.values() if each.role == role)
        if button and button not in known:
            yield f"{key}: {button!r} is no [[input]] of role {role}; known are {', '.join(known) or 'none'}"


def _scan_problems(read: Understood) -> Iterator[str]:
    """A contact that asks for readings needs a reader that waits to be asked, and the other way round."""
    asking = [place for place, each in read.inputs.items() if each.role == "scan"]
    waiting = [place for place, lane in read.lanes.items() if _waits_to_be_asked(lane.reader)]
    if asking and not waiting:
        for place in asking:
            yield f"input[{place}].role: 'scan' is not allowed when no lane has a reader with trigger=host; give one `&trigger=host`"
    if waiting and not asking:
        for place in waiting:
            yield f"lane[{place}].reader: trigger=host never reads without an [[input]] of role scan; add one, or leave trigger out"


def _waits_to_be_asked(reader: str) -> bool:
    try:
        return bool(reader) and check_reader_url(reader).arguments.get("trigger") == "host"
    except BadUrl:
        return False  # which is said already
