"""A piece of disk kept back for forgetting: on a full disk even a deletion needs room, and without it a full scanner stays full.

SQLite writes a deletion to the write-ahead log before it frees anything. Firmware keeps the reserve in place and records nothing
without it; the agent gives it up when a deletion meets a full disk, and firmware lays it down again once there is room.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

FILE_NAME = "outbox.reserve"
_MOST_BYTES = 12 * 1024 * 1024
_PART_OF_SMALL_DISKS = 6


class Reserve:
    """The reserve of one state folder.

    Args:
        folder: the device's state folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        disk = os.statvfs(folder)
        self.bytes = min(_MOST_BYTES, disk.f_blocks * disk.f_frsize // _PART_OF_SMALL_DISKS)

    def lay_down(self) -> bool:
        """Makes sure the reserve is there; False when the disk has no room for it. One stat() when it is."""
        with suppress(FileNotFoundError):
            if self._path.stat().st_size >= self.bytes:
                return True
        descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self.bytes)
        except OSError:
            self._path.unlink()
            return False
        finally:
            os.close(descriptor)
        return True

    def give_up(self) -> None:
        """Frees the reserve."""
        self._path.unlink(missing_ok=True)
