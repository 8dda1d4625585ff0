"""Finds QR codes in a camera's frames and reads their text exactly, or not at all: a wrong name is worse than none.

zxing-cpp looks at every frame that changed, at a tenth of what ZBar would cost. What it misses is tried again in other ways, a little
with each look, for as long as the person holds the code there: the plans are in rescues.py, the order of things in schedule.py.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from .busiest import busiest, size_of_busiest
from .corners import Box, Corners, neighbourhood, scaled
from .found import MOST_LOCATED, Decoded, Found, gathered, together
from .parts import is_part
from .readers import Reader
from .rescues import Rescue, Where
from .retouch import shrunk
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
class Look(Found):
    """What one frame showed.

    Attributes:
        took_ms: how long the look took.
        tried: the rescues of this look, by name.
        skipped: the view had not changed, so nobody looked: the rest is what the last look found, and still held up.
    """

    took_ms: float = 0.0
    tried: tuple[str, ...] = ()
    skipped: bool = False


class Decoder:
    """Looks at the frames of one source, in their order. One for each thread; several run side by side (both libraries release the GIL).

    Args:
        skip_unchanged: False looks at every frame even if it equals the last: for one picture that is looked at several times.
        with_zbar: False goes on without the second decoder, where its library does not work; a part of a text spread over several codes
            then passes for a whole one.

    Example:
        >>> decoder, wall = Decoder(), np.full((480, 640), 255, dtype=np.uint8)
        >>> [decoder.look(wall).skipped for _ in range(3)]
        [False, True, True]
    """

    def __init__(self, *, skip_unchanged: bool = True, with_zbar: bool = True) -> None:
        self._view = View()
        self._schedule = Schedule(skip_unchanged=skip_unchanged, with_zbar=with_zbar)
        self._with_zbar = with_zbar
        self._found = Found()  # by the last look

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
            return self._look(started_s, skipped=True)
        found, tried = self._rescued(grey, Reader.ZXING.read(grey))
        self._found = self._believed(found)
        return self._look(started_s, tuple(tried))

    def _look(self, started_s: float, tried: tuple[str, ...] = (), *, skipped: bool = False) -> Look:
        found = self._found
        return Look(found.decoded, found.located, found.not_text, (time.perf_counter() - started_s) * 1000, tried, skipped)

    def _rescued(self, grey: NDArray[np.uint8], seen: Found) -> tuple[Found, list[str]]:
        """Returns what is found in a frame that shows `seen` after this look's rescues, and their names; stops when all is read."""
        tried: list[str] = []
        plain = found = _in_frame(grey, seen)

        def work(rescue: Rescue) -> float:
            return _work(grey, rescue, plain)

        for rescue in self._schedule.rescues(found, work, glimpsed=bool(seen.located)):
            tried.append(rescue.name)
            before, found = found, rescued_by(rescue, grey, found)
            if found != before:
                self._schedule.paid(rescue)
            if found.settled and not plain.settled:
                self._schedule.read_all()
                break
        return found, tried

    def _believed(self, found: Found) -> Found:
        """Returns what is found without parts of texts; a text that the last look believed is not asked about again."""
        if not self._with_zbar:
            return found
        before = {one.text for one in self._found.decoded}
        parts = [one for one in found.decoded if one.drawn is not None and one.text not in before and is_part(one.drawn)]
        if not parts:
            return found
        decoded = tuple(one for one in found.decoded if one not in parts)
        return Found(decoded, found.located, (*found.not_text, *(one.corners for one in parts if one.corners is not None)))


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


def _in_frame(grey: NDArray[np.uint8], found: Found) -> Found:
    """Returns what is found without codes located outside of the frame, or nowhere: nothing can be rescued there, nor advised on."""
    located = tuple(corners for corners in found.located if not _around(grey, corners, _MARGIN).empty())
    return Found(found.decoded, located, found.not_text)


def _around(grey: NDArray[np.uint8], corners: Corners, margin: float) -> Box:
    return neighbourhood(corners, margin=margin, width=grey.shape[1], height=grey.shape[0])


def _work(grey: NDArray[np.uint8], rescue: Rescue, found: Found) -> float:
    """Returns what a rescue would cost, without looking for its place."""
    if rescue.where is Where.BUSIEST:
        return rescue.work(*size_of_busiest(grey.shape[0], grey.shape[1], rescue.at_most))
    return sum(rescue.work(box.bottom - box.top, box.right - box.left) for box in _boxes(grey, rescue, found))


def _boxes(grey: NDArray[np.uint8], rescue: Rescue, found: Found) -> list[Box]:
    """Returns the parts of the frame that a rescue works on."""
    if rescue.where is Where.WHOLE:
        return [Box(0, 0, grey.shape[1], grey.shape[0])]
    if rescue.where is Where.BUSIEST:
        done = [*(one.corners for one in found.decoded if one.corners is not None), *found.not_text]
        with _RETOUCHING:
            return [busiest(grey, rescue.at_most, [_around(grey, each, _DONE) for each in done])]
    boxes = [_around(grey, corners, _MARGIN) for corners in found.located]
    boxes.sort(key=lambda box: box.area, reverse=True)
    return boxes[: _NEIGHBOURHOODS if len(found.located) < MOST_LOCATED else 1]


def _tried(grey: NDArray[np.uint8], box: Box, rescue: Rescue) -> Found:
    """Returns what a rescue finds in one part of the frame, in the frame's coordinates."""
    part = grey[box.top : box.bottom, box.left : box.right]
    with _RETOUCHING:
        picture = shrunk(part, rescue.at_most)
        for retouch in rescue.retouches:
            picture = retouch(picture)
    found = rescue.reader.read(picture)
    scale = part.shape[1] / picture.shape[1]  # some retouches take a pixel off the rim: not worth correcting
    decoded = [
        replace(one, corners=None if one.corners is None else scaled(one.corners, scale, box.left, box.top)) for one in found.decoded
    ]
    return gathered(decoded, (), [scaled(corners, scale, box.left, box.top) for corners in found.not_text])
