"""The gate's configuration, its driver URLs and rules checked too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from drivers.catalogue import check_camera_url, check_indicator_url, check_reader_url
from drivers.errors import BadUrl
from drivers.urls import DriverUrl
from edge_agent import settings as settings_of
from edge_agent.settings import GateSettings, LaneSettings, Settings
from firmware.gate_rules import rule_problems


def load_settings(path: Path) -> Settings:
    """The configuration, its driver URLs and the gate's rules checked too.

    Raises:
        ConfigError: with every problem found.
    """
    return settings_of.load(path, lambda gate, lanes: [*_url_problems(gate, lanes), *rule_problems(gate, lanes)])


def _url_problems(gate: GateSettings | None, lanes: Mapping[int, LaneSettings]) -> list[str]:
    urls: list[tuple[str, str, Callable[[str], DriverUrl]]] = []
    if gate is not None:
        urls.append(("gate.indicator", gate.indicator, check_indicator_url))
    for place, lane in lanes.items():
        urls.append((f"lane[{place}].camera", lane.camera, check_camera_url))
        urls.append((f"lane[{place}].reader", lane.reader, check_reader_url))
        urls.append((f"lane[{place}].indicator", lane.indicator, check_indicator_url))
    problems: list[str] = []
    taken: dict[tuple[str, str], str] = {}
    for key, url, check in urls:
        try:
            device = _device_of(check(url)) if url else None
        except BadUrl as error:
            problems.append(f"{key}: {error}")
        else:
            if device is not None and taken.setdefault(device, key) != key:
                problems.append(f"{key}: {url!r} is the device of {taken[device]} already: give each lane its own")
    return problems


def _device_of(url: DriverUrl) -> tuple[str, str] | None:
    """What only one lane can open: a camera or a port; None for what may be shared."""
    scheme = url.scheme.name
    if scheme == "picamera2":
        return scheme, str(url.arguments["camera"])
    return (scheme, str(url.arguments[url.scheme.path])) if scheme in {"v4l2", "serial", "simulated"} else None
