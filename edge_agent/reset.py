"""Makes a device nobody's again: for another site, another owner, or because its keys may be known.

What has no receipt is never thrown away by the way: whoever resets must name the number. The next log will say which one came before
it, so that the province sees where the old one ended.
"""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent import identity, join, salvage, set_aside, stored_keyring, takeover
from edge_agent.disk import sync_folder
from edge_agent.documents import Documents
from edge_agent.entry import LogHead
from edge_agent.outbox import FILE_NAME as OUTBOX_FILE
from edge_agent.recorder import Recorder

_CAPACITY_BYTES = 1_000_000  # nothing is appended here
_SUFFIXES = ("", "-wal", "-shm")


class WouldLose(Exception):
    """Entries without a receipt would be thrown away and nobody agreed to that number."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was done: who the device was, and how many entries are gone."""

    former: str
    discarded: int


def reset(state: Path, *, discard: int, new_keys: bool) -> Done:
    """Resets a device, with firmware and agent stopped. Cut short by a power cut, it is done again.

    Args:
        state: the device's state folder.
        discard: how many entries without a receipt may be thrown away: exactly so many.
        new_keys: throws the private keys away too; the label's fingerprint changes.

    Raises:
        WouldLose: another number waits.
        takeover.AlreadyEnrolled: the outbox cannot be read, or is being salvaged.
        AlreadyRunning, OSError: the folder is in use, or cannot be written.
    """
    if not state.is_dir():
        raise FileNotFoundError(2, "No such folder", str(state))
    with join.locked(state):
        unfinished = salvage.unfinished(state / OUTBOX_FILE)
        if unfinished is not None:
            raise takeover.AlreadyEnrolled(f"{unfinished}: holds entries not yet salvaged. Start gate-firmware first, which does it")
        waits = takeover.backlog(state)
        waiting = 0 if waits is None else waits.entries
        if waiting != discard:
            raise WouldLose(
                f"{state}: {waiting} entries have no receipt of the province yet. Let gate-agent run until they are delivered, "
                f"or throw them away for good: gate-agent reset --discard {waiting}"
            )
        documents = Documents(state)
        try:
            former = _former(documents, None if waits is None else waits.head)
            documents.put(identity.FORMER, former)
            for name in (identity.ENROLMENT, stored_keyring.DOCUMENT):  # from here on the device is nobody's
                documents.remove(name)
        finally:
            documents.close()
        _forget_identity(state, new_keys=new_keys)
        _begin_new_log(state, former)
    return Done(f"{former['org']}/{former['device']}" if "org" in former else "nobody", waiting)


def _former(documents: Documents, head: LogHead | None) -> dict[str, Any]:
    """Who the device was and the end of its last log; what an earlier reset noted stays where there is nothing newer."""
    noted = dict(documents.get(identity.FORMER) or {})
    now = takeover.enrolment_now(documents)
    if now is not None:
        noted |= {"org": now["org"], "device": now["device"]}
    if head is not None and head.seq > 0:
        noted |= {"log": head.log.hex(), "seq": head.seq, "hash": head.hash.hex()}
    return noted


def _forget_identity(state: Path, *, new_keys: bool) -> None:
    folder = state / identity.FOLDER
    names = [identity.TLS_CERTIFICATE, identity.BROKER_CA, *((identity.SIGNING_KEY, identity.TLS_KEY) if new_keys else ())]
    for name in names:
        with suppress(FileNotFoundError):
            (folder / name).unlink()
    if folder.is_dir():
        sync_folder(folder)


def _begin_new_log(state: Path, former: dict[str, Any]) -> None:
    for suffix in _SUFFIXES:
        with suppress(FileNotFoundError):
            (state / (OUTBOX_FILE + suffix)).unlink()
    set_aside.remove_older(state, 0)  # the former owner's, of which all that waited has its receipt or was thrown away
    sync_folder(state)
    if "log" in former:
        with closing(Recorder(state / OUTBOX_FILE, _CAPACITY_BYTES)) as recorder:
            recorder.follow(LogHead(bytes.fromhex(former["log"]), former["seq"], bytes.fromhex(former["hash"])))
