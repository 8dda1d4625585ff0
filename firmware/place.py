"""Notices that this device was moved, or set anew from afar: what is recorded from now on must name the new place, and go by new rules."""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path

from edge_agent.base.stamp import Stamp
from edge_agent.device import overlay
from edge_agent.device.documents import FILE_NAME, Documents, DocumentsDamaged
from edge_agent.device.identity import ENROLMENT, Identity


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
        self._stamp = Stamp(state / FILE_NAME)

    def is_left(self) -> bool:
        """Whether we are somebody or somewhere else by now; what cannot be read leaves us where we are. One stat() when nothing changed."""
        with suppress(OSError, DocumentsDamaged):
            if not self._stamp.changed():
                return False
            with closing(Documents(self._state)) as documents:
                enrolled = documents.get_sure(ENROLMENT)
            if enrolled is not None and tuple(enrolled.get(key) for key in ("org", "device", "site", "gate")) != self._ours:
                return True
            self._stamp.taken()
        return False


class WatchedOverlay:
    """What is set from afar on the disk, beside what the gate opened with.

    Args:
        state: the device's state folder.
        mark: of what is in use since the gate opened.
    """

    def __init__(self, state: Path, mark: str) -> None:
        self._state = state
        self._mark = mark
        self._stamp = Stamp(state / overlay.FILE_NAME)

    def is_another(self) -> bool:
        """Whether something else is wanted by now. One stat() when nothing changed."""
        if not self._stamp.changed():
            return False
        if overlay.mark(overlay.in_force(self._state)) != self._mark:
            return True
        self._stamp.taken()
        return False
