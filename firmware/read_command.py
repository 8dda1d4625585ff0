"""`gate-firmware read`: decodes picture files the way the gate would in one look."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .console import print_json, print_line, visible

if TYPE_CHECKING:  # numpy, Pillow and the decoders take half a second to import on a Pi: `--help` must not wait for them
    from .decoder import Decoder

_EPILOG = """\
examples:
  gate-firmware read photo.jpg                   what is in one picture
  gate-firmware read --json pictures/            a whole folder, one JSON object a line
  gate-firmware read --json photo.jpg | jq -r '.texts[]?' | gate-firmware parse

JSON: {"file": "photo.jpg", "texts": ["…"], "ms": 1.2}, or {"file": "photo.jpg", "error": "…"}
exit code: 0; 1 if any file could not be opened; 2 for a wrong command line
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `read` to the command line."""
    parser = subparsers.add_parser(
        "read",
        help="decode picture files",
        description="Decodes the QR codes in picture files, in one look each (zxing-cpp, then ZBar where that misses).",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    parser.add_argument("paths", nargs="+", metavar="FILE|FOLDER", type=Path, help="a picture, or a folder of pictures")


def run(args: argparse.Namespace) -> int:
    """Reads the pictures and prints what they hold."""
    from .decoder import Decoder  # noqa: PLC0415 - see TYPE_CHECKING above

    decoder = Decoder()
    failed = False
    if not args.json:
        print_line(f"{'ms':>8}  picture and its texts")
    for path in args.paths:
        for answer in _answers(path, decoder):
            failed = failed or "error" in answer
            if args.json:
                print_json(answer)
            else:
                _print_row(answer)
    return 1 if failed else 0


def _answers(path: Path, decoder: Decoder) -> Iterator[dict[str, object]]:
    """Yields an answer for each picture of a path."""
    from .pictures import NotAPicture, pictures_in  # noqa: PLC0415

    try:
        files = pictures_in(path)
    except NotAPicture as error:
        yield {"file": str(path), "error": str(error)}
        return
    for file in files:
        yield _answer(file, decoder)


def _answer(file: Path, decoder: Decoder) -> dict[str, object]:
    from .decoder import SecondOpinion  # noqa: PLC0415
    from .pictures import NotAPicture, load_grey  # noqa: PLC0415

    try:
        look = decoder.look(load_grey(file), second_opinion=SecondOpinion.ALWAYS)
    except (NotAPicture, ValueError) as error:
        return {"file": str(file), "error": str(error)}
    return {"file": str(file), "texts": [one.text for one in look.decoded], "ms": round(look.took_ms, 3)}


def _print_row(answer: dict[str, object]) -> None:
    file = visible(str(answer["file"]))
    if "error" in answer:
        print_line(f"{'-':>8}  {file}: not opened: {visible(str(answer['error']))}")
        return
    print_line(f"{answer['ms']:>8.1f}  {file}")
    texts = answer["texts"]
    for text in texts if isinstance(texts, list) and texts else ["(no code read)"]:
        print_line(f"{'':>8}    {visible(text)}")
