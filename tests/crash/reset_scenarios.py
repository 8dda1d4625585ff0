"""A member is reset, for another owner or because its keys may be known, while the power may go at any moment.

It has worked: entries wait, a damaged outbox of earlier is set aside.
"""

from __future__ import annotations

import json
from pathlib import Path

from crash_device import STATE, say
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joining_scenarios import GATES, join_at
from sealed_examples import DEVICE, filled

from edge_agent.base.disk import make_folder, write_private
from edge_agent.device import identity
from edge_agent.enrolment import reset
from edge_agent.store import outbox, set_aside
from edge_agent.wire import envelope
from edge_agent.wire.entry import LogHead

ENTRIES = 5


def _note_of(folder: Path) -> Path:
    return folder / "last.json"


def last_of(folder: Path) -> LogHead:
    """The end of its log when it was reset, as whoever looks afterwards knows it."""
    noted = json.loads(_note_of(folder).read_text())
    return LogHead(bytes.fromhex(noted["log"]), ENTRIES, bytes.fromhex(noted["hash"]))


def found(folder: Path) -> None:
    """Makes the member, with the key that all examples are signed with, before the power can go."""
    state = folder / STATE
    make_folder(state)
    make_folder(state / identity.FOLDER)
    pem = DEVICE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(state / identity.FOLDER / identity.SIGNING_KEY, pem)
    join_at(GATES[0], state)
    made = filled(state / outbox.FILE_NAME, ENTRIES)
    log, digest = envelope.peek(made[0]).header.log, envelope.envelope_hash(made[-1])
    _note_of(folder).write_text(json.dumps({"log": log.hex(), "hash": digest.hex()}))
    earlier = state / f"{set_aside.DONE}1"
    earlier.mkdir()
    (earlier / outbox.FILE_NAME).write_bytes(b"of earlier")


def _reset(folder: Path, *, new_keys: bool) -> None:
    say("begun", store="reset", name="nobody", value={"new_keys": new_keys})
    reset.reset(folder / STATE, discard=ENTRIES, new_keys=new_keys)
    say("done", store="reset", name="nobody", value={"new_keys": new_keys})


def for_another_owner(folder: Path) -> None:
    """The keys, and with them the label, stay."""
    _reset(folder, new_keys=False)


def with_new_keys(folder: Path) -> None:
    """The keys go too."""
    _reset(folder, new_keys=True)
