"""Finds QR codes in a grey frame and reads their text exactly, or not at all: a wrong name is worse than none.

zxing-cpp looks first: 33 ms of ZBar on an empty frame are too dear for each one, 3 ms are not. ZBar is asked for a second opinion where
zxing-cpp found a code it could not read. Neither is believed when it guesses an encoding: only bytes that are UTF-8 become text.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

import numpy as np
import zxingcpp
from numpy.typing import NDArray

from . import zbar
from .corners import Box, Corners, centre, moved, neighbourhood

# Model 2 alone is the QR code of people's codes. Each further family is one more way to see a code where none is.
_FORMAT = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCodeModel2)

_MARGIN = 0.5  # ZBar needs the quiet zone and some slack: a half-read code's corners are rough
_NEIGHBOURHOODS = 2  # at most, a look: a textured background may "locate" dozens


class SecondOpinion(StrEnum):
    """When ZBar is asked."""

    NEVER = "never"
    LOCATED = "located"  # around what zxing-cpp found but could not read: costs nothing on an empty frame
    ALWAYS = "always"  # and, when nothing at all was read, on the whole frame: for pictures, too dear for a camera


@dataclass(frozen=True, slots=True)
class Decoded:
    """A code that was read.

    Attributes:
        text: all of it, exactly; kept out of `repr` since it is somebody's.
        by: the decoder that read it.
        corners: where it is; None if the decoder does not say.
    """

    text: str = field(repr=False)
    by: Literal["zxing", "zbar"]
    corners: Corners | None


@dataclass(frozen=True, slots=True)
class Look:
    """What one frame showed.

    Attributes:
        decoded: the codes read; the same text once.
        located: codes seen but not read, each once: the person is there and should hold still, or the code is damaged.
        not_text: codes read to the end that hold no UTF-8: looking again is of no use.
        took_ms: how long the look took.
    """

    decoded: tuple[Decoded, ...]
    located: tuple[Corners, ...]
    not_text: tuple[Corners, ...]
    took_ms: float


class Decoder:
    """Looks at frames. One for each thread; looks of several decoders run side by side (both libraries release the GIL).

    Example:
        >>> look = Decoder().look(np.full((480, 640), 255, dtype=np.uint8))
        >>> look.decoded, look.located
        ((), ())
    """

    def look(self, grey: NDArray[np.uint8], *, second_opinion: SecondOpinion = SecondOpinion.LOCATED) -> Look:
        """Looks at one frame once.

        Args:
            grey: 2-D uint8 array, 0 black to 255 white; rows may be strided.
            second_opinion: when ZBar is asked too.

        Raises:
            ValueError: the frame is not 2-D, not uint8 or has no pixels.
            zbar.ZBarError: ZBar was asked and the system's library is too old for it.
        """
        _check(grey)
        started_s = time.perf_counter()
        look = _zxing(grey)
        if second_opinion is not SecondOpinion.NEVER and look.located:
            look = _ask_zbar_nearby(grey, look)
        if second_opinion is SecondOpinion.ALWAYS and not look.decoded and not look.not_text:
            look = _with_zbar(look, grey, Box(0, 0, grey.shape[1], grey.shape[0]))
        return Look(look.decoded, look.located, look.not_text, (time.perf_counter() - started_s) * 1000)


def _check(grey: NDArray[np.uint8]) -> None:
    if grey.ndim != 2 or grey.dtype != np.uint8:
        raise ValueError(f"a frame is a 2-D array of uint8, got {grey.ndim}-D of {grey.dtype}: convert it to grey first")
    if grey.size == 0:
        raise ValueError(f"a frame needs at least one pixel, got {grey.shape[1]} x {grey.shape[0]}")


def _zxing(grey: NDArray[np.uint8]) -> Look:
    decoded: dict[str, Decoded] = {}
    located: list[Corners] = []
    not_text: list[Corners] = []
    for code in zxingcpp.read_barcodes(
        grey,
        formats=_FORMAT,
        try_rotate=True,
        try_downscale=True,  # photographs of screens go from 1 of 17 read to 17 of 17
        try_invert=True,
        text_mode=zxingcpp.TextMode.Plain,
        return_errors=True,
    ):
        corners = _zxing_corners(code.position)
        if not code.valid:
            # The passes (whole, shrunk, inverted) locate one code several times.
            located += _not_among([corners], located, grey.shape)
            continue
        text = _utf8(code.bytes)
        # They differ when the code declares an encoding other than UTF-8, or when zxing-cpp guesses one: not a text to believe.
        if text is None or text != code.text:
            not_text.append(corners)
        elif text not in decoded:
            decoded[text] = Decoded(text, "zxing", corners)
    read = [*(one.corners for one in decoded.values() if one.corners is not None), *not_text]
    return Look(tuple(decoded.values()), _not_among(located, read, grey.shape), tuple(not_text), 0.0)


def _ask_zbar_nearby(grey: NDArray[np.uint8], look: Look) -> Look:
    """Returns the look with what ZBar reads around what was located."""
    height, width = grey.shape
    boxes = (neighbourhood(corners, margin=_MARGIN, width=width, height=height) for corners in look.located)
    visible = [box for box in boxes if box.left < box.right and box.top < box.bottom]
    for box in visible[:_NEIGHBOURHOODS]:
        look = _with_zbar(look, grey, box)
    return look


def _with_zbar(look: Look, grey: NDArray[np.uint8], box: Box) -> Look:
    """Returns the look with what ZBar reads in one box of the frame."""
    decoded = {one.text: one for one in look.decoded}
    not_text, found = list(look.not_text), []
    for code in zbar.read_qr(grey[box.top : box.bottom, box.left : box.right]):
        corners = None if code.corners is None else moved(code.corners, box.left, box.top)
        text = _utf8(code.data)
        if text is not None:
            decoded.setdefault(text, Decoded(text, "zbar", corners))
        elif corners is not None:
            not_text.append(corners)
        if corners is not None:
            found.append(corners)
    return Look(tuple(decoded.values()), _not_among(look.located, found, grey.shape), tuple(not_text), 0.0)


def _not_among(located: Sequence[Corners], known: Sequence[Corners], shape: tuple[int, ...]) -> tuple[Corners, ...]:
    """Returns the located codes that are none of those known already."""
    boxes = [neighbourhood(corners, margin=0.0, width=shape[1], height=shape[0]) for corners in known]
    return tuple(corners for corners in located if not any(box.holds(centre(corners)) for box in boxes))


def _utf8(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _zxing_corners(position: zxingcpp.Position) -> Corners:
    return (
        (position.top_left.x, position.top_left.y),
        (position.top_right.x, position.top_right.y),
        (position.bottom_right.x, position.bottom_right.y),
        (position.bottom_left.x, position.bottom_left.y),
    )
