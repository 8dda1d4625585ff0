"""Keeps an identity from being replaced while entries made under it still wait: they could never be delivered."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from edge_agent.device import identity
from edge_agent.device.documents import Documents, DocumentsDamaged
from edge_agent.store import outbox
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import FILE_NAME as OUTBOX_FILE
from edge_agent.store.outbox import Backlog, OutboxError
from edge_agent.wire.topics import DeviceName


class AlreadyEnrolled(Exception):
    """The device has an identity that must stay; nothing was changed."""


def enrolment_now(documents: Documents) -> dict[str, Any] | None:
    """The enrolment in force, None when there is none; damaged documents are set aside: enrolling again is the way out of that."""
    try:
        return documents.get_sure(identity.ENROLMENT)
    except DocumentsDamaged:
        documents.set_aside()
        return None


def backlog(state: Path) -> Backlog | None:
    """What waits in the outbox, None when there is no outbox.

    Raises:
        AlreadyEnrolled: it cannot be told.
    """
    try:
        with closing(Forwarder(state / OUTBOX_FILE)) as forwarder:
            return forwarder.backlog()
    except FileNotFoundError:
        return None
    except OutboxError as error:
        raise AlreadyEnrolled(f"{error}. Start gate-firmware first, which repairs it") from None


def refuse(state: Path, now: dict[str, Any] | None, name: DeviceName, root: str, *, same_key: bool) -> None:
    """Refuses a new identity that does not fit the one in force.

    Args:
        state: the device's state folder.
        now: the enrolment in force.
        name: who the device would become.
        root: the root it would trust, base64.
        same_key: it would go on signing with the same key.

    Raises:
        AlreadyEnrolled: as another device, in another province, or with another key while entries signed by the old one wait.
    """
    if now is None:
        return
    if (now["org"], now["device"]) != (name.org, name.device):
        was = f"{now['org']}/{now['device']}"
        raise AlreadyEnrolled(f"{state}: this device is enrolled as {was}. To give it another name: gate-agent reset")
    if now["root"] != root:
        raise AlreadyEnrolled(f"{state}: this device is enrolled in another province. To give it to this one: gate-agent reset")
    what_waits = backlog(state)
    if what_waits is not None and what_waits.entries and not same_key:
        raise AlreadyEnrolled(
            f"{state}: {what_waits.entries} entries signed by the old key wait for the province: run gate-agent until they are delivered"
        )


def forget_strange_predecessor(state: Path, root: str) -> None:
    """Takes away the empty outbox that a reset left, when the device begins anew in another province.

    Its first entry would name a log as its predecessor that this province cannot know. In the same province it does so under another
    name too, or what was thrown away under the old one would never be missed.

    Args:
        state: the device's state folder.
        root: of the province it joins, base64.
    """
    documents = Documents(state)
    try:
        former = documents.get_sure(identity.FORMER)
    finally:
        documents.close()
    if former is None or former.get("root", root) == root:  # it was nobody, or in no other province that anybody knows of
        return
    waits = backlog(state)
    if waits is not None and waits.head.seq == 0 and not waits.entries:
        outbox.remove(state / OUTBOX_FILE)
