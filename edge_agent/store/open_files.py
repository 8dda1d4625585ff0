"""Tells whether an open outbox still lies where it was opened: SQLite does not look, and writes on into files without a name."""

from __future__ import annotations

import os
from pathlib import Path

from edge_agent.store.outbox import files_of


def _which(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


class OpenFiles:
    """The file, its write-ahead log and the log's index, as they were when they were opened.

    Without its log under its name a file has lost what was not folded back: whoever opens it next does not see that, and uses the same
    numbers again. Who has it open reads and folds back everything yet.

    Args:
        path: the outbox file, about to be opened.

    Raises:
        OSError: the disk does not say; FileNotFoundError when it is not there.
    """

    def __init__(self, path: Path) -> None:
        status = path.stat()
        self._main = path
        files = files_of(path)
        self._log, self._index = files.wal, files.shared
        self._opened: dict[Path, tuple[int, int] | None] = {path: (status.st_dev, status.st_ino)}

    def now_open(self) -> None:
        """Takes up the files beside it; call it when SQLite has read something and so has made or opened them.

        Raises:
            OSError: the disk does not say.
        """
        for file in (self._log, self._index):
            self._opened[file] = _which(file)

    def _is_in_place(self, file: Path) -> bool:
        opened = self._opened[file]
        return opened is not None and _which(file) == opened

    def main_is_gone(self) -> bool:
        """Whether the file itself was taken from its path, or another put there.

        Raises:
            OSError: the disk does not say.
        """
        return not self._is_in_place(self._main)

    def are_gone(self) -> bool:
        """Whether any of the three was taken away, or another put there.

        Raises:
            OSError: the disk does not say.
        """
        return not all(map(self._is_in_place, self._opened))

    def are_nobodys(self) -> bool:
        """Whether what is gone lies nowhere else under its name: nobody has opened the file anew without it.

        Raises:
            OSError: the disk does not say.
        """
        return all(self._is_in_place(file) or not os.path.lexists(file) for file in self._opened)
