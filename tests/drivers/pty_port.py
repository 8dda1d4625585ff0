"""A serial port made of a pseudo terminal: what is written to one end, a driver reads at the other."""

from __future__ import annotations

import os
import tty


class PtyPort:
    def __init__(self) -> None:
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._ours)
        self.path = os.ttyname(self._theirs)

    def send(self, data: bytes) -> None:
        os.write(self._ours, data)

    def unplug(self) -> None:
        for end in (self._ours, self._theirs):
            if end >= 0:
                os.close(end)
        self._ours = self._theirs = -1
