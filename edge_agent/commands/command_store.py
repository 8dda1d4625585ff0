"""Which commands this device has taken, and how far each has come: on disk before anything is done, so that none is done twice.

One file of its own (`commands.json`), written by the agent alone. Taking a command and raising its issuer's counter is one write; each
further state is one more: accepted → running → done → told. Whoever starts after a power cut finds what was going on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from edge_agent.device import taken
from edge_agent.device.documents import Documents, DocumentsDamaged
from edge_agent.wire.command import Command, Signed
from edge_agent.wire.results import Result, State

log = logging.getLogger(__name__)
FILE_NAME = "commands.json"
DOCUMENT = "commands"
MOST_WAITING = 8  # accepted or running; one more is refused as `busy`
MOST_DONE = 32  # remembered, so that who asks again is told again


@dataclass(frozen=True, slots=True)
class Kept:
    """A command as it is kept.

    Attributes:
        issuer, counter: which one.
        digest: of its signed bytes, hex.
        nonce: that it carried, hex, or empty.
        state: accepted, running, successful or failed.
        reason, detail: why it failed.
        marks: what was noted when it began: how things were before.
        told: the broker has acknowledged its end.
    """

    issuer: str
    counter: int
    digest: str
    action: str
    arguments: tuple[str, ...]
    expires_ms: int
    nonce: str = ""
    state: State = State.ACCEPTED
    reason: str = ""
    detail: str = ""
    marks: Mapping[str, str] | None = None
    told: bool = False

    def result(self) -> Result:
        """What is said of it."""
        return Result(self.issuer, self.counter, self.action, self.state, self.reason, self.detail)

    @property
    def key(self) -> tuple[str, int]:
        """What names it."""
        return self.issuer, self.counter


def kept_of(signed: Signed) -> Kept:
    """A command just accepted."""
    command: Command = signed.command
    nonce = "" if command.nonce is None else command.nonce.hex()
    return Kept(signed.issuer, command.counter, signed.digest, str(command.action), command.arguments, command.expires_ms, nonce)


class Busy(Exception):
    """As many commands wait as may."""


class Replayed(Exception):
    """The counter is not above the issuer's last one."""


class CommandStore:
    """The commands of one device; its methods may be called from any thread.

    Args:
        state: the device's state folder.

    A file of which nothing is whole is set aside, one that is gone is missed (`device.taken`): `is_lost` holds for an issuer until it has
    answered this boot's nonce, or what it had ordered before could be done again.

    Raises:
        OSError: it cannot be read or written now; nothing was changed.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._noted = False
        self._issuers, self._commands, self._lost = self._read()
        if self._issuers and not self._noted:  # taken by a release that noted nothing
            with suppress(OSError):  # then with the next command
                self._note()

    def _read(self) -> tuple[dict[str, int], list[Kept], bool]:
        with closing(Documents(self._state, FILE_NAME)) as documents:
            try:
                stored = self._stored(documents)
                return dict(stored.get("issuers", {})), [_kept(each) for each in stored.get("commands", ())], stored.get("lost") is True
            except (DocumentsDamaged, TypeError, ValueError, KeyError, AttributeError) as error:
                log.error("%s: %s: set aside; commands must answer a nonce until each issuer is known again", documents.path, error)  # noqa: TRY400
                documents.set_aside()
                documents.put(DOCUMENT, {"issuers": {}, "commands": [], "lost": True})
                return {}, [], True

    def _stored(self, documents: Documents) -> dict[str, Any]:
        """What the file says; nothing where this device has never taken a command.

        Raises:
            DocumentsDamaged: it is torn, or gone.
        """
        stored, self._noted = documents.get_sure(DOCUMENT), taken.were_commands(self._state)
        if stored is None and self._noted:
            raise DocumentsDamaged("gone, though this device has taken commands")
        return stored or {}

    def _note(self) -> None:
        """Notes that commands are taken here, before the first; never without a file, or that would count as gone."""
        if not (self._state / FILE_NAME).exists():
            self._put({"issuers": {}, "commands": [], "lost": self._lost})
        taken.note_commands(self._state)
        self._noted = True

    def _write(self, issuers: Mapping[str, int], commands: list[Kept]) -> None:
        done = [kept for kept in commands if kept.told][:-MOST_DONE]
        commands = [kept for kept in commands if kept not in done]
        self._put({"issuers": dict(issuers), "commands": [asdict(kept) for kept in commands], "lost": self._lost})
        self._issuers, self._commands = dict(issuers), commands

    def _put(self, value: Mapping[str, Any]) -> None:
        with closing(Documents(self._state, FILE_NAME)) as documents:
            documents.put(DOCUMENT, value)

    def is_lost(self, issuer: str) -> bool:
        """Whether nobody knows what an issuer has ordered before."""
        with self._lock:
            return self._lost and issuer not in self._issuers

    def find(self, issuer: str, counter: int, digest: str) -> Kept | None:
        """A command that was taken already, with these very bytes."""
        with self._lock:
            return next((kept for kept in self._commands if (*kept.key, kept.digest) == (issuer, counter, digest)), None)

    def accept(self, kept: Kept) -> None:
        """Takes a command and raises its issuer's counter, in one write.

        Raises:
            Replayed, Busy: it is not taken.
        """
        with self._lock:
            if kept.counter <= self._issuers.get(kept.issuer, 0):
                raise Replayed
            if sum(not each.state.is_final for each in self._commands) >= MOST_WAITING:
                raise Busy
            if not self._noted:
                self._note()
            self._write(self._issuers | {kept.issuer: kept.counter}, [*self._commands, kept])

    def _change(self, key: tuple[str, int], change: Callable[[Kept], Kept]) -> Kept:
        with self._lock:
            changed = [change(kept) if kept.key == key else kept for kept in self._commands]
            self._write(self._issuers, changed)
            return next(kept for kept in changed if kept.key == key)

    def running(self, kept: Kept, marks: Mapping[str, str]) -> Kept:
        """It begins."""
        return self._change(kept.key, lambda now: replace(now, state=State.RUNNING, marks=dict(marks)))

    def done(self, kept: Kept, reason: str = "", detail: str = "") -> Kept:
        """It has ended: well where there is no reason."""
        state = State.FAILED if reason else State.SUCCESSFUL
        return self._change(kept.key, lambda now: replace(now, state=state, reason=reason, detail=detail))

    def told(self, kept: Kept) -> None:
        """The broker has its end."""
        self._change(kept.key, lambda now: replace(now, told=True))

    def next(self) -> Kept | None:
        """The oldest that has not ended."""
        with self._lock:
            return next((kept for kept in self._commands if not kept.state.is_final), None)

    def untold(self) -> list[Kept]:
        """Those that have ended, and the broker does not know."""
        with self._lock:
            return [kept for kept in self._commands if kept.state.is_final and not kept.told]


def _kept(value: Mapping[str, Any]) -> Kept:
    return Kept(**{**value, "arguments": tuple(value["arguments"]), "state": State(value["state"])})
