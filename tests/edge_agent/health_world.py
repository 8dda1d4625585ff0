"""A device whose health can be looked at: a real outbox and identity, and firmware's counters as it sends them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jsonschema
from real_broker import bundle, write_bundle
from sealed_examples import filled
from uplink_world import AUTHORITY

from edge_agent.device import identity, settings_file
from edge_agent.enrolment import enrol
from edge_agent.health.firmware_word import FirmwareWord
from edge_agent.health.own_health import OwnHealth, Surroundings
from edge_agent.store.outbox import FILE_NAME

COUNTERS: dict[str, Any] = {
    "type": "counters",
    "answers": {"accepted": 12, "already": 3, "not-a-person-code": 1},
    "sources": {"Làn vào": "working", "out": "fault"},
    "lights": {"gpio:?green=17": "working", "display": "fault"},
    "clock": "synchronised",
    "outbox_fullness": 0.0123,
    "queue": 0,
    "gate": "open",
    "presence": {"inside": 4, "came": 9, "went": 5, "went_unseen": 0, "inferred_in": 0, "inferred_out": 0},
    "sent_to_keeper": {},
    "reader_tested_s": 40,
    "lanes": {
        "Làn vào": {"frames": 1000, "skipped": 800, "look_ms": 9.1, "look_p50_ms": 8.2, "look_p95_ms": 31.5},
        "out": {"lines": 3, "reopened": 2, "look_ms": 0.0},
    },
    "inputs": {"ignition": "working"},
    "position": "working",
    "near": (21.0289, 105.804),
    "trip": "secret-trip",
}
SCHEMAS = Path(__file__).parents[2] / "hw_docs/schemas"


def by_schema(kind: str, message: object) -> bool:
    schema = json.loads((SCHEMAS / f"{kind}.v1.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema).is_valid(message)


class Device:
    """A member with seven entries waiting."""

    def __init__(self, folder: Path, port: int = 8883, telemetry_s: float = 30.0) -> None:
        state = folder / "state"
        folder.mkdir(parents=True, exist_ok=True)
        enrol.install(enrol.read_bundle(write_bundle(folder, bundle(AUTHORITY, port))), state)
        self.made = filled(state / FILE_NAME, 7)
        (folder / "run").mkdir()
        (folder / "gate.toml").write_text(
            f'[device]\nstate = "{state}"\nruntime = "{folder}/run"\nclock = "system"\n[agent]\ntelemetry_s = {telemetry_s}\n'
            '[[lane]]\nname = "Làn vào"\ndirection = "in"\ncamera = "images:x"\n'
        )
        self.settings = settings_file.load(folder / "gate.toml")
        self.identity = identity.load(state)
        self.word = FirmwareWord()
        self.wall_ms: int | None = time.time_ns() // 1_000_000
        around = Surroundings(self.word, lambda: self.wall_ms, lambda: {"sent": 7, "silences": 1})
        self.now_s = 100.0
        self.health = OwnHealth(self.identity, self.settings, around, lambda: self.now_s)
