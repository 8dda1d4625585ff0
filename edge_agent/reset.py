"""Makes a device nobody's again: for another site, another owner, or because its keys may be known.

What has no receipt is never thrown away by the way: whoever resets must name the number. The next log will say which one came before
it, so that the province sees where the old one ended.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edge_agent import identity, join, resetting, salvage, takeover
from edge_agent.documents import Documents
from edge_agent.entry import LogHead
from edge_agent.outbox import FILE_NAME as OUTBOX_FILE
from edge_agent.resetting import Plan


class WouldLose(Exception):
    """Entries without a receipt would be thrown away and nobody agreed to that number."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was done: who the device was, and how many entries are gone."""

    former: str
    discarded: int


def reset(state: Path, *, discard: int, new_keys: bool) -> Done:
    """Resets a device, with firmware and agent stopped. Cut short, it is finished by whoever starts first, or by doing it again.

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
        plan = resetting.unfinished(state)
        plan = _agreed(state, discard, new_keys=new_keys) if plan is None else replace(plan, new_keys=plan.new_keys or new_keys)
        resetting.carry_out(state, plan)
    former = plan.former
    return Done(f"{former['org']}/{former['device']}" if "org" in former else "nobody", plan.discarded)


def _agreed(state: Path, discard: int, *, new_keys: bool) -> Plan:
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
    with closing(Documents(state)) as documents:
        return Plan(_former(documents, None if waits is None else waits.head), waiting, new_keys)


def _former(documents: Documents, head: LogHead | None) -> dict[str, Any]:
    """Who the device was and the end of its last log; what an earlier reset noted stays where there is nothing newer."""
    now = takeover.enrolment_now(documents)  # sets damaged documents aside
    noted = dict(documents.get(identity.FORMER) or {})
    if now is not None:
        noted |= {"org": now["org"], "device": now["device"]}
    if head is not None and head.seq > 0:
        noted |= {"log": head.log.hex(), "seq": head.seq, "hash": head.hash.hex()}
    return noted
