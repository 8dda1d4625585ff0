"""Discovery as Home Assistant documents it, and each entity's template evaluated, as Home Assistant does it, on real telemetry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fleet_world import seen, well
from health_world import COUNTERS, Device
from jinja2.sandbox import ImmutableSandboxedEnvironment
from msgspec import structs

from edge_agent.base import machine
from edge_agent.wire import telemetry
from edge_agent.wire.telemetry import Source, Telemetry
from edge_agent.wire.topics import discovery_prefix
from province.watch import fleet_discovery

# The options that home-assistant.io documents for the three platforms ("MQTT Sensor", "MQTT Binary sensor", "MQTT Update") and for the
# device discovery payload, and the units that "Sensor device classes" allows.
_UNITS = {
    "duration": ["d", "h", "min", "s", "ms"], "temperature": ["°C", "°F", "K"], "data_size": ["B", "kB", "MB", "GB", "MiB", "GiB"],
    "signal_strength": ["dB", "dBm"],
}  # fmt: skip
_TEXT = {"type": "string", "minLength": 1}
_COMMON = {
    "platform": _TEXT, "unique_id": {"type": "string", "pattern": "^[a-z0-9_-]+$"}, "name": _TEXT, "value_template": _TEXT,
    "entity_category": {"const": "diagnostic"},
}  # fmt: skip
_EXPIRES = {"expire_after": {"type": "integer", "minimum": 1}}


def _platform(name: str, classes: list[str], **options: object) -> dict[str, Any]:
    return {
        "properties": {**_COMMON, "platform": {"const": name}, "device_class": {"enum": classes}, **options},
        "required": ["platform", "unique_id", "name", "value_template"],
        "additionalProperties": False,
    }


_SENSOR = _platform(
    "sensor", list(_UNITS), unit_of_measurement=_TEXT, state_class={"enum": ["measurement", "total", "total_increasing"]}, **_EXPIRES
)
_COMPONENT = {
    "type": "object",
    "oneOf": [_SENSOR, _platform("binary_sensor", ["running", "problem", "connectivity"], **_EXPIRES), _platform("update", ["firmware"])],
}
DISCOVERY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "device": {
            "type": "object",
            "properties": {
                "identifiers": {"type": "array", "items": _TEXT, "minItems": 1},
                **dict.fromkeys(("name", "manufacturer", "model", "sw_version", "hw_version", "serial_number", "suggested_area"), _TEXT),
            },
            "required": ["identifiers"],
            "additionalProperties": False,
        },
        "origin": {
            "type": "object",
            "properties": {"name": _TEXT, "sw_version": _TEXT, "support_url": {"type": "string", "pattern": "^https?://"}},
            "required": ["name"],
            "additionalProperties": False,
        },
        "components": {"type": "object", "additionalProperties": _COMPONENT, "minProperties": 1},
        "state_topic": {"type": "string", "pattern": "^[^+#]+$"},
        "availability_topic": {"type": "string", "pattern": "^[^+#]+$"},
        "availability_template": _TEXT,
        "payload_available": _TEXT,
        "payload_not_available": _TEXT,
        "qos": {"enum": [0, 1, 2]},
    },
    "required": ["device", "origin", "components"],
    "additionalProperties": False,
}


@pytest.fixture
def real(tmp_path: Path) -> Telemetry:
    """What a real agent told of a device: through its encoder and the province's decoder."""
    device = Device(tmp_path)
    device.word.heard(COUNTERS)
    device.health.look()
    device.now_s += 10
    return telemetry.decode(telemetry.encode(device.health.look()))


def least() -> Telemetry:
    """The least that a device may tell."""
    return Telemetry(
        v=1, at_ms=0, clock="unknown", boot_id="0" * 32, uptime_s=0, versions=telemetry.Versions("0.1.0"), period_s=30, gate="down"
    )


def rendered(template: str, payload: bytes) -> str:
    """As Home Assistant: a sandbox, the message as `value` and, where it is JSON, as `value_json`."""
    environment = ImmutableSandboxedEnvironment()
    environment.filters["tojson"] = json.dumps
    return environment.from_string(template).render(value=payload.decode(), value_json=json.loads(payload)).strip()


def made(told: Telemetry, offered: fleet_discovery.Offered | None = None) -> dict[str, Any]:
    payload = fleet_discovery.payload(seen(telemetry=told), offered or {})
    assert payload is not None
    return payload


def test_discovery_is_as_documented(real: Telemetry) -> None:
    for told in (real, least(), well()):
        jsonschema.validate(made(told), DISCOVERY, jsonschema.Draft202012Validator)
        components = made(told)["components"]
        for each in components.values():
            assert each.get("unit_of_measurement") in [*_UNITS.get(each.get("device_class", ""), []), None, "%"]
            if each.get("device_class") in _UNITS:
                assert each.get("unit_of_measurement") in _UNITS[each["device_class"]]
        assert len({each["unique_id"] for each in components.values()}) == len(components)


def test_it_lies_where_home_assistant_looks() -> None:
    topic = fleet_discovery.topic(seen().name)
    prefix = discovery_prefix("bus-co")
    assert prefix == "gate/v1/bus-co/homeassistant"
    component, identifier, config = topic.removeprefix(f"{prefix}/").split("/")  # it subscribes to <prefix>/+/+/config
    assert (component, identifier, config) == ("device", "scanner-1", "config")


def test_each_entity_shows_what_a_real_device_told(real: Telemetry) -> None:
    payload, told = telemetry.encode(real), json.loads(telemetry.encode(real))
    shown = {key: rendered(each["value_template"], payload) for key, each in made(real)["components"].items()}
    assert {key: shown[key] for key in ("gate", "inside", "waiting", "clock", "running", "parts", "lane_0", "lane_1")} == {
        "gate": "open", "inside": "4", "waiting": "7", "clock": "synchronised", "running": "ON", "parts": "ON", "lane_0": "OFF",
        "lane_1": "ON",
    }  # fmt: skip
    assert float(shown["disk_free"]) == told["disk"]["free_mb"]
    assert json.loads(shown["update"])["installed_version"] == told["versions"]["software"]
    for key, each in made(real)["components"].items():
        if each["platform"] == "sensor" and "state_class" in each and shown[key] != "None":
            float(shown[key])
        if each["platform"] == "binary_sensor":
            assert shown[key] in {"ON", "OFF"}


@pytest.mark.parametrize("newest", ["9.9.9", 'a"}}b{{c', "{% raw %}"])
def test_the_update_entity_shows_the_newest_release_for_the_device_s_machine_and_python(real: Telemetry, newest: str) -> None:
    own, payload = real.versions, telemetry.encode(real)

    def shown(offered: fleet_discovery.Offered) -> dict[str, str]:
        found: dict[str, str] = json.loads(rendered(made(real, offered)["components"]["update"]["value_template"], payload))
        return found

    installed = {"installed_version": own.software, "latest_version": own.software}
    assert own.architecture == machine.architecture()
    assert shown({(own.architecture, own.python): newest}) == {**installed, "latest_version": newest}
    assert shown({("riscv64", own.python): newest, (own.architecture, "3.10"): newest}) == installed
    older = {("", ""): newest}  # one that does not say what it is
    assert rendered(made(least(), {})["components"]["update"]["value_template"], telemetry.encode(least())).count("0.1.0") == 2
    assert newest not in rendered(made(least(), older)["components"]["update"]["value_template"], telemetry.encode(least()))


def test_what_a_device_does_not_tell_is_unknown_and_no_error() -> None:
    payload = telemetry.encode(least())
    shown = {key: rendered(each["value_template"], payload) for key, each in made(least())["components"].items()}
    assert {shown[key] for key in ("cpu", "temperature", "disk_life", "waiting", "inside", "entries_today")} == {"None"}
    assert (shown["running"], shown["parts"], shown["power"]) == ("OFF", "OFF", "OFF")


def test_availability_follows_birth_and_will() -> None:
    payload = made(well())
    online, lost = telemetry.Status(v=1, state="online"), telemetry.Status(v=1, state="offline", reason="lost")
    for status, shown in ((online, "available"), (lost, "not_available"), (structs.replace(lost, returning=True), "available")):
        assert rendered(payload["availability_template"], telemetry.encode(status)) == payload[f"payload_{shown}"]


@pytest.mark.parametrize("lane", ['say "hi"', "a}}b{{c", "{% raw %}", "back\\slash", "làn vào số 1", "it's"])
def test_a_lanes_name_is_never_part_of_the_template_language(lane: str) -> None:
    told = well(sources={lane: Source("working")})
    template = made(told)["components"]["lane_0"]["value_template"]
    assert rendered(template, telemetry.encode(told)) == "OFF"


def test_nothing_can_be_commanded_through_it() -> None:
    assert "command_topic" not in json.dumps(made(well()))
