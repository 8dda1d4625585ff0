"""Pictures from files as if a camera saw them, for tests and measurements.

Wiring: none. Every format Pillow reads will do; pictures of a folder come in the order of their names. Unlike a real camera
it never skips a picture for a slow consumer, so that a measurement sees every one.

Example:
    >>> from drivers.catalogue import open_camera                              # doctest: +SKIP
    >>> for frame in open_camera("images:/srv/pictures?fps=5").frames():       # doctest: +SKIP
    ...     print(frame.grey.shape)
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import numpy as np
from PIL import Image

from drivers.camera import Frame, GreyFrame
from drivers.errors import Unavailable
from drivers.pacer import Pacer

_log = logging.getLogger(__name__)


class ImageCamera:
    """One picture or a folder of pictures.

    Args:
        path: a picture, or a folder whose files are taken in the order of their names (subfolders are not).
        fps: pictures a second.
        loop: whether to begin again after the last.

    Raises:
        Unavailable: the path does not exist or the folder is empty.
    """

    def __init__(self, path: str, fps: float = 30.0, loop: bool = False) -> None:
        self._name = f"images:{path}"
        self._loop = loop
        self._fps = fps
        self._closed = Event()
        self._skipped = 0
        here = Path(path)
        try:
            self._files = sorted(file for file in here.iterdir() if file.is_file()) if here.is_dir() else [here]
            if not self._files or not self._files[0].is_file():
                raise FileNotFoundError("no picture there")
        except OSError as problem:
            raise Unavailable(f"{self._name!r} cannot be opened ({problem}). Name a picture or a folder that holds pictures.") from problem

    @property
    def skipped(self) -> int:
        """How many files could not be read as pictures so far."""
        return self._skipped

    def frames(self) -> Iterator[Frame]:
        """Yields each picture at its time.

        Raises:
            Unavailable: not one of the files can be read as a picture.
        """
        pacer = Pacer(self._fps, self._closed)
        while not self._closed.is_set():
            shown = 0
            for file in self._files:
                grey = self._read(file)
                if grey is None:
                    continue
                if not pacer.wait():
                    return
                yield Frame(grey, time.monotonic())
                shown += 1
            if not shown and not self._closed.is_set():
                raise Unavailable(f"{self._name!r} holds no picture that can be read. Put pictures there, for example PNG or JPEG.")
            if not self._loop:
                return

    def _read(self, file: Path) -> GreyFrame | None:
        try:
            with Image.open(file) as picture:
                return np.asarray(picture.convert("L"))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as problem:
            self._skipped += 1
            _log.warning("picture %s skipped: it cannot be read (%s)", file.name, type(problem).__name__)
            return None

    def close(self) -> None:
        """Ends `frames`."""
        self._closed.set()
