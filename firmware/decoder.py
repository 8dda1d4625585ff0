"""Finds QR codes in a camera's frames and reads their text exactly, or not at all: a wrong name is worse than none.

zxing-cpp looks at every frame that changed, at a tenth of what ZBar would cost. What it misses is tried again in other ways, a little
with each look, for as long as the person holds the code there: the plans are in rescues.py, the order of things in schedule.py.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from .busiest import busiest
from .corners import Box, Corners, neighbourhood, scaled
from .found import MOST_LOCATED, Decoded, Found, gathered, together
from .readers import Reader
from .rescues import Rescue, Where
from .retouch import halved
from .schedule import Schedule
from .view import View

__all__ = ["Decoded", "Decoder", "Look"]

_MARGIN = 0.5  # around what was located: the quiet zone and some slack, since a half-read code's corners are rough
_DONE = 0.1  # around a code that was read: nothing more is looked for there
_NEIGHBOURHOODS = 2  # at most, a look: a textured background may "locate" dozens; one where it does
# Retouching is many short steps of numpy, each of which lets go of the GIL and takes it back. Two lanes that do so at once pass it to and
# fro and take longer than one after the other: two lanes were 1.7 times one, and are 1.9 times with this. The decoders run outside it.
_RETOUCHING = Lock()


@dataclass(frozen=True, slots=True)
class Look:
    """What one frame showed.

    Attributes:
        decoded: the codes read; the same text once.
        located: codes seen but not read, each once: the person is there and should hold still, or the code is damaged.
        not_text: codes read to the end that hold no UTF-8: looking again is of no use.
        took_ms: how long the look took.
        tried: the rescues of this look, by name.
        skipped: the view had not changed, so nobody looked; `located` is what the last look left.
    """

    decoded: tuple[Decoded, ...]
    located: tuple[Corners, ...]
    not_text: tuple[Corners, ...]
    took_ms: float
    tried: tuple[str, ...] = ()
    skipped: bool = False

    @property
    def settled(self) -> bool:
        """Whether a code was seen, and all that were seen were read to their end."""
        return bool(self.decoded or self.not_text) and not self.located


class Decoder:
    """Looks at the frames of one source, in their order. One for each thread; several run side by side (both libraries release the GIL).

    Args:
        skip_unchanged: False looks at every frame even if it equals the last: for one picture that is looked at several times.
        with_zbar: False goes on without the second decoder, where its library does not work.

    Example:
        >>> decoder, wall = Decoder(), np.full((480, 640), 255, dtype=np.uint8)
        >>> [decoder.look(wall).skipped for _ in range(3)]
        [False, True, True]
    """

    def __init__(self, *, skip_unchanged: bool = True, with_zbar: bool = True) -> None:
        self._view = View()
        self._schedule = Schedule(skip_unchanged=skip_unchanged, with_zbar=with_zbar)
        self._located: tuple[Corners, ...] = ()

    def look(self, grey: NDArray[np.uint8]) -> Look:
        """Looks at the source's next frame, as the schedule has it.

        Args:
            grey: 2-D uint8 array, 0 black to 255 white; rows may be strided.

        Raises:
            ValueError: the frame is not 2-D, not uint8 or has no pixels.
            zbar.ZBarError: ZBar was asked and the system's library is too old for it.
        """
        _check(grey)
        started_s = time.perf_counter()
        if self._schedule.skips(self._view.change(grey)):
            return Look((), self._located, (), (time.perf_counter() - started_s) * 1000, skipped=True)
        found, tried = self._rescued(grey, Reader.ZXING.read(grey))
        self._located = found.located
        return Look(found.decoded, found.located, found.not_text, (time.perf_counter() - started_s) * 1000, tuple(tried))

    def _rescued(self, grey: NDArray[np.uint8], found: Found) -> tuple[Found, list[str]]:
        """Returns what is found after this look's rescues, and their names; stops when all is read."""
        tried: list[str] = []
        plain = found

        def work(rescue: Rescue) -> float:
            return _work(grey, rescue, plain)

        for rescue in self._schedule.rescues(found, work):
            tried.append(rescue.name)
            found = rescued_by(rescue, grey, found)
            if found.settled and not plain.settled:
                self._schedule.read_all()
                break
        return found, tried


def rescued_by(rescue: Rescue, grey: NDArray[np.uint8], found: Found) -> Found:
    """Returns what is found after one rescue of a frame in which `found` was found so far."""
    for box in _boxes(grey, rescue, found):
        found = together(found, _tried(grey, box, rescue))
    return found


def _check(grey: object) -> None:
    if not isinstance(grey, np.ndarray) or grey.ndim != 2 or grey.dtype != np.uint8:
        what = f"{grey.ndim}-D of {grey.dtype}" if isinstance(grey, np.ndarray) else type(grey).__name__
        raise ValueError(f"a frame is a 2-D array of uint8, got {what}: convert it to grey first")
    if grey.size == 0:
        raise ValueError(f"a frame needs at least one pixel, got {grey.shape[1]} x {grey.shape[0]}")


def _work(grey: NDArray[np.uint8], rescue: Rescue, found: Found) -> float:
    """Returns what a rescue would cost, without looking for its place."""
    height, width = grey.shape
    if rescue.where is Where.BUSIEST:
        return rescue.work(min(height, rescue.at_most), min(width, rescue.at_most))
    return sum(rescue.work(box.bottom - box.top, box.right - box.left) for box in _boxes(grey, rescue, found))


def _boxes(grey: NDArray[np.uint8], rescue: Rescue, found: Found) -> list[Box]:
    """Returns the parts of the frame that a rescue works on."""
    height, width = grey.shape
    if rescue.where is Where.WHOLE:
        return [Box(0, 0, width, height)]
    if rescue.where is Where.BUSIEST:
        done = [*(one.corners for one in found.decoded if one.corners is not None), *found.not_text]
        with _RETOUCHING:
            return [busiest(grey, rescue.at_most, [neighbourhood(each, margin=_DONE, width=width, height=height) for each in done])]
    boxes = [neighbourhood(corners, margin=_MARGIN, width=width, height=height) for corners in found.located]
    visible = sorted((box for box in boxes if box.area), key=lambda box: box.area, reverse=True)
    return visible[: _NEIGHBOURHOODS if len(found.located) < MOST_LOCATED else 1]


def _tried(grey: NDArray[np.uint8], box: Box, rescue: Rescue) -> Found:
    """Returns what a rescue finds in one part of the frame, in the frame's coordinates."""
    part = picture = grey[box.top : box.bottom, box.left : box.right]
    with _RETOUCHING:
        while max(picture.shape) > rescue.at_most and min(picture.shape) > 1:
            picture = halved(picture)
        for retouch in rescue.retouches:
            picture = retouch(picture)
    found = rescue.reader.read(picture)
    scale = part.shape[1] / picture.shape[1]  # some retouches take a pixel off the rim: not worth correcting
    decoded = [
        Decoded(one.text, one.by, None if one.corners is None else scaled(one.corners, scale, box.left, box.top)) for one in found.decoded
    ]
    return gathered(decoded, (), [scaled(corners, scale, box.left, box.top) for corners in found.not_text])
