"""The whole gate at work for a benchmark: driver, decoder, queue, consumer, sealing, outbox and light, as `run` has them."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
from gate_world import Enrolled
from numpy.typing import NDArray

from drivers import schemes
from drivers.camera import Frame
from drivers.urls import Scheme
from edge_agent.settings import LaneSettings
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


@contextmanager
def _unseen() -> Iterator[None]:
    """The console light writes as it always does, to nobody."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, patch("sys.stdout", nowhere):
        yield


def seconds_of_gate(lanes: Mapping[str, Sequence[Grey]]) -> tuple[float, int]:
    """Returns how long a gate is at work on the frames of its lanes, from the first to the last, and how many passages it recorded."""
    with tempfile.TemporaryDirectory() as folder, patch.object(schemes, "CAMERAS", (*schemes.CAMERAS, _SCHEME)), _unseen():
        enrolled = Enrolled(Path(folder) / "state", Path(folder) / "run")
        settings = enrolled.settings(
            *(LaneSettings(name, "in", camera=f"at-hand:{name}") for name in lanes), indicator="console:?colour=never"
        )
        FramesAtHand.shown, FramesAtHand.spans_s = lanes, {}
        Gatehouse(settings, enrolled.identity()).run()  # ends by itself when all lanes came to their end
        spans_s = FramesAtHand.spans_s.values()
        return max(end for _, end in spans_s) - min(start for start, _ in spans_s), len(enrolled.passages())
