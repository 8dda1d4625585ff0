"""Keeps the way to the disk open: notices an outbox that is full, broken or gone, has it repaired, and records what it still owes.

A key in a token that does not sign shows as broken too: there is nothing to repair, and the look of each second sees when it signs again.

Source: design.md "Failure table". Belongs to the consumer's thread.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress

from edge_agent.base.trouble import where
from edge_agent.store.outbox import OutboxDamaged, OutboxError, OutboxFull
from edge_agent.wire.entry import Kind
from firmware.recording import Kept, NotSigned, Recording

log = logging.getLogger(__name__)
_AGAIN_S = 1.0
_NOTES = 32
Repair = Callable[[bool], Mapping[str, int] | None]


class OutboxCare:
    """The outbox as the gate sees it.

    Args:
        recording: records.
        repair: called when the outbox does not work, with whether damage was met: opens it anew, a damaged one set aside;
            returns facts of a salvage, None when there was none; raises OutboxError or OSError when it does not help now.
        note_percent: fuller than this is nearly full.
        changed: called when the outbox is in another state than before, so that the lights can say so.
    """

    def __init__(self, recording: Recording, repair: Repair, note_percent: int, changed: Callable[[], None]) -> None:
        self.recording = recording
        self._repair = repair
        self._note_at = note_percent / 100
        self._changed = changed
        self.full = self.broken = False
        self._damaged = self._unsigned = False
        self._repair_at_s = 0.0
        self._owed: deque[tuple[Kind, Mapping[str, str | int]]] = deque(maxlen=_NOTES)  # notes that could not be recorded yet

    @property
    def nearly_full(self) -> bool:
        """Whether an operator should look."""
        return self.fullness >= self._note_at

    @property
    def fullness(self) -> float:
        """How much of what may wait is waiting, 0 to 1."""
        return self.recording.recorder.fullness

    def counters(self) -> dict[str, str | int]:
        """How it is: `state` is `working`, `nearly-full`, `full`, `broken` or `not-signed`; `waiting` counts entries."""
        state = "not-signed" if self._unsigned else "broken" if self.broken else "full" if self.full else "nearly-full"
        if state == "nearly-full" and not self.nearly_full:
            state = "working"
        return {"state": state, "waiting": self.recording.recorder.waiting}

    def note(self, kind: Kind, facts: Mapping[str, str | int]) -> None:
        """Records something about the device; when that fails the gate goes on, shows it, and records it as soon as it can."""
        self._owed.append((kind, facts))
        try:
            self._record_owed()
        except OutboxError as error:
            self._could_not_record(error)

    def record(self, passage: Callable[[], Kept]) -> Kept | None:
        """Records a passage after all notes that are owed; None when it is not on disk.

        Args:
            passage: records it; raises OutboxError when it could not.
        """
        try:
            self._record_owed()
            return passage()
        except OutboxError as error:
            self._could_not_record(error)
            return None

    def works_again(self) -> None:
        """An entry was recorded: whatever was wrong is over."""
        if self.full or self.broken:
            self.full = self.broken = False
            log.info("the outbox takes entries again")
            self._changed()

    def look(self) -> None:
        """Sees how full the outbox is, and after a refusal whether it takes entries again: the light tells the next person the truth."""
        try:
            if not (self.full or self.broken) and not self.recording.recorder.is_gone():
                self.recording.recorder.backlog()
                return
            self.recording.probe()
            self._record_owed()
        except OutboxError as error:
            self._could_not_record(error)
        else:
            self.works_again()

    def repair_when_due(self) -> None:
        """Has a broken outbox repaired, at most once a second."""
        if not self.broken or self._unsigned or time.monotonic() < self._repair_at_s:
            return
        self._repair_at_s = time.monotonic() + _AGAIN_S
        with suppress(OutboxError, OSError):  # then it stays broken, which is shown, and is tried again
            salvaged = self._repair(self._damaged)
            self._damaged = False
            if salvaged is not None:
                self.note(Kind.SALVAGE, salvaged)
            self.look()

    def tidy(self) -> None:
        """For moments in which nobody waits at the gate."""
        self.recording.recorder.checkpoint_if_large()

    def _record_owed(self) -> None:
        while self._owed:
            try:
                self.recording.note(*self._owed[0])
            except OutboxError:
                raise
            except Exception as error:  # noqa: BLE001 - a note about the device must not keep people out
                log.error("a note about the device cannot be recorded: %s", where(error))  # noqa: TRY400 - `where` holds no data
            self._owed.popleft()

    def _could_not_record(self, error: OutboxError) -> None:
        before = (self.full, self.broken, self._unsigned)
        self.full = isinstance(error, OutboxFull)
        self.broken = not self.full
        self._unsigned = isinstance(error, NotSigned)
        self._damaged = self._damaged or isinstance(error, OutboxDamaged)
        if (self.full, self.broken, self._unsigned) != before:
            log.error("not recorded: %s", error)
        self._changed()
