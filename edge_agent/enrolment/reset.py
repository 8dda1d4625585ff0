"""Makes a device nobody's again: for another site, another owner, or because its keys may be known.

What has no receipt is never thrown away by the way: whoever resets must name the number. The next log will say which one came before
it, so that the province sees where the old one ended.
"""

from __future__ import annotations

import logging
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edge_agent.device import identity, resetting, token_signer
from edge_agent.device.documents import Documents
from edge_agent.device.resetting import Plan
from edge_agent.enrolment import join, takeover
from edge_agent.store import salvage
from edge_agent.store.outbox import FILE_NAME as OUTBOX_FILE
from edge_agent.wire.entry import LogHead

log = logging.getLogger(__name__)


class KeysElsewhere(Exception):
    """New keys are asked for, and cannot be made here now; nothing was changed."""


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
        new_keys: throws the private keys away too; the label's fingerprint changes. A key in a token gives way to another there.

    Raises:
        WouldLose: another number waits.
        KeysElsewhere: new keys are wanted, and the keys are systemd credentials, or in a token that makes none now.
        takeover.AlreadyEnrolled: the outbox cannot be read, or is being salvaged.
        AlreadyRunning, OSError: the folder is in use, or cannot be written.
    """
    if not state.is_dir():
        raise FileNotFoundError(2, "No such folder", str(state))
    with join.locked(state):
        plan = resetting.unfinished(state)
        plan = _agreed(state, discard, new_keys=new_keys) if plan is None else replace(plan, new_keys=plan.new_keys or new_keys)
        before = _address(state) if new_keys else None
        if before is not None and plan.signing is None:
            plan = replace(plan, signing=_made_beside(before, state))
        resetting.carry_out(state, plan)
    if before is not None and before != plan.signing:
        _destroy(before)
    former = plan.former
    return Done(f"{former['org']}/{former['device']}" if "org" in former else "nobody", plan.discarded)


def _address(state: Path) -> str | None:
    """Where in a token the signing key is, None when it is in none."""
    folder = state / identity.FOLDER
    if elsewhere := identity.credentials(folder):
        raise KeysElsewhere(
            f"{folder}: {', '.join(elsewhere)}: systemd credentials, which only the services are given; nothing was changed. "
            "Make new ones where these were made (systemd-creds encrypt), or remove them from the services' units and these files here "
            "with them; then: gate-agent reset"
        )
    with suppress(FileNotFoundError):
        data = (folder / identity.SIGNING_KEY).read_bytes()
        return data.decode() if data.startswith(token_signer.PREFIX.encode()) else None
    return None


def _made_beside(address: str, state: Path) -> str:
    try:
        return token_signer.make_another(address)
    except (token_signer.TokenTrouble, ValueError) as error:
        file = state / identity.FOLDER / identity.SIGNING_KEY
        raise KeysElsewhere(f"{file}: {error}; nothing was changed. If that token is gone for good: remove this file first") from None


def _destroy(address: str) -> None:
    """The new key counts already, and the old one cannot be copied: where the token keeps it, it is only a place taken."""
    try:
        token_signer.TokenSigner(address).destroy()
    except (token_signer.TokenTrouble, ValueError) as error:
        log.warning("the old key is still in its token, unused: %s", error)


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
        return Plan(_former(documents, None if waits is None else waits.last), waiting, new_keys)


def _former(documents: Documents, last: LogHead | None) -> dict[str, Any]:
    """Who the device was and its last entry; what an earlier reset noted stays where there is nothing newer."""
    now = takeover.enrolment_now(documents)  # sets damaged documents aside
    noted = dict(documents.get_sure(identity.FORMER) or {})
    if now is not None:
        if noted.get("root", now["root"]) != now["root"]:
            noted.clear()  # the log was of the province before this one
        noted |= {"org": now["org"], "device": now["device"], "root": now["root"]}
    if last is not None:
        noted |= {"log": last.log.hex(), "seq": last.seq, "hash": last.hash.hex()}
    return noted
