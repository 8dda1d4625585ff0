"""Draws what a small display shows: a signal's shape and words in Vietnamese and English, and the count; pure, no device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from PIL import Image, ImageDraw, ImageFont

from drivers.indicator import Signal
from drivers.patterns import PATTERNS, Lamp
from drivers.signal_words import shape_and_words

_BOLD, _PLAIN = "DejaVuSans-Bold.ttf", "DejaVuSans.ttf"  # both have the shapes and every Vietnamese letter
_COLOURS = {Lamp.GREEN: (60, 210, 90), Lamp.AMBER: (255, 180, 30), Lamp.RED: (255, 70, 60)}
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_SMALLEST_PX = 8
_BOTH_FIT_PX = 48
_NO_BREAK = "\N{NO-BREAK SPACE}"
Font = ImageFont.FreeTypeFont
Box = tuple[int, int, int, int]  # left, top, width, height
Try = tuple[int, str, tuple[float, float, float, float]]  # size, lines, and how far they reach


class NoFont(OSError):
    """The font is not installed on this machine."""


@dataclass(frozen=True, slots=True)
class Face:
    """What is shown.

    Attributes:
        signal: the answer, or the state between answers.
        inside: how many are inside; None shows no count.
    """

    signal: Signal
    inside: int | None = None


def draw(face: Face, size: tuple[int, int], mode: str = "RGB", language: str = "both") -> Image.Image:
    """A picture of a face.

    Args:
        face: what is shown.
        size: width and height in pixels, both at least 32.
        mode: Pillow's: `1` for two colours, else `RGB`.
        language: of the words: `vi`, `en` or `both`; where there is no room for both it is Vietnamese.

    Returns:
        A picture of that size and mode, bright on dark; each signal's shape differs, so nothing hangs on colour.

    Raises:
        NoFont: DejaVu Sans is not installed.
    """
    width, height = size
    picture = Image.new("RGB", size, _BLACK)
    pen = ImageDraw.Draw(picture)
    shape, vietnamese, english = shape_and_words(face.signal)
    colour = _WHITE if mode == "1" else _colour_of(face.signal)
    edge = max(1, width // 64)
    above = height - (height // 4 if face.inside is not None else 0)
    side = min(width // 3, above)
    left, across, down = side + 2 * edge, width - side - 3 * edge, above - 2 * edge
    _write(pen, (edge, edge, side - edge, down), shape, _BOLD, colour)
    if language == "both" and height >= _BOTH_FIT_PX:
        upper = down * 3 // 5
        largest = _write(pen, (left, edge, across, upper), vietnamese, _BOLD, colour)
        _write(pen, (left, edge + upper, across, down - upper), english, _PLAIN, _WHITE, largest)
    else:
        _write(pen, (left, edge, across, down), english if language == "en" else vietnamese, _BOLD, colour)
    if face.inside is not None:
        pen.line((0, above, width, above), fill=_WHITE)
        label = {"vi": "Trong: {}", "en": "Inside: {}", "both": "Trong · inside: {}"}[language].replace(" ", _NO_BREAK)
        _write(pen, (edge, above + 2, width - 2 * edge, height - above - 2), label.format(face.inside), _PLAIN, _WHITE)
    return picture.convert(mode)


def _colour_of(signal: Signal) -> tuple[int, int, int]:
    lamps = frozenset(chain.from_iterable(step.lamps for step in PATTERNS[signal].steps))
    return _COLOURS[next(iter(lamps))] if len(lamps) == 1 else _WHITE


def _write(pen: ImageDraw.ImageDraw, box: Box, text: str, font_name: str, colour: tuple[int, int, int], largest: int | None = None) -> int:
    """Writes text as large as it fits into a box, in its middle, wrapped between words; says how large that was."""
    left, top, width, height = box
    sizes = range(min(height, largest or height), _SMALLEST_PX, -1)
    tries = (_try(pen, text, font_name, size, width) for size in sizes)
    size, lines, (x0, y0, x1, y1) = next(
        (tried for tried in tries if _fits(tried[2], box)), _try(pen, text, font_name, _SMALLEST_PX, width)
    )
    place = (left + (width - (x1 - x0)) / 2 - x0, top + (height - (y1 - y0)) / 2 - y0)
    pen.multiline_text(place, lines, font=_font(font_name, size), fill=colour, spacing=1, align="center")
    return size


def _try(pen: ImageDraw.ImageDraw, text: str, font_name: str, size: int, width: int) -> Try:
    font = _font(font_name, size)
    lines = "\n".join(_wrapped(text, lambda words: font.getlength(words) <= width))
    return size, lines, pen.multiline_textbbox((0, 0), lines, font=font, spacing=1, align="center")


def _fits(extent: tuple[float, float, float, float], box: Box) -> bool:
    x0, y0, x1, y1 = extent
    return x1 - x0 <= box[2] and y1 - y0 <= box[3]


def _wrapped(text: str, fits: Callable[[str], bool]) -> Iterator[str]:
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}".strip()
        if line and not fits(longer):
            yield line
            line = word
        else:
            line = longer
    yield line


@lru_cache(maxsize=128)
def _font(name: str, size: int) -> Font:
    try:
        return ImageFont.truetype(name, size)
    except OSError as problem:
        raise NoFont(f"{name} is not installed: sudo apt-get install fonts-dejavu-core") from problem
