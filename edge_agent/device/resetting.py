"""The part of a reset that is done whole or not at all: noted first, and finished by whoever starts next when the power goes in between.

Half of it would be worse than none: a device that is nobody's with the log of the one it was, and its next name would go on with that.
"""

from __future__ import annotations

import logging
import shutil
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_agent.base.disk import sync_folder, write_private
from edge_agent.base.process_lock import alone
from edge_agent.device import identity, overlay, stored_keyring, taken
from edge_agent.device.documents import Documents, DocumentsDamaged
from edge_agent.device.identity import Identity
from edge_agent.store import outbox, set_aside
from edge_agent.store.outbox import FILE_NAME as OUTBOX_FILE
from edge_agent.store.outbox import OutboxError
from edge_agent.store.recorder import Recorder
from edge_agent.wire.entry import LogHead

log = logging.getLogger(__name__)
DOCUMENT = "resetting"
STATION_FOLDER = "station"  # the keeper's PIN and certificate, in the state folder
_COMMANDS = "commands.json"
_CAPACITY_BYTES = 1_000_000  # nothing is appended here


@dataclass(frozen=True, slots=True)
class Plan:
    """A reset that somebody has agreed to.

    Attributes:
        former: who the device was, and the end of its last log.
        discarded: how many entries without a receipt go.
        new_keys: the private keys go too.
        signing: the address of the new signing key, where it is in a token, and made already.
    """

    former: dict[str, Any]
    discarded: int
    new_keys: bool
    signing: str | None = None


def carry_out(state: Path, plan: Plan) -> None:
    """Does it, with firmware and agent stopped; cut short at any moment, `finish` does the rest.

    Raises:
        OSError: the folder cannot be written.
    """
    with alone(state), closing(Documents(state)) as documents:
        documents.put(DOCUMENT, asdict(plan))
        _carry_on(state, documents, plan)


def unfinished(state: Path) -> Plan | None:
    """A reset that was cut short, None when there is none."""
    with suppress(DocumentsDamaged), closing(Documents(state)) as documents:  # a write that is cut short damages nothing
        noted = documents.get_sure(DOCUMENT)
        return None if noted is None else Plan(**noted)
    return None


def finish(state: Path) -> bool:
    """Finishes a reset that was cut short, before anybody looks who this device is; says whether there was one.

    Firmware, agent and whoever gives the device an identity call it first. A reset in progress is waited for.

    Raises:
        OSError: the folder cannot be written.
    """
    if not state.is_dir():
        return False
    with alone(state):
        plan = unfinished(state)
        if plan is None:
            return False
        with closing(Documents(state)) as documents:
            _carry_on(state, documents, plan)
    return True


def identity_now(state: Path) -> Identity | None:
    """Who this device is once a reset that was cut short is finished, None when it belongs to nobody yet.

    Raises:
        identity.BadIdentity: see `identity.load`.
        OSError: the folder cannot be written.
    """
    if finish(state):
        log.warning("the reset of this device had been cut short; now it is done")
    with suppress(identity.NotEnrolled):
        return identity.load(state)
    return None


def _carry_on(state: Path, documents: Documents, plan: Plan) -> None:
    """Every step may have been done before."""
    documents.put(identity.FORMER, plan.former)
    for name in (identity.ENROLMENT, stored_keyring.DOCUMENT):  # from here on the device is nobody's
        documents.remove(name)
    for name in (overlay.FILE_NAME, _COMMANDS):  # the former owner's: what was set from afar, what was ordered
        for file in state.glob(f"{name}*"):
            file.unlink()
    taken.forget(documents)
    _forget_identity(state, plan)
    _begin_new_log(state, plan.former)
    documents.remove(DOCUMENT)


def _forget_identity(state: Path, plan: Plan) -> None:
    folder = state / identity.FOLDER
    gone = [identity.TLS_CERTIFICATE, identity.BROKER_CA, *((identity.SIGNING_KEY, identity.TLS_KEY) if plan.new_keys else ())]
    if plan.new_keys and plan.signing is not None:  # never without an address: somebody would make a key in a file
        write_private(folder / identity.SIGNING_KEY, plan.signing.encode())
        gone.remove(identity.SIGNING_KEY)
    for name in gone:
        with suppress(FileNotFoundError):
            (folder / name).unlink()
    if folder.is_dir():
        sync_folder(folder)
    if (state / STATION_FOLDER).exists():  # the keeper was the former owner's
        shutil.rmtree(state / STATION_FOLDER)


def _begin_new_log(state: Path, former: dict[str, Any]) -> None:
    outbox.remove(state / OUTBOX_FILE)  # with the agent's note of damage, on which the new one would not open
    set_aside.remove_older(state, 0)  # the former owner's, of which all that waited has its receipt or was thrown away
    sync_folder(state)
    if "log" in former:
        try:
            with closing(Recorder(state / OUTBOX_FILE, _CAPACITY_BYTES)) as recorder:
                recorder.follow(LogHead(bytes.fromhex(former["log"]), former["seq"], bytes.fromhex(former["hash"])))
        except OutboxError as error:
            raise OSError(str(error)) from None
