"""What a decoder found in a frame or in a part of it, and how parts come together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .corners import Corners, centre, inside


@dataclass(frozen=True, slots=True)
class Decoded:
    """A code that was read.

    Attributes:
        text: all of it, exactly; kept out of `repr` since it is somebody's.
        by: the decoder that read it.
        corners: where it is; None if the decoder does not say.
        drawn: the code drawn anew, where it may be a part of a text; see parts.py.
    """

    text: str = field(repr=False)
    by: Literal["zxing", "zbar"]
    corners: Corners | None
    drawn: NDArray[np.uint8] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in one picture.

    Attributes:
        decoded: the codes read; the same text once.
        located: codes seen but not read, each once: the person is there and should hold still, or the code is damaged.
        not_text: codes read to the end that hold no text to believe (no UTF-8, or a part of a text spread over several codes): looking
            again is of no use.
    """

    decoded: tuple[Decoded, ...] = ()
    located: tuple[Corners, ...] = ()
    not_text: tuple[Corners, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether every code that was seen was read to its end, and there was one."""
        return bool(self.decoded or self.not_text) and not self.located


def gathered(decoded: Iterable[Decoded], located: Sequence[Corners], not_text: Iterable[Corners]) -> Found:
    """Puts a decoder's answers in order: the same text once, one code once, and nothing that was read is still "located"."""
    texts: dict[str, Decoded] = {}
    for one in decoded:
        texts.setdefault(one.text, one)
    unreadable: list[Corners] = []
    for corners in not_text:
        unreadable += _not_among([corners], unreadable)
    known = [*(one.corners for one in texts.values() if one.corners is not None), *unreadable]
    left: list[Corners] = []
    for corners in located:  # a decoder's passes (whole, shrunk, inverted) locate one code several times
        left += _not_among([corners], [*known, *left])
    return Found(tuple(texts.values()), tuple(left), tuple(unreadable))


def together(first: Found, then: Found) -> Found:
    """What is known after a second try: it adds what it read; what it merely located again says nothing new."""
    everywhere = [one.corners for one in then.decoded if one.corners is not None]
    found = gathered([*first.decoded, *then.decoded], first.located, [*first.not_text, *then.not_text])
    # The same text twice keeps the first place, yet both places are read.
    return Found(found.decoded, tuple(_not_among(found.located, everywhere)), found.not_text)


def _not_among(located: Sequence[Corners], known: Sequence[Corners]) -> list[Corners]:
    return [corners for corners in located if not any(inside(centre(corners), place) for place in known)]
