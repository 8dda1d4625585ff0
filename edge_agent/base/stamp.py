"""Tells whether files were replaced since they were last read with success."""

from __future__ import annotations

from pathlib import Path

_Look = tuple[tuple[int, int, int] | None, ...]


class Stamp:
    """What some files looked like when they were last taken up; a look costs one stat() a file (microseconds).

    What was read counts only after `taken()`: what could not be read now, for want of descriptors or with a sick card, is looked at again
    next time, though the file did not change meanwhile. One thread at a time.

    Args:
        files: which may be missing; that they come or go is a change too.

    Example:
        >>> from tempfile import NamedTemporaryFile
        >>> with NamedTemporaryFile() as file:
        ...     stamp = Stamp(Path(file.name))
        ...     before = stamp.changed()
        ...     stamp.taken()
        ...     (before, stamp.changed())
        (True, False)
    """

    def __init__(self, *files: Path) -> None:
        self._files = files
        self._seen: _Look = ()
        self._taken: _Look | None = None

    def changed(self) -> bool:
        """Whether they are others than those taken; ask before they are read, so that what is replaced meanwhile is seen next time."""
        self._seen = tuple(_look(file) for file in self._files)
        return self._seen != self._taken

    def taken(self) -> None:
        """What the last `changed()` saw was read, and is in use."""
        self._taken = self._seen


def _look(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
