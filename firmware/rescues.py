"""The table of rescues: what is tried when the plain look at a frame read nothing, in which order, and what each was worth.

To change the schedule, change the two lists at the end; nothing else knows them. `make bench` says whether it became better, and
hw_docs/decisions/0008-schedule-of-looks.md has the figures behind today's order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from .readers import Reader
from .retouch import blurred, darkest, doubled, halved, halved_size, sharpened, shrunk_size

Retouch = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


class Where(Enum):
    """The part of the frame a rescue works on."""

    LOCATED = "around each code that was located but not read"
    BUSIEST = "where the frame is busiest, since a code is busy; see busiest.py"
    WHOLE = "the whole frame"


@dataclass(frozen=True, slots=True)
class Rescue:
    """One more try.

    Attributes:
        name: for logs and benchmarks.
        where: the part of the frame.
        at_most: pixels of the longer side; a larger part is halved until it fits, which bounds the work.
        retouches: applied in this order.
        reader: who reads the result.
    """

    name: str
    where: Where
    at_most: int
    retouches: tuple[Retouch, ...]
    reader: Reader

    def work(self, height: int, width: int) -> float:
        """Returns what a part of that size will cost, in the time zxing-cpp takes for a million pixels (about 1.2 ms, see facts.md)."""
        height, width = shrunk_size(height, width, self.at_most)
        for retouch in self.retouches:
            if retouch is doubled:
                height, width = 2 * height, 2 * width
            elif retouch is halved:
                height, width = halved_size(height, width)
        return height * width * self.reader.work / 1e6


# Beside each row, as tests/bench/worth.py measured it: how many of 239 codes it reads that are located and not read (91 in spoilt
# photographs, 92 spoilt cards, 56 in frames of approaches), and how many of those no row above it does.
WHEN_LOCATED = (
    Rescue("near, one threshold", Where.LOCATED, 1280, (), Reader.ZXING_GLOBAL),  # 16, 16 new
    Rescue("near, sharpened", Where.LOCATED, 640, (sharpened,), Reader.ZXING),  # 54, 45 new
    Rescue("near, sharpened x4", Where.LOCATED, 320, (sharpened, doubled, doubled), Reader.ZXING),  # 100, 48 new
    Rescue("near, blurred, ZBar", Where.LOCATED, 400, (blurred,), Reader.ZBAR),  # 38, 20 new
    Rescue("near, blurred, sharpened x2", Where.LOCATED, 480, (blurred, sharpened, doubled), Reader.ZXING),  # 67, 6 new
    Rescue("near, sharpened x2", Where.LOCATED, 640, (sharpened, doubled), Reader.ZXING),  # 93, 6 new
    Rescue("near, darkest, ZBar", Where.LOCATED, 400, (darkest,), Reader.ZBAR),  # 24, 3 new
    Rescue("near, sharpened x2, one threshold", Where.LOCATED, 480, (sharpened, doubled), Reader.ZXING_GLOBAL),  # 55, 3 new
    # What was located may be no code, or lie beside its corners: the whole frame has its turn, too.
    Rescue("whole, one threshold", Where.WHOLE, 1280, (), Reader.ZXING_GLOBAL),  # 16, 1 new
    Rescue("busiest, sharpened x4", Where.BUSIEST, 240, (sharpened, doubled, doubled), Reader.ZXING),  # 78, 2 new
    # No larger: where a frame is full of finder patterns ZBar takes, for its pixels, ten times what it takes elsewhere.
    Rescue("whole at 320, ZBar", Where.WHOLE, 320, (), Reader.ZBAR),
)

# The same for 714 frames with a code that is not even located (184, 264, 266).
WHEN_NOTHING_LOCATED = (
    # Alone in the first look at a view: what every frame costs where each shows another scene.
    Rescue("busiest, blurred, sharpened x2", Where.BUSIEST, 240, (blurred, sharpened, doubled), Reader.ZXING),  # 121, 121 new
    Rescue("busiest, sharpened x4", Where.BUSIEST, 240, (sharpened, doubled, doubled), Reader.ZXING),  # 172, 78 new
    Rescue("whole halved, one threshold", Where.WHOLE, 1280, (halved,), Reader.ZXING_GLOBAL),  # 10, 9 new
    Rescue("busiest, sharpened x2", Where.BUSIEST, 320, (sharpened, doubled), Reader.ZXING),  # 140, 16 new
    Rescue("whole at 320, ZBar", Where.WHOLE, 320, (), Reader.ZBAR),  # 45, 33 new
    Rescue("busiest, blurred, ZBar", Where.BUSIEST, 240, (blurred,), Reader.ZBAR),  # 81, 17 new
)

# For somebody's code beside one that was read: of 802 frames of approaches in which the plain look does not even locate the second
# code, the two read 137, all six rows above 143; with more rows each has its turn later, and the second code is read later.
WHEN_ALL_READ = WHEN_NOTHING_LOCATED[:2]

# A look starts rescues while their work fits into this; one is always started. See Rescue.work for the unit.
WORK_WHEN_LOCATED = 4.0  # rare: somebody holds up a code
WORK_WHEN_NOTHING = 1.0  # nearly all frames of a day
MOST_RESCUES_A_LOOK = 4
