"""What telemetry may say, by its published schema and by our own decoder, which must agree."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from health_world import SCHEMAS, by_schema
from hypothesis import given, settings
from hypothesis import strategies as st
from sealed_examples import DEVICE, DEVICE_PUBLIC, LOG, NAME, STRANGER

from edge_agent.wire import log_head, telemetry
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.cose import Forged
from edge_agent.wire.entry import LogHead
from edge_agent.wire.telemetry import Status, Telemetry
from edge_agent.wire.topics import DeviceName

HEAD = LogHead(LOG, 12, b"h" * 32)
LEAST: dict[str, Any] = {
    "v": 1, "at_ms": 0, "clock": "unknown", "boot_id": "0" * 32, "uptime_s": 3, "versions": {"software": "0.1.0"},
    "period_s": 30, "gate": "open",
}  # fmt: skip
_WRONG: list[tuple[str, Any]] = [
    ("v", 2), ("at_ms", -1), ("at_ms", 2**53), ("clock", "Nguyễn Văn An"), ("boot_id", "0" * 31), ("gate", "001099012345"),
    ("uptime_s", "3"),
    ("versions", {"software": "\x1b[2J"}), ("versions", {"software": "x" * 81}), ("cpu", {"busy_percent": 101}),
    ("answers", {"Nguyễn Văn An": 1}), ("answers", {f"kind-{number}": 1 for number in range(49)}), ("answers", {"accepted": 1.5}),
    ("sources", {"làn 1": {"state": "fine"}}), ("sources", {"\x07": {"state": "working"}}), ("position", {"latitude": 91, "longitude": 0}),
    ("outbox", {"waiting": 1}), ("power", {"now": ["x"] * 9}), ("log", {"id": "0" * 32, "seq": 1, "signed": "x" * 601}),
    ("started_by", "somebody"), ("network", {"kind": "pigeon"}), ("disk", {"total_mb": 1, "free_mb": 1, "life_used_percent": 111}),
]  # fmt: skip


def by_us(message: object) -> bool:
    try:
        telemetry.decode(json.dumps(message).encode())
    except Malformed as error:
        return any(secret in str(error) for secret in ("Nguyễn", "001099012345", "somebody"))  # an error quotes nothing of what came
    return True


@pytest.mark.parametrize("kind, made", [("telemetry", Telemetry), ("status", Status)])
def test_the_published_schema_is_the_codes(kind: str, made: type[msgspec.Struct]) -> None:
    assert json.loads((SCHEMAS / f"{kind}.v1.json").read_text()) == telemetry.schema(made), "make docs"


def test_the_least_that_may_be_said() -> None:
    assert by_us(LEAST)
    assert by_schema("telemetry", LEAST)
    for name in LEAST:
        lacking = {key: value for key, value in LEAST.items() if key != name}
        assert not by_us(lacking)
        assert not by_schema("telemetry", lacking)


@pytest.mark.parametrize("field, value", _WRONG)
def test_what_is_out_of_bounds_is_refused_by_both(field: str, value: object) -> None:
    assert not by_us(LEAST | {field: value})
    assert not by_schema("telemetry", LEAST | {field: value})


def test_what_a_later_release_adds_is_passed_over() -> None:
    later = LEAST | {"mood": "fine", "versions": {"software": "9", "paint": "green"}}
    assert by_us(later)
    assert by_schema("telemetry", later)
    assert b"mood" not in telemetry.encode(telemetry.decode(json.dumps(later).encode()))


_ANYTHING = st.recursive(st.integers() | st.text(max_size=5), lambda some: st.lists(some) | st.dictionaries(st.text(), some))


@settings(max_examples=60, deadline=None)
@given(payload=st.binary(max_size=60) | _ANYTHING.map(lambda value: json.dumps(value).encode()))
def test_whatever_comes_is_telemetry_or_malformed(payload: bytes) -> None:
    for decode in (telemetry.decode, telemetry.decode_status):
        with pytest.raises(Malformed):
            decode(payload)


def test_what_is_too_long_is_not_even_read() -> None:
    with pytest.raises(Malformed, match="at most 4096"):
        telemetry.decode(json.dumps(LEAST).encode() + b" " * 4096)


def test_a_signed_head_is_its_devices_own() -> None:
    signed = log_head.sign(NAME, HEAD, DEVICE)
    assert log_head.verify(signed, NAME, DEVICE_PUBLIC) == HEAD
    for name, key in ((NAME, STRANGER.public_key()), (DeviceName("bus-co", "scanner-2"), DEVICE_PUBLIC)):
        with pytest.raises(Forged):
            log_head.verify(signed, name, key)
    for place in range(len(signed)):
        with pytest.raises((Malformed, Forged)):
            log_head.verify(signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :], NAME, DEVICE_PUBLIC)
