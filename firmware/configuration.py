"""The gate's configuration, its driver URLs checked too: each understood, no device and no pin given twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from drivers.catalogue import check_camera_url, check_indicator_url, check_reader_url
from drivers.errors import BadUrl
from drivers.urls import DriverUrl
from edge_agent import settings as settings_of
from edge_agent.settings import GateSettings, LaneSettings, Settings

_PIN_OPTIONS = ("green", "red", "amber", "buzzer")
# TXD and RXD of the header. Source: Raspberry Pi documentation, "Configure UARTs"; the names that lead there.
_HEADER_UART, _UART_PINS = frozenset({"/dev/serial0", "/dev/ttyAMA0", "/dev/ttyS0"}), {14: "serial TXD", 15: "serial RXD"}


def load_settings(path: Path) -> Settings:
    """The configuration, its driver URLs checked too.

    Raises:
        ConfigError: with every problem found.
    """
    return settings_of.load(path, _url_problems)


def pins_in(settings: Settings) -> Mapping[int, str]:
    """Every pin (BCM number) that the configuration names, with the part it is for."""
    pins: dict[int, str] = {}
    for _key, url, check in _urls(settings.gate, dict(enumerate(settings.lanes))):
        for pin, part in _pins_of(check(url)).items():
            pins.setdefault(pin, part)
    return pins


def _urls(gate: GateSettings | None, lanes: Mapping[int, LaneSettings]) -> Iterator[tuple[str, str, Callable[[str], DriverUrl]]]:
    if gate is not None and gate.indicator:
        yield "gate.indicator", gate.indicator, check_indicator_url
    for place, lane in lanes.items():
        for key, url, check in (
            ("camera", lane.camera, check_camera_url),
            ("reader", lane.reader, check_reader_url),
            ("indicator", lane.indicator, check_indicator_url),
        ):
            if url:
                yield f"lane[{place}].{key}", url, check


def _url_problems(gate: GateSettings | None, lanes: Mapping[int, LaneSettings]) -> list[str]:
    problems: list[str] = []
    devices: dict[tuple[str, str], str] = {}
    pins: dict[int, tuple[str, str]] = {}  # the key that has it, and its URL: lanes may share a light by the same URL
    for key, url, check in _urls(gate, lanes):
        try:
            known = check(url)
        except BadUrl as error:
            problems.append(f"{key}: {error}")
            continue
        device = _device_of(known)
        if device is not None and devices.setdefault(device, key) != key:
            problems.append(f"{key}: {url!r} is the device of {devices[device]} already: give each lane its own")
            continue
        for pin, part in _pins_of(known).items():
            other, its_url = pins.setdefault(pin, (key, url))
            if its_url != url:
                problems.append(f"{key}: {url!r}: {part} on pin {pin}, which {other} has already: give each part its own pin")
    return problems


def _pins_of(url: DriverUrl) -> Mapping[int, str]:
    """The pins of the header that a device is wired to, and what for."""
    if url.scheme.name == "gpio":
        return {pin: part for part in _PIN_OPTIONS if isinstance(pin := url.arguments[part], int)}
    return _UART_PINS if url.scheme.name == "serial" and url.arguments["port"] in _HEADER_UART else {}


def _device_of(url: DriverUrl) -> tuple[str, str] | None:
    """What only one lane can open: a camera or a port; None for what may be shared."""
    scheme = url.scheme.name
    if scheme == "picamera2":
        return scheme, str(url.arguments["camera"])
    return (scheme, str(url.arguments[url.scheme.path])) if scheme in {"v4l2", "serial", "simulated"} else None
