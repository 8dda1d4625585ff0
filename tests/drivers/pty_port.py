"""A serial port made of a pseudo terminal: what is written to one end, a driver reads at the other."""

from __future__ import annotations

import contextlib
import os
import select
import termios
import tty
from pathlib import Path


class PtyPort:
    """Args: link: a name for the port that stays the same when it is plugged in again, as /dev/serial/by-id does."""

    def __init__(self, link: Path | None = None) -> None:
        self._link = link
        self._ours = self._theirs = self._leaving = -1
        self.replug()

    def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._ours, view) :]

    def discard(self) -> None:
        """Forgets what was sent and no driver has read."""
        termios.tcflush(self._theirs, termios.TCIFLUSH)

    def receive(self) -> bytes:
        """Waits for what a driver writes; nothing once it is about to be unplugged."""
        waiting = select.poll()
        for fd in (self._ours, self._leaving):
            waiting.register(fd, select.POLLIN)
        return os.read(self._ours, 4096) if (self._leaving, select.POLLIN) not in waiting.poll() else b""

    def leave(self) -> None:
        """Ends a `receive`, for good unless it is plugged in again."""
        if self._leaving >= 0:
            os.eventfd_write(self._leaving, 1)

    def unplug(self) -> None:
        if self._link is not None:
            self._link.unlink(missing_ok=True)
        for end in (self._ours, self._theirs, self._leaving):
            if end >= 0:
                os.close(end)
        self._ours = self._theirs = self._leaving = -1

    def replug(self) -> None:
        self._leaving = os.eventfd(0)
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._ours)
        self.path = os.ttyname(self._theirs)
        if self._link is not None:
            with contextlib.suppress(FileNotFoundError):
                self._link.unlink()
            self._link.symlink_to(self.path)
            self.path = str(self._link)
