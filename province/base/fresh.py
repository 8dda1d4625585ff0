"""Something made from files, made anew when one of them was replaced: so that a running service takes a renewed certificate by itself."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from edge_agent.base.stamp import Stamp
from province.base.errors import ProvinceError

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
        ProvinceError, OSError: whatever `make` raises, the first time only. Later the one before stays in use, the log says why, and each
            look tries again.
    """

    def __init__(self, files: Sequence[Path], make: Callable[[], Made]) -> None:
        self._files = files
        self._make = make
        self._lock = threading.Lock()
        self._told = ""
        self._stamp = Stamp(*files)
        self._stamp.changed()
        self._made = make()
        self._stamp.taken()

    def now(self) -> Made:
        """What the files say now; may be called from any thread."""
        with self._lock:
            if self._stamp.changed():
                try:
                    self._made = self._make()
                except (ProvinceError, OSError) as error:  # tried again next time: what failed now may not then
                    if str(error) != self._told:
                        self._told = str(error)
                        _log.warning("what was renewed cannot be used: %s; going on with what was there before", error)
                else:
                    self._stamp.taken()
                    self._told = ""
                    _log.info("renewed: %s", ", ".join(str(file) for file in self._files))
            return self._made
