"""Something made from files, made anew when one of them was replaced: so that a running service takes a renewed certificate by itself."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from province.errors import ProvinceError

_log = logging.getLogger(__name__)
Made = TypeVar("Made")


class Fresh(Generic[Made]):
    """Holds what was made last.

    A look costs a `stat` a file (microseconds), so it is taken whenever the thing is used. Files are replaced whole
    (`files.write_atomically`), never rewritten in place.

    Args:
        files: what it is made from.
        make: makes it.

    Raises:
        ProvinceError, OSError: whatever `make` raises, the first time only: later the one before stays in use, and the log says why.
    """

    def __init__(self, files: Sequence[Path], make: Callable[[], Made]) -> None:
        self._files = files
        self._make = make
        self._lock = threading.Lock()
        self._stamp = self._look()
        self._made = make()

    def _look(self) -> list[tuple[int, int] | None]:
        return [_stamp(file) for file in self._files]

    def now(self) -> Made:
        """What the files say now; may be called from any thread."""
        with self._lock:
            stamp = self._look()  # before they are read: what is replaced meanwhile is seen next time
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._made = self._make()
                except (ProvinceError, OSError) as error:
                    _log.warning("what was renewed cannot be used: %s; going on with what was there before", error)
                else:
                    _log.info("renewed: %s", ", ".join(str(file) for file in self._files))
            return self._made


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns
