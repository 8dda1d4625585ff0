"""The samples for operators, held against what a real device tells: Telegraf's paths, Grafana's metrics, Home Assistant's prefix."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from health_world import COUNTERS, Device

from edge_agent.wire import telemetry
from edge_agent.wire.topics import Leaf, discovery_prefix, parse
from province.base.layout import Layout

OPERATORS = Path(__file__).parents[2] / "hw_docs/operators"
_TYPES: dict[str, type | tuple[type, ...]] = {"int": int, "float": (int, float), "string": str, "boolean": bool}


@pytest.fixture
def told(tmp_path: Path) -> dict[str, Any]:
    """A real device's telemetry, every part of it told."""
    device = Device(tmp_path)
    device.word.heard(COUNTERS)
    device.health.look()
    found: dict[str, Any] = json.loads(telemetry.encode(device.health.look()))
    board = {"cpu": {"busy_percent": 12.5, "temperature_c": 48.3}, "network": {"kind": "wifi", "signal_dbm": -57}}
    whole = found | board | {"disk": found["disk"] | {"written_gb": 12.5}}
    telemetry.decode(json.dumps(whole).encode())
    return whole


def consumer() -> dict[str, Any]:
    inputs: dict[str, Any] = tomllib.loads((OPERATORS / "telegraf.conf").read_text("utf-8"))["inputs"]["mqtt_consumer"][0]
    return inputs


def at(told: Any, path: str) -> Any:
    for step in path.split("."):
        told = told[step]
    return told


def test_telegrafs_paths_are_those_of_a_real_device(told: dict[str, Any]) -> None:
    read = consumer()["json_v2"][0]
    for tag in read["tag"]:
        assert isinstance(at(told, tag["path"]), str)
    for field in read["field"]:
        assert isinstance(at(told, field["path"]), _TYPES[field["type"]]), field["path"]
    for each in consumer()["json_v2"][1:]:
        path = each["object"][0]["path"]
        assert isinstance(at(told, path), dict)
        assert each["measurement_name"] == f"gate_{path}"


def test_what_a_device_may_leave_out_is_optional_there() -> None:
    required = set(telemetry.schema(telemetry.Telemetry)["$defs"]["Telemetry"]["required"])
    read = consumer()["json_v2"][0]
    objects = [one for each in consumer()["json_v2"][1:] for one in each["object"]]
    for each in (*read["field"], *objects):
        assert each.get("optional", False) or each["path"] in required, each["path"]
    assert {tag["path"].partition(".")[0] for tag in read["tag"]} <= required


def test_telegraf_reads_what_a_viewer_may_under_its_name() -> None:
    read = consumer()
    name, leaf = parse(read["topics"][0].replace("+", "scanner-1")) or (None, None)
    assert name is not None
    assert (leaf, read["client_id"]) == (Leaf.TELEMETRY, name.org)
    names = dict(zip(read["topic_parsing"][0]["tags"].split("/"), read["topics"][0].split("/"), strict=True))
    assert (names["org"], names["device"]) == (name.org, "+")
    assert {Path(read[key]).name for key in ("tls_ca", "tls_cert", "tls_key")} == {"ca.crt", "viewer.crt", "viewer.key"}


def test_grafana_shows_what_telegraf_gives() -> None:
    read = consumer()["json_v2"][0]
    given = {f"gate_{each.get('rename', each['path'])}" for each in read["field"]} | {
        f"gate_answers_{answer}".replace("-", "_") for answer in COUNTERS["answers"]
    }
    dashboard = json.loads((OPERATORS / "grafana.json").read_text("utf-8"))
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert shown
    for expression in (*shown, *(each["query"]["query"] for each in dashboard["templating"]["list"] if each["type"] == "query")):
        assert set(re.findall(r"gate_\w+", expression)) <= given, expression
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_the_page_names_what_there_is() -> None:
    page = (OPERATORS / "README.md").read_text("utf-8")
    assert discovery_prefix("bus-co") in page
    assert Layout(Path("/x")).fleet_store.name in page
