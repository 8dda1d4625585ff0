"""Lets only one process of a kind work on a state folder."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path


class AlreadyRunning(Exception):
    """Another process holds the lock."""


class ProcessLock:
    """An advisory lock on a file, held until `release` or the end of the process, however it ends.

    Args:
        path: the lock file; made when absent.
        name: the program, for the message.

    Raises:
        AlreadyRunning: another process holds it.
        OSError: the folder cannot be written.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._descriptor, 20).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            raise AlreadyRunning(f"{path}: another {name} (process {holder}) works on this folder; stop it first") from None
        with suppress(OSError):  # on a full disk the number is missing; the lock holds all the same
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, str(os.getpid()).encode())

    def release(self) -> None:
        """Lets others in."""
        os.close(self._descriptor)
