"""`gate-firmware test-code`: draws the code that `check --ask` wants to be shown, for a screen or for paper."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_EPILOG = """\
examples:
  gate-firmware test-code                     draws it here: hold the screen up to the camera
  gate-firmware test-code test-code.png       to send to a phone, or to print: 5 x 5 cm, as a personal code
  gate-firmware test-code test-code.svg       the same without pixels

It names nobody: a gate answers it as "not a person code", records nothing, and `gate-firmware check --ask` knows it.
exit code: 0; 1 if the file cannot be written; 2 for a wrong command line
"""
_WRITERS = (".png", ".svg")
_PIXELS = 12  # a module, in the PNG
_MM_PER_INCH = 25.4
_BLACK_ON_WHITE, _PLAIN = "\x1b[38;5;16;48;5;231m", "\x1b[0m"
_HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "test-code",
        help="draw a code to test cameras with",
        description="Draws a QR code that names nobody, as large as a personal code, to test cameras and readers with.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", nargs="?", type=_picture, metavar="FILE.png|FILE.svg", help="write it there instead of drawing it here")


def _picture(word: str) -> Path:
    path = Path(word)
    if path.suffix.lower() not in _WRITERS:
        raise argparse.ArgumentTypeError(f"{word!r} does not end in {' or '.join(_WRITERS)}")
    return path


def run(args: argparse.Namespace) -> int:
    """Draws it."""
    from .sample_code import drawn  # noqa: PLC0415 - numpy and the decoder take half a second to import on a Pi

    dark = drawn()
    if args.file is None:
        sys.stdout.writelines(f"{line}\n" for line in in_letters(dark, colours=sys.stdout.isatty()))
        return 0
    try:
        if args.file.suffix.lower() == ".svg":
            args.file.write_text(as_svg(dark), encoding="utf-8")
        else:
            _write_png(dark, args.file)
    except OSError as error:
        sys.stderr.write(f"gate-firmware test-code: {args.file}: cannot be written ({error.strerror})\n")
        return 1
    return 0


def in_letters(dark: NDArray[np.bool_], *, colours: bool) -> list[str]:
    """The code in half blocks, two rows a line; with colours it is black on white whatever the terminal's are."""
    rows = [[bool(each) for each in row] for row in dark]
    rows += [[False] * len(rows[0])] * (len(rows) % 2)
    lines = ["".join(_HALVES[pair] for pair in zip(upper, lower, strict=True)) for upper, lower in zip(rows[::2], rows[1::2], strict=True)]
    return [f"{_BLACK_ON_WHITE}{line}{_PLAIN}" if colours else line for line in lines]


def as_svg(dark: NDArray[np.bool_]) -> str:
    """The code as SVG, of its size in millimetres."""
    from .sample_code import MODULES, PRINTED_MM  # noqa: PLC0415 - as above

    side = len(dark)
    size_mm = side * PRINTED_MM / MODULES
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(dark) for x, each in enumerate(row) if each)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size_mm:.1f}mm" height="{size_mm:.1f}mm" viewBox="0 0 {side} {side}" '
        f'shape-rendering="crispEdges"><rect width="{side}" height="{side}" fill="#fff"/><path d="{path}"/></svg>\n'
    )


def _write_png(dark: NDArray[np.bool_], file: Path) -> None:
    import numpy as np  # noqa: PLC0415 - as above
    from PIL import Image  # noqa: PLC0415 - as above

    from .sample_code import MODULES, PRINTED_MM  # noqa: PLC0415 - as above

    large = np.where(dark.repeat(_PIXELS, axis=0).repeat(_PIXELS, axis=1), 0, 255).astype(np.uint8)
    dots_per_inch = MODULES * _PIXELS / PRINTED_MM * _MM_PER_INCH
    Image.fromarray(large).save(file, dpi=(dots_per_inch, dots_per_inch))
