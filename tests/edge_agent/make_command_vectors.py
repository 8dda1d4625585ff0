"""Writes the test vectors of commands: `.venv/bin/python tests/edge_agent/make_command_vectors.py`, by hand, when their section changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from command_world import LOG, NONCE, NOW_MS
from sealed_examples import FROM_MS, KEYRING_7, NAME, ROOT, TO_MS, officer, signing_key

from edge_agent.wire import command, cose, desired_config, keyring, results
from edge_agent.wire.authority import Certificate, Officer, Power, certify
from edge_agent.wire.command import Action, Command
from edge_agent.wire.desired_config import Desired
from edge_agent.wire.keyring import Keyring
from edge_agent.wire.results import Refusal, Result, State

FILE = Path(__file__).with_name("command_vectors.json")
KEY = signing_key("operator of bus-co")
SCOPED = Officer(KEY, certify(Certificate(Power.CONFIGURE, KEY.public_key(), FROM_MS, TO_MS, NAME.org), ROOT))


def vectors() -> dict[str, Any]:
    """Everything."""
    ends_ms = NOW_MS + 600_000
    identify = Command(NAME, LOG, Action.IDENTIFY, 1_633_300_000_001, NOW_MS, ends_ms)
    turn = Command(NAME, LOG, Action.SET_DIRECTION, 1_633_300_000_002, NOW_MS, ends_ms, ("vào", "out"), NONCE)
    issuer = officer(Power.IDENTIFY).key.public_key().public_bytes_raw().hex()
    refused = Result("f24d7a4b46870c06", 7, "open", State.REFUSED, Refusal.NO_CLOCK, "this device knows no time now", NONCE.hex())
    revoking = Keyring(8, NOW_MS, KEYRING_7.keys, (cose.key_id(KEY.public_key()),))
    return {
        "about": "Test vectors of commands: hw_docs/protocol.md. Bytes are hex. Keys are those of vectors.json, and made up.",
        "identify_officer": issuer,
        "operator_of_one_organisation": KEY.public_key().public_bytes_raw().hex(),
        "identify": command.issue(identify, officer(Power.IDENTIFY)).hex(),
        "set_direction": command.issue(turn, SCOPED).hex(),
        "configuration": desired_config.issue(Desired(NAME, 9, "[gate]\nheld_s = 2.0\n"), officer(Power.CONFIGURE)).hex(),
        "result": results.encode(results.prove(refused, NAME, signing_key("device"))).decode(),
        "device": signing_key("device").public_key().public_bytes_raw().hex(),
        "keyring_that_revokes": keyring.issue(revoking, officer(Power.KEYRING)).hex(),
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
