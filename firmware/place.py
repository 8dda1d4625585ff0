"""Notices that this device was moved: the agent has obeyed a ticket, and what is recorded from now on must name the new place."""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path

from edge_agent.documents import FILE_NAME, Documents, DocumentsDamaged
from edge_agent.identity import ENROLMENT, Identity


class WatchedPlace:
    """The place that the state folder says, beside the one that the gate opened with.

    It is looked for on the disk and not waited for in a message: the agent may have died between obeying and saying so.

    Args:
        state: the device's state folder.
        identity: who and where we are since the gate opened.
    """

    def __init__(self, state: Path, identity: Identity) -> None:
        self._state = state
        self._ours = (identity.name.org, identity.name.device, identity.site, identity.gate)
        self._stamp: tuple[int, int] | None = None

    def is_left(self) -> bool:
        """Whether we are somebody or somewhere else by now; what cannot be read leaves us where we are. One stat() when nothing changed."""
        with suppress(OSError, DocumentsDamaged):
            status = (self._state / FILE_NAME).stat()
            stamp = (status.st_ino, status.st_mtime_ns)
            if stamp == self._stamp:
                return False
            with closing(Documents(self._state)) as documents:
                enrolled = documents.get_sure(ENROLMENT)
            if enrolled is not None and tuple(enrolled.get(key) for key in ("org", "device", "site", "gate")) != self._ours:
                return True
            self._stamp = stamp
        return False
