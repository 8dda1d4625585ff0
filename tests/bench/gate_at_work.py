"""A whole gate in this process, fed with frames that are at hand: camera, decoder, queue, consumer, sealing, outbox and light."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
from gate_world import Enrolled
from numpy.typing import NDArray

from drivers import schemes
from drivers.camera import Frame
from drivers.urls import Scheme
from edge_agent.device.settings import LaneSettings
from firmware.gatehouse import Gatehouse

Grey = NDArray[np.uint8]


class FramesAtHand:
    """A camera whose next frame is always there, as that of a camera with a thread of its own is: what is measured is what comes after.

    Args:
        name: of the frames in `shown`.
    """

    shown: Mapping[str, Sequence[Grey]] = {}
    spans_s: dict[str, tuple[float, float]] = {}  # noqa: RUF012 - the bench reads it by name: first frame asked for, last one done with

    def __init__(self, name: str) -> None:
        self._name = name
        self._closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        """Yields all frames once."""
        started_s = time.perf_counter()
        for grey in self.shown[self._name]:
            if self._closed.is_set():
                return
            yield Frame(grey, time.monotonic())
        self.spans_s[self._name] = started_s, time.perf_counter()

    def close(self) -> None:
        """Ends `frames`."""
        self._closed.set()


_SCHEME = Scheme("at-hand", "For benchmarks.", f"{__name__}:FramesAtHand", path="name", example="at-hand:people")
logging.getLogger("firmware").addHandler(logging.NullHandler())  # "no more pictures" is no news here


@contextmanager
def _unseen() -> Iterator[None]:
    """The console light writes as it always does, to nobody."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, patch("sys.stdout", nowhere):
        yield


@dataclass(frozen=True, slots=True)
class Worked:
    """What came of a run: how long it took from the first frame to the last, and how many people it read or recorded."""

    seconds: float
    people: int


def work_of_gate(lanes: Mapping[str, Sequence[Grey]]) -> Worked:
    """Opens a gate, lets it work on the frames of its lanes `in` and `out` to their end, and closes it."""
    with tempfile.TemporaryDirectory() as folder, patch.object(schemes, "CAMERAS", (*schemes.CAMERAS, _SCHEME)), _unseen():
        enrolled = Enrolled(Path(folder) / "state", Path(folder) / "run")
        settings = enrolled.settings(*(LaneSettings(name, name, camera=f"at-hand:{name}") for name in lanes), indicator="console:")
        FramesAtHand.shown, FramesAtHand.spans_s = lanes, {}
        Gatehouse(settings, enrolled.identity()).run()  # ends by itself when all lanes came to their end
        spans_s = FramesAtHand.spans_s.values()
        return Worked(max(end for _, end in spans_s) - min(start for start, _ in spans_s), len(enrolled.passages()))
