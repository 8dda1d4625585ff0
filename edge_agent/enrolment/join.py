"""Joins by a ticket or an invitation: knocks at the door it names until there is an answer, then installs what was granted."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from edge_agent.base.process_lock import ProcessLock
from edge_agent.device import device_keys, identity
from edge_agent.device.control import Tried
from edge_agent.enrolment import knock, membership
from edge_agent.enrolment.knock import NotReached, Untrusted
from edge_agent.enrolment.membership import BadMembership
from edge_agent.enrolment.takeover import AlreadyEnrolled
from edge_agent.wire import ticket
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.joining import Membership, Outcome

_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 30.0
_LOST_TRIES = 5  # a network that comes and goes; a ticket lives ten minutes


class Refused(Exception):
    """The province does not let this device in; the message is its reason."""


class GivenUp(Refused):
    """There was no answer yet when whoever waits gave up; the message says what was waited for."""

    def __init__(self, why: str, *, reached: bool) -> None:
        super().__init__(f"given up: {why}")
        self.reached = reached


FAILURES = (Malformed, NotReached, Untrusted, Refused, BadMembership, AlreadyEnrolled, identity.BadIdentity, OSError)


def what_came(error: Exception) -> Tried:
    """One of `FAILURES`, as far as whoever shows the ticket can do something about it.

    Example:
        >>> what_came(Refused("the province refused: this ticket was used"))
        <Tried.REFUSED: 'refused'>
    """
    match error:
        case NotReached() | GivenUp(reached=False):
            return Tried.NOT_REACHED
        case Malformed() | Untrusted() | AlreadyEnrolled():
            return Tried.FOREIGN
        case Refused() if not isinstance(error, GivenUp):
            return Tried.REFUSED
        case _:
            return Tried.FAILED


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Keeps firmware and agent away while the identity changes.

    Raises:
        AlreadyRunning: one of them works on the folder.
        OSError: the folder cannot be written.
    """
    with ExitStack() as locks:
        for name in ("firmware", "agent"):
            locks.enter_context(ProcessLock(state / f"{name}.lock", f"gate-{name}"))
        yield


def member_now(state: Path) -> identity.Identity | None:
    """Who this device is, None when it is nobody's; a damaged identity is no obstacle: joining again is the way out."""
    with suppress(identity.NotEnrolled, identity.BadIdentity):
        return identity.load(state)
    return None


def until_answered(text: str, state: Path, wait: Callable[[float], bool], say: Callable[[str], None] = lambda _why: None) -> Membership:
    """Joins, waiting for an operator's approval when it takes one.

    The caller holds the locks of those who work on the state folder.

    Args:
        text: the ticket's or invitation's text.
        state: the device's state folder.
        wait: waits so many seconds; returns True to give up.
        say: told once each time why it takes longer.

    Returns:
        What was granted, installed.

    Raises:
        Malformed: not a ticket.
        Refused: the province says no.
        GivenUp: `wait` gave up.
        knock.NotReached, knock.Untrusted, membership.BadMembership: see there.
        takeover.AlreadyEnrolled, identity.BadIdentity, OSError: see `membership.install` and `device_keys.load_or_make`.
    """
    keys, member = device_keys.load_or_make(state), member_now(state)
    if member is not None and ticket.peek(text).root != ticket.fingerprint(member.root):
        raise AlreadyEnrolled(f"{state}: this ticket is of another province than the device. To give it to that one: gate-agent reset")
    said, tries, wait_s = "", 0, _FIRST_WAIT_S
    while True:
        try:
            heard = knock.with_ticket(text, keys, None if member is None else str(member.name))
        except NotReached as error:
            tries += 1
            if tries >= _LOST_TRIES:
                raise
            why, then = str(error), "; trying again"
        else:
            tries = 0
            granted = heard.answer.membership
            if granted is not None:
                membership.install(granted, heard.root, keys, state)
                return granted
            if heard.answer.outcome is Outcome.REFUSED:
                raise Refused(f"the province refused: {heard.answer.reason}")
            why, then = f"waiting for approval: {heard.answer.reason}", ""
        if why != said:
            said = why
            say(why + then)
        if wait(random.uniform(0.5, 1.0) * wait_s):  # noqa: S311 - spreading load, not a secret
            raise GivenUp(why, reached=not then)
        wait_s = min(_LONGEST_WAIT_S, wait_s * 1.5)
