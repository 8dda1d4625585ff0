"""What a decoder found in a frame or in a part of it, and how parts come together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .corners import Corners, centre, inside, neighbourhood

_ANYWHERE = 1 << 20  # more pixels than a frame has: boxes are not cut
# Textures and printed sheets "locate" a hundred codes: the largest are the nearest, and all of them with all would take longer than a look.
MOST_LOCATED = 12


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


def gathered(decoded: Iterable[Decoded], located: Sequence[Corners], not_text: Sequence[Corners]) -> Found:
    """Puts a decoder's answers in order: the same text once, one code once, and nothing that was read is still "located".

    Of what was not read to a text, the `MOST_LOCATED` largest count.
    """
    texts: dict[str, Decoded] = {}
    read: list[Corners] = []
    for one in decoded:
        texts.setdefault(one.text, one)
        if one.corners is not None:  # the same text twice keeps the first place, yet both places are read
            read.append(one.corners)
    unreadable = _not_among(_largest(not_text), [])
    # A decoder's passes (whole, shrunk, inverted) locate one code several times.
    return Found(tuple(texts.values()), tuple(_not_among(_largest(located), [*read, *unreadable])), tuple(unreadable))


def together(first: Found, then: Found) -> Found:
    """What is known after a second try: it adds what it read; what it merely located again says nothing new.

    Where the first try read a code to its end and found no text, no text is taken from the second: it guessed.
    """
    decoded = [one for one in then.decoded if one.corners is None or _not_among([one.corners], first.not_text)]
    return gathered([*first.decoded, *decoded], first.located, [*first.not_text, *then.not_text])


def _largest(places: Sequence[Corners]) -> Sequence[Corners]:
    return places if len(places) <= MOST_LOCATED else sorted(places, key=_area, reverse=True)[:MOST_LOCATED]


def _area(corners: Corners) -> int:
    return neighbourhood(corners, margin=0.0, width=_ANYWHERE, height=_ANYWHERE).area


def _not_among(places: Iterable[Corners], known: Iterable[Corners]) -> list[Corners]:
    """Returns the places that lie neither where something is known nor where an earlier one of them lies."""
    taken, left = list(known), list[Corners]()
    for corners in places:
        middle = centre(corners)
        if not any(inside(middle, place) for place in taken):
            left.append(corners)
            taken.append(corners)
    return left
