"""Lets only one process of a kind work on a folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self


class AlreadyRunning(Exception):
    """Another process holds the lock."""


class ProcessLock:
    """An advisory lock on a file, held until `release`, the end of its `with`, or the end of the process, however it ends.

    Args:
        path: the lock file; made when absent.
        name: the program, for the message.

    Raises:
        AlreadyRunning: another process holds it.
        OSError: the folder cannot be written; the message says so in full.
    """

    def __init__(self, path: Path, name: str) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise OSError(f"{path}: cannot be written ({error.strerror}): check the disk, and run this as the scanner's own user") from None
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


@contextmanager
def among(path: Path, name: str) -> Iterator[None]:
    """One of several at work, whom a `ProcessLock` on the same file keeps out, as each of them keeps that out.

    Raises:
        AlreadyRunning: somebody works on it alone.
        OSError: the folder cannot be written.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"{path}: held by another program, so {name} cannot run; try again when that has ended") from None
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Waits until no other thread or process is inside with the same lock, and then keeps them waiting.

    Not to be entered again from inside: it would wait for itself.

    Args:
        lock: a file, made when it is not there, which stays; or a folder itself, where a file could be one that another user cannot open.

    Raises:
        OSError: it cannot be opened.
    """
    descriptor = os.open(lock, os.O_RDONLY | os.O_DIRECTORY if lock.is_dir() else os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def make_runtime(runtime: Path) -> None:
    """Makes the runtime folder.

    Raises:
        OSError: it cannot be made; the message says so in full.
    """
    try:
        runtime.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"{runtime}: cannot be made ({error.strerror}): set device.runtime to a folder this user may make") from None
