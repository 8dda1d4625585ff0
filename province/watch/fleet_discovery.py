"""Makes what Home Assistant discovers a scanner by: read-only sensors, binary sensors and the update entity of one device. Pure.

Source: Home Assistant's documentation, "MQTT", "Device discovery payload": one retained message a device on
`<discovery_prefix>/device/<object_id>/config`. An organisation's Home Assistant gets `gate/v1/<org>/homeassistant` as its prefix. Values
are templates over telemetry; what a device does not tell is `None` there, which Home Assistant shows as unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from edge_agent.link.broker_link import Message
from edge_agent.wire.telemetry import Versions
from edge_agent.wire.topics import DeviceName, Leaf, discovery_prefix
from province.watch.fleet_rules import Seen

_SUPPORT = "https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload"
_LATE_PERIODS = 4
Offered: TypeAlias = Mapping[tuple[str, str], str]
_NOTHING: Offered = MappingProxyType({})
# who connects anew is back in a moment; who is not shows by values that expire
_AVAILABILITY = "{{ 'online' if value_json.returning | default(false) else value_json.state }}"
_INSTALLED = "value_json.versions.software"

# key, name, where in telemetry, unit, device class, state class
_SENSORS: tuple[tuple[str, str, str, str | None, str | None, str | None], ...] = (
    ("uptime", "Uptime", "uptime_s", "s", "duration", "measurement"),
    ("cpu", "Processor", "cpu.busy_percent", "%", None, "measurement"),
    ("temperature", "Temperature", "cpu.temperature_c", "°C", "temperature", "measurement"),
    ("memory", "Memory available", "memory.available_mb", "MB", "data_size", "measurement"),
    ("disk_free", "Disk free", "disk.free_mb", "MB", "data_size", "measurement"),
    ("disk_written", "Disk written", "disk.written_gb", "GB", "data_size", "total_increasing"),
    ("disk_life", "Disk life used", "disk.life_used_percent", "%", None, "measurement"),
    ("network", "Network", "network.kind", None, None, None),
    ("signal", "Signal", "network.signal_dbm", "dBm", "signal_strength", "measurement"),
    ("waiting", "Entries waiting", "outbox.waiting", None, None, "measurement"),
    ("oldest", "Oldest entry waits", "outbox.oldest_age_s", "s", "duration", "measurement"),
    ("full", "Outbox full", "outbox.full_percent", "%", None, "measurement"),
    ("entries_today", "Entries today", "log.entries_today", None, None, "total_increasing"),
    ("inside", "Inside", "presence.inside", None, None, "measurement"),
    ("gate", "Gate", "gate", None, None, None),
    ("clock", "Clock", "clock", None, None, None),
    ("certificate", "Certificate days left", "certificate_days", "d", "duration", "measurement"),
)
# key, name, template that says ON or OFF, device class
_BINARY: tuple[tuple[str, str, str, str], ...] = (
    ("running", "Gate firmware", "'OFF' if value_json.gate == 'down' else 'ON'", "running"),
    ("parts", "Parts", "'ON' if value_json.faults | default(0) > 0 else 'OFF'", "problem"),
    ("power", "Supply and heat", "'ON' if (value_json.power | default({})).now | default([]) else 'OFF'", "problem"),
)


def _value(path: str) -> str:
    """A template that gives a value, or None while any step on its way is missing."""
    *steps, last = path.split(".")
    found = "value_json"
    for step in steps:
        found = f"({found}.{step} | default({{}}))"
    return f"{{{{ {found}.{last} | default(None) }}}}"


def topic(name: DeviceName) -> str:
    """Where a device's discovery lies."""
    return f"{discovery_prefix(name.org)}/device/{name.device}/config"


def message(seen: Seen, offered: Offered = _NOTHING) -> Message | None:
    """The retained discovery of a device; None before its first telemetry, which says what it has."""
    made = payload(seen, offered)
    if made is None:
        return None
    return Message(topic(seen.name), json.dumps(made, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode(), retain=True)


def gone(name: DeviceName) -> Message:
    """What makes Home Assistant forget a device: an empty retained message."""
    return Message(topic(name), b"", retain=True)


def payload(seen: Seen, offered: Offered = _NOTHING) -> dict[str, Any] | None:
    """The discovery as an object.

    Args:
        seen: the device.
        offered: the newest version that it may fetch, by architecture and Python.
    """
    told = seen.telemetry
    if told is None:
        return None
    unique = f"gate_{seen.name.org}_{seen.name.device}"
    device = {
        "identifiers": [unique],
        "name": f"{seen.site} · {seen.gate} ({seen.name.device})",
        "manufacturer": "gate-scanner",
        "model": told.versions.board or "scanner",
        "sw_version": told.versions.software,
        "suggested_area": seen.site,
    }
    return {
        "device": device,
        "origin": {"name": "gate-scanner", "sw_version": told.versions.software, "support_url": _SUPPORT},
        "components": {each["unique_id"].removeprefix(f"{unique}_"): each for each in _components(seen, unique, offered)},
        "state_topic": seen.name.topic(Leaf.TELEMETRY),
        "availability_topic": seen.name.topic(Leaf.STATUS),
        "availability_template": _AVAILABILITY,
        "payload_available": "online",
        "payload_not_available": "offline",
        "qos": 0,
    }


def _components(seen: Seen, unique: str, offered: Offered) -> Iterator[dict[str, Any]]:
    told = seen.telemetry
    if told is None:
        return
    expires = {"expire_after": told.period_s * _LATE_PERIODS}
    for key, name, path, unit, device_class, state_class in _SENSORS:
        known = {"unit_of_measurement": unit, "device_class": device_class, "state_class": state_class}
        yield {
            "platform": "sensor", "unique_id": f"{unique}_{key}", "name": name, "value_template": _value(path), **expires,
            "entity_category": "diagnostic", **{option: value for option, value in known.items() if value is not None},
        }  # fmt: skip
    for key, name, test, device_class in _BINARY:
        yield _binary(unique, key, name, f"{{{{ {test} }}}}", device_class) | expires
    for number, lane in enumerate(sorted(told.sources)):
        state = f"(value_json.sources | default({{}}))[{json.dumps(lane, ensure_ascii=False)}].state"
        yield _binary(unique, f"lane_{number}", f"Lane {lane}", f"{{{{ 'OFF' if {state} == 'working' else 'ON' }}}}", "problem") | expires
    yield {
        "platform": "update", "unique_id": f"{unique}_update", "name": "Software", "device_class": "firmware",
        "value_template": _update(told.versions, offered), "entity_category": "diagnostic",
    }  # fmt: skip


def _update(versions: Versions, offered: Offered) -> str:
    """A template that gives what is installed and what is the newest: the installed one where nothing is offered for the device."""
    newest = offered.get((versions.architecture, versions.python)) if versions.architecture else None
    latest = _INSTALLED if newest is None else json.dumps(newest)
    return f"{{{{ {{'installed_version': {_INSTALLED}, 'latest_version': {latest}}} | tojson }}}}"


def _binary(unique: str, key: str, name: str, template: str, device_class: str) -> dict[str, Any]:
    return {
        "platform": "binary_sensor", "unique_id": f"{unique}_{key}", "name": name, "value_template": template, "device_class": device_class,
        "entity_category": "diagnostic",
    }  # fmt: skip
