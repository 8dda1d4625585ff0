"""A switch made of a FIFO, for machines without pins: whoever may write to it presses and lets go.

Wiring: none. The FIFO is made with mode 0600 if it is not there. Each line is `1` (active) or `0`; other lines are dropped:
`echo 1 > /run/gate-scanner/door.fifo` presses.

Example:
    >>> from drivers.catalogue import open_switch                                # doctest: +SKIP
    >>> for change in open_switch("fifo:/run/gate-scanner/door.fifo").changes(): # doctest: +SKIP
    ...     print("active" if change.active else "at rest")
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

from drivers.errors import Unplugged
from drivers.interruptible import InterruptibleFile
from drivers.line_framing import LineFraming
from drivers.switch import Change
from drivers.text_fifo import open_fifo

_log = logging.getLogger(__name__)
_LEVELS = {b"1": True, b"0": False}
_CHUNK_BYTES = 4096
_LONGEST_LINE_BYTES = 16
_WAIT_S = 60.0


class FifoSwitch:
    """One FIFO.

    Args:
        path: where it is or shall be.
        active: how the switch is before anybody writes.

    Raises:
        Unavailable: something else is at that path, the folder does not exist, or we may not read it.
    """

    def __init__(self, path: str, active: bool = False) -> None:
        self._name = f"fifo:{path}"
        self._active = active
        self._dropped = False
        self._framing = LineFraming(_LONGEST_LINE_BYTES)
        self._file = InterruptibleFile(open_fifo(path, self._name))

    def changes(self) -> Iterator[Change]:
        """Yields how the switch is, then each change; see `Switch.changes`."""
        if not self._file.closed:
            yield Change(self._active, time.monotonic())
        while not self._file.closed:
            try:
                data = self._file.read(_CHUNK_BYTES, _WAIT_S)
            except OSError as problem:
                raise Unplugged(f"{self._name!r} cannot be read any more. It is opened anew.") from problem
            for line in self._framing.feed(data or b""):
                active = _LEVELS.get(line)
                if active is None:
                    self._drop()
                elif active is not self._active and not self._file.closed:
                    self._active = active
                    yield Change(active, time.monotonic())

    def _drop(self) -> None:
        if not self._dropped:  # said once: whoever floods it must not bury everything else in the log
            _log.warning("%s: a line was dropped: write 1 or 0", self._name)
        self._dropped = True

    def close(self) -> None:
        """Ends `changes` at once; the FIFO stays, writers may hold it open."""
        self._file.close()
