"""Makes asyncapi.yaml: every MQTT topic, who writes and who reads it, and what is said there, from the code itself.

Source: AsyncAPI 3.0.0. Operations are the device's: it sends what `topics.DEVICE_WRITES` says and receives what `topics.DEVICE_READS`
says. Used by `make docs`; tests/hw_docs hold it against the broker's access rules.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import msgspec
import yaml

from edge_agent.wire import results, telemetry, topics
from edge_agent.wire.envelope import MAX_ENVELOPE_BYTES
from edge_agent.wire.topics import Leaf

FILE = Path(__file__).parent / "asyncapi.yaml"
COSE = "application/cose; cose-type=cose-sign1"
_REF = "#/components/schemas/{name}"


@dataclasses.dataclass(frozen=True)
class Said:
    """What is said on a topic."""

    summary: str
    content_type: str
    schema: dict[str, Any]
    qos: int = 1
    retain: bool = False


def _binary(what: str) -> dict[str, Any]:
    return {"type": "string", "format": "binary", "description": f"{what}; its bytes: hw_docs/protocol.md"}


_SIGNED, _CERTIFIED = _binary("COSE_Sign1"), _binary("COSE_Sign1 with certificate")
_RESULT = {
    "type": "object",
    "properties": {
        **{field.name: {"type": "integer" if field.type == "int" else "string"} for field in dataclasses.fields(results.Result)},
        "state": {"type": "string", "enum": [str(state) for state in results.State]},
    },
    "required": ["state"],
}
SAID: dict[Leaf, Said] = {
    Leaf.ENTRIES: Said(
        f"one sealed, signed entry, at most {MAX_ENVELOPE_BYTES} bytes; sent until its receipt comes", COSE, _SIGNED
    ),
    Leaf.RECEIPTS: Said("ranges of entries that the province has committed, signed", COSE, _CERTIFIED),
    Leaf.STATUS: Said(
        "birth when a connection begins, farewell, or last will", "application/json", {"$ref": _REF.format(name="Status")}, retain=True
    ),
    Leaf.TELEMETRY: Said(
        "health: counters and states, never a person; every half minute and on change", "application/json",
        {"$ref": _REF.format(name="Telemetry")}, qos=0,
    ),
    Leaf.COMMANDS: Said("a signed order: counter, target, log, expiry; a retained one is refused", COSE, _CERTIFIED),
    Leaf.RESULTS: Said("what became of an order", "application/json", _RESULT),
    Leaf.CONFIG_DESIRED: Said("the configuration that should be applied, signed", COSE, _CERTIFIED, retain=True),
    Leaf.CONFIG_REPORTED: Said("the configuration applied, and what was wrong", "application/json", {"type": "object"}, retain=True),
    Leaf.CERTIFICATE_REQUEST: Said("asks for a new TLS certificate, signed by the device", COSE, _SIGNED),
    Leaf.CERTIFICATE_ISSUED: Said("the new TLS certificate, signed by the province", COSE, _CERTIFIED),
}  # fmt: skip
_PARAMETERS = {
    "org": {"description": f"the organisation: {topics.NAME_RULE}"},
    "device": {"description": f"the device: {topics.NAME_RULE}; not {topics.HOME_ASSISTANT!r}"},
}


def _id(leaf: Leaf) -> str:
    return str(leaf).replace("/", "-")


def _channel(address: str, said: Said, name: str) -> dict[str, Any]:
    used = {key: value for key, value in _PARAMETERS.items() if f"{{{key}}}" in address}
    message = {"name": name, "summary": said.summary, "contentType": said.content_type, "payload": said.schema}
    return {"address": address, "messages": {name: message}, **({"parameters": used} if used else {})}


def _operation(action: str, channel: str, said: Said) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "bindings": {"mqtt": {"qos": said.qos, "retain": said.retain, "bindingVersion": "0.2.0"}},
    }


def document() -> dict[str, Any]:
    """The document as an object."""
    _roots, schemas = msgspec.json.schema_components([telemetry.Telemetry, telemetry.Status], ref_template=_REF)
    keyring = Said("the public sealing keys of the days to come, signed, with a counter", COSE, _CERTIFIED, retain=True)
    discovery = Said(
        "what Home Assistant discovers the device by; written by `gate-province watch`, read by the organisation", "application/json",
        {"type": "object"}, retain=True,
    )  # fmt: skip
    channels = {_id(leaf): _channel(f"{topics.PREFIX}/{{org}}/{{device}}/{leaf}", said, _id(leaf)) for leaf, said in SAID.items()}
    channels["keyring"] = _channel(topics.KEYRING, keyring, "keyring")
    channels["home-assistant"] = _channel(f"{topics.discovery_prefix('{org}')}/device/{{device}}/config", discovery, "home-assistant")
    operations = {
        f"{action}-{_id(leaf)}": _operation(action, _id(leaf), SAID[leaf])
        for action, leaves in (("send", topics.DEVICE_WRITES), ("receive", topics.DEVICE_READS))
        for leaf in leaves
    }
    operations["receive-keyring"] = _operation("receive", "keyring", keyring)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "gate-scanner over MQTT",
            "version": "1.0.0",
            "description": "Made by `make docs` from the code. MQTT 3.1.1 or 5 over mutual TLS; user name and client id are the "
            "certificate's common name, `org/device`. Operations are the device's; a viewer's certificate, named after its org alone, "
            "may receive status, telemetry and home-assistant of its own devices. How the signed messages are made: protocol.md.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"schemas": schemas},
    }


def text() -> str:
    """The document as YAML."""
    head = "# Made by `make docs` from the code: change that, not this.\n"
    return head + yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=140)
