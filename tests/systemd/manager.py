"""The service manager's end of sd_notify(3): a datagram socket, and the watchdog that systemd would run on it."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Self

WAIT_S = 20.0


class Manager:
    """Hears what one service tells.

    Args:
        path: the socket; with `abstract` only its name counts.
        watchdog_s: what the service is told to keep to, seconds.
    """

    def __init__(self, path: Path, watchdog_s: float = 3.0, *, abstract: bool = False) -> None:
        self.address = f"@{path}" if abstract else str(path)
        self.watchdog_s = watchdog_s
        self.heard: list[str] = []
        self._at_s = time.monotonic()
        self._changed = threading.Condition()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{path}" if abstract else str(path))
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    @property
    def environment(self) -> dict[str, str]:
        return {"NOTIFY_SOCKET": self.address, "WATCHDOG_USEC": str(round(self.watchdog_s * 1e6))}

    def _listen(self) -> None:
        while data := self._socket.recv(4096):
            with self._changed:
                self.heard += data.decode().splitlines()
                self._at_s = time.monotonic()
                self._changed.notify_all()

    def count(self, line: str) -> int:
        return sum(each.startswith(line) for each in self.heard)

    def wait_for(self, line: str, more: int = 1) -> None:
        """Waits until a line that begins so was heard so many times more than before."""
        with self._changed:
            wanted = self.count(line) + more
            assert self._changed.wait_for(lambda: self.count(line) >= wanted, WAIT_S), f"no {line} in {self.heard}"

    def wait_for_first(self, line: str) -> None:
        self.wait_for_total(line, 1)

    def wait_for_total(self, line: str, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.count(line) >= count, WAIT_S), f"no {line} in {self.heard}"

    def wait_until_it_would_restart(self) -> None:
        """Waits until the service has been silent for so long that systemd would start it anew."""
        until_s = time.monotonic() + WAIT_S
        with self._changed:
            while (left_s := self._at_s + self.watchdog_s - time.monotonic()) > 0:
                assert time.monotonic() < until_s, f"still fed: {self.heard[-5:]}"
                self._changed.wait(left_s)

    @property
    def statuses(self) -> list[str]:
        return [each.removeprefix("STATUS=") for each in self.heard if each.startswith("STATUS=")]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join(WAIT_S)
        self._socket.close()
