"""The simulated gate: shows the codes written to a FIFO as a camera would see phones held up to it.

Wiring: none. Each UTF-8 line written to the FIFO is the text of a code that somebody now holds up, until the next line; an
empty line means nobody is there. Needs segno, from the extra `gate-scanner[simulated]`.

Example:
    >>> from drivers.catalogue import open_camera                                    # doctest: +SKIP
    >>> camera = open_camera("simulated:/tmp/gate.fifo?seed=1")                      # doctest: +SKIP
    >>> # in another terminal:  echo "any text" > /tmp/gate.fifo
    >>> next(camera.frames()).grey.shape                                             # doctest: +SKIP
    (720, 1280)
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from threading import Event, Lock
from typing import TYPE_CHECKING

import numpy as np

from drivers.camera import Frame
from drivers.errors import Unavailable
from drivers.pacer import Pacer
from drivers.text_fifo import TextFifo

if TYPE_CHECKING:
    from drivers.simulated_view import Phone

_log = logging.getLogger(__name__)


class SimulatedCamera:
    """A camera at a gate that does not exist.

    Args:
        path: of the FIFO, made with mode 0600 if absent.
        fps: frames a second.
        seed: the same seed and the same lines at the same frames show the same pictures.
        size: width and height in pixels.

    Raises:
        Unavailable: the FIFO cannot be made or opened, or segno is not installed.
    """

    def __init__(self, path: str, fps: int = 30, seed: int = 1, size: tuple[int, int] = (1280, 720)) -> None:
        self._name = f"simulated:{path}"
        try:
            from drivers import simulated_view  # noqa: PLC0415 - its libraries are for the demonstration only
        except ImportError as problem:
            raise Unavailable(f"{self._name!r} needs {problem.name}. Install it: pip install 'gate-scanner[simulated]'.") from problem
        self._view = simulated_view
        self._fps = fps
        self._rng = np.random.default_rng(seed)
        self._scene = simulated_view.Scene(size, self._rng)
        self._closed = Event()
        self._using = Lock()  # held while the FIFO is read, so that nobody closes it under a read
        self._fifo = TextFifo(path, self._name)
        self._phone: Phone | None = None
        self._shown_frames = 0

    def frames(self) -> Iterator[Frame]:
        """Yields the view, newly drawn for each frame, until `close`."""
        pacer = Pacer(self._fps, self._closed)
        while pacer.wait():
            with self._using:
                lines = [] if self._closed.is_set() else self._fifo.read_lines()
            for text in lines:
                self._hold_up(text)
            grey = self._scene.draw(self._phone, self._shown_frames)
            self._shown_frames += 1
            yield Frame(grey, time.monotonic())

    def _hold_up(self, text: str) -> None:
        try:
            self._phone = self._view.Phone(text, self._rng) if text else None
        except self._view.TextDoesNotFit:
            _log.warning("%s: a line of %d characters does not fit a QR code: ignored", self._name, len(text))
            return
        self._shown_frames = 0

    def close(self) -> None:
        """Ends `frames` and lets go of the FIFO."""
        self._closed.set()
        with self._using:
            self._fifo.close()
