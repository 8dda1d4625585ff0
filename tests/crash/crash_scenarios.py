"""The scenarios by name, as scripts: run under strace, each says on its standard output what it promises from then on.

`python crash_scenarios.py NAME FOLDER BUNDLE…` runs one. The code is the device's and the province's own; only limits are made smaller, so
that what happens after megabytes happens after some entries.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import command_scenarios
import document_scenarios
import joining_scenarios
import outbox_scenarios
import own_keys_scenarios
import province_scenarios
import reset_scenarios
import salvage_scenarios
import spoilt_scenarios
import store_scenarios
import update_scenarios

AGAIN = "cut again"
OUTBOX_SCENARIOS: dict[str, Callable[..., None]] = {
    "record": outbox_scenarios.record,
    "send": outbox_scenarios.send,
    "checkpoint": outbox_scenarios.checkpoint,
    "fork": outbox_scenarios.fork,
    "salvage: log": salvage_scenarios.salvage_log,
    "salvage: pages": salvage_scenarios.salvage_pages,
    "salvage: note": salvage_scenarios.salvage_noted,
    "salvage: no room": salvage_scenarios.salvage_without_room,
    "salvage: often": salvage_scenarios.salvage_often,
    "salvage: cut short": salvage_scenarios.salvage_twice,
}
SCENARIOS = OUTBOX_SCENARIOS | {
    "documents": document_scenarios.several_documents,
    "gate and trip": document_scenarios.gate_and_trip,
    "keyring": document_scenarios.keyrings,
    "commands": command_scenarios.commands,
    "configurations": command_scenarios.configurations,
    "enrolment": document_scenarios.enrolment,
    "keeper's PIN": document_scenarios.keepers_pin,
    "day keys destroyed": province_scenarios.destroy,
    "revocation": province_scenarios.revoke,
    "erasure": province_scenarios.erase,
    "audit log": province_scenarios.look,
    "admission": province_scenarios.admit,
    "register brought up": store_scenarios.upgrade,
    "register put back": store_scenarios.restore,
    "key exchange": own_keys_scenarios.exchange,
    "keyring rotated": own_keys_scenarios.rotate,
    "join": joining_scenarios.joining_by_ticket,
    "renewal": joining_scenarios.renewal,
    "update": update_scenarios.trials,
    "reset": reset_scenarios.for_another_owner,
    "reset: new keys": reset_scenarios.with_new_keys,
}
SPOILT: dict[str, Callable[..., None]] = {
    "no fsync": spoilt_scenarios.no_fsync,
    "green too soon": spoilt_scenarios.green_too_soon,
    "plain TinyDB": spoilt_scenarios.plain_tinydb,
    "notes not synced": province_scenarios.notes_not_synced,
    "keys only unlinked": province_scenarios.keys_only_unlinked,
    "exchanged in place": own_keys_scenarios.exchange_in_place,
}


def main() -> None:
    """Runs one scenario and ends as a killed process does, with nothing closed."""
    logging.disable()
    name, folder, *bundles = sys.argv[1:]
    (SCENARIOS | SPOILT | {AGAIN: outbox_scenarios.again})[name](Path(folder), *map(Path, bundles))
    os._exit(0)


if __name__ == "__main__":
    main()
