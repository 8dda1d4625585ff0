"""What every end does so that names and bytes on the disk survive a power cut, and how it says that the disk refused."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_WRITING = threading.Lock()  # the agent has a thread for the broker, one for the door and one for tickets


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Has the operating system's errors name the file, as only those of opening and renaming do by themselves."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise


def written_beside(path: Path, data: bytes) -> Path:
    """Writes `NAME.new` beside a file, for its owner alone, its bytes on the disk to stay, and returns it; the caller renames it.

    The way has one name, so that what a power cut leaves is overwritten the next time: callers see to it that one writes at a time.

    Raises:
        OSError: it cannot be written; what there is of it is left.
    """
    new = path.with_name(f"{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with naming(new), os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return new


def write_private(path: Path, data: bytes) -> None:
    """Writes a file that only its owner may read, whole or not at all; the caller makes the folder stay.

    Threads take turns. Processes must see to it that only one of them writes.
    """
    with _WRITING:
        written_beside(path, data).rename(path)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder stay through a power cut.

    Raises:
        OSError: it is no folder, or the disk failed.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with naming(folder):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Makes a folder for its owner alone, and those above it that are missing; made to stay through a power cut.

    Raises:
        OSError: it cannot be made.
    """
    new = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for one in new:
        sync_folder(one.parent)


def sync_file(path: Path) -> None:
    """Makes what anybody has written to a file stay through a power cut.

    Raises:
        OSError: there is no such file, or the disk failed.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with naming(path):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def told(error: OSError, place: Path) -> str:
    """What to tell people of a refusal: the system's has a reason and mostly a file, our own are whole sentences already.

    Args:
        error: the refusal.
        place: what was worked on, where the error names no file.

    Example:
        >>> told(OSError(28, "No space left on device"), Path("state")), told(OSError("state: not a folder: remove it"), Path("state"))
        ('state: cannot be read or written (No space left on device)', 'state: not a folder: remove it')
    """
    return str(error) if error.strerror is None else f"{error.filename or place}: cannot be read or written ({error.strerror})"
