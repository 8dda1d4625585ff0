"""A code to print, as dark rectangles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

QUIET_MODULES = 4  # ISO/IEC 18004


@dataclass(frozen=True, slots=True)
class Code:
    """A code as rows of modules, True is dark."""

    rows: tuple[tuple[bool, ...], ...]

    def runs(self) -> Iterator[tuple[int, int, int, int]]:
        """Dark rectangles: column, row, width and height in modules.

        Each module is in a run across and in one down, so that no viewer's smoothing leaves white hairlines between them.
        """
        for number, row in enumerate(self.rows):
            yield from ((start, number, length, 1) for start, length in _stretches(row))
        for number, column in enumerate(zip(*self.rows, strict=True)):
            yield from ((number, start, 1, length) for start, length in _stretches(column))


def _stretches(line: Sequence[bool]) -> Iterator[tuple[int, int]]:
    start = 0
    for at, dark in enumerate((*line, False)):
        if not dark:
            if at > start:
                yield start, at - start
            start = at + 1


def encoded(text: str) -> Code:
    """Makes the code of a text.

    Error correction level Q is what was read best after creases and rubbing (decision 0010).
    """
    import segno  # noqa: PLC0415 - only who prints cards needs it

    made = segno.make(text, error="q", micro=False, boost_error=True)  # a better level where it costs no larger code
    return Code(tuple(tuple(bool(module) for module in row) for row in made.matrix))
