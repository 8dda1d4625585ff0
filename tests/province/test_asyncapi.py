"""hw_docs/asyncapi.yaml says what the code does: every topic, who may send and receive it, and messages as they are."""

from __future__ import annotations

import json
import re
from typing import Any

import asyncapi_document
import jsonschema
import pytest
import yaml
from fleet_world import OFFLINE, ONLINE, well
from health_world import SCHEMAS

from edge_agent.wire import telemetry, topics
from edge_agent.wire.topics import DeviceName, Leaf
from province.trust import broker_config
from province.watch import fleet_discovery

DOCUMENT: dict[str, Any] = yaml.safe_load(asyncapi_document.FILE.read_text("utf-8"))
NAME = DeviceName("bus-co", "scanner-1")


def address(channel: str) -> str:
    return str(DOCUMENT["channels"][channel]["address"])


def resolve(reference: str) -> Any:
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def references(part: Any) -> list[str]:
    if isinstance(part, dict):
        return [value for key, value in part.items() if key == "$ref"] + [one for value in part.values() for one in references(value)]
    return [one for value in part for one in references(value)] if isinstance(part, list) else []


def test_it_is_the_codes() -> None:
    assert asyncapi_document.FILE.read_text("utf-8") == asyncapi_document.text(), "make docs"
    assert (DOCUMENT["asyncapi"], set(DOCUMENT["info"]) >= {"title", "version"}) == ("3.0.0", True)


def test_every_topic_is_there_and_every_reference_leads_somewhere() -> None:
    ours = {f"gate/v1/{{org}}/{{device}}/{leaf}" for leaf in Leaf}
    assert {address(channel) for channel in DOCUMENT["channels"]} == ours | {
        topics.KEYRING, "gate/v1/{org}/homeassistant/device/{device}/config",
    }  # fmt: skip
    for reference in references(DOCUMENT):
        assert resolve(reference)
    for channel in DOCUMENT["channels"].values():
        assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel.get("parameters", {}))


@pytest.mark.parametrize("action, rule", [("send", "write"), ("receive", "read")])
def test_what_a_device_does_is_what_the_broker_lets_it(action: str, rule: str) -> None:
    told = {address(each["channel"]["$ref"].rpartition("/")[2]) for each in DOCUMENT["operations"].values() if each["action"] == action}
    devices = broker_config.rules().split("# A viewer's")[0]
    allowed = set(re.findall(rf"^pattern {rule} (\S+)", devices, re.MULTILINE))
    assert {one.replace("{org}/{device}", "%u") for one in told} == allowed


def test_quality_and_retention_are_those_of_the_messages() -> None:
    for leaf, retained in (("status", True), ("telemetry", False), ("entries", False), ("commands", False), ("config-desired", True)):
        operation = next(each for each in DOCUMENT["operations"].values() if each["channel"]["$ref"].endswith(f"/{leaf}"))
        assert operation["bindings"]["mqtt"]["retain"] is retained
        assert operation["bindings"]["mqtt"]["qos"] == (0 if leaf == "telemetry" else 1)
    assert fleet_discovery.gone(NAME).retain


@pytest.mark.parametrize("channel, message", [("telemetry", well()), ("status", ONLINE), ("status", OFFLINE)])
def test_messages_are_as_it_says(channel: str, message: Any) -> None:
    schema = {"$ref": DOCUMENT["channels"][channel]["messages"][channel]["payload"]["$ref"], "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(schema).validate(json.loads(telemetry.encode(message)))
    assert (SCHEMAS / f"{channel}.v1.json").exists()
