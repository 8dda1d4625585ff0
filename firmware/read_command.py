"""`gate-firmware read`: decodes picture files the way the gate would, in up to five looks."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from edge_agent.base.console import print_json, print_line

_MOST_LOOKS = 1000

_EPILOG = """\
examples:
  gate-firmware read photo.jpg                   what is in one picture
  gate-firmware read --json pictures/            a whole folder, one JSON object a line
  gate-firmware read --looks 1 photo.jpg         what a single frame would have given
  gate-firmware read --json photo.jpg | jq -r '.texts[]?' | gate-firmware parse

JSON: {"file": "photo.jpg", "texts": ["…"], "ms": 3.6, "look_ms": [1.1, 2.5]}: all looks together, and each,
or {"file": "photo.jpg", "error": "…"}
exit code: 0; 1 if any file could not be opened; 2 for a wrong command line
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `read` to the command line."""
    parser = subparsers.add_parser(
        "read",
        help="decode picture files",
        description="Decodes the QR codes in picture files: the same picture goes through the gate's schedule of looks until it is read.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    parser.add_argument(
        "--looks", type=_count, default=5, metavar="K", help="looks at each picture at most, as if held up for K frames (default 5)"
    )
    parser.add_argument("paths", nargs="+", metavar="FILE|FOLDER", type=Path, help="a picture, or a folder of pictures")


def _count(word: str) -> int:
    if not word.isascii() or not word.isdigit() or not 1 <= int(word) <= _MOST_LOOKS:
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number from 1 to {_MOST_LOOKS}")
    return int(word)


def run(args: argparse.Namespace) -> int:
    """Reads the pictures and prints what they hold."""
    failed = False
    if not args.json:
        print_line(f"{'ms':>8}  picture and its texts")
    for path in args.paths:
        for answer in _answers(path, args.looks):
            failed = failed or "error" in answer
            if args.json:
                print_json(answer)
            else:
                _print_row(answer)
    return 1 if failed else 0


def _answers(path: Path, looks: int) -> Iterator[dict[str, object]]:
    """Yields an answer for each picture of a path."""
    # numpy, Pillow and the decoders take half a second to import on a Pi: `--help` must not wait for them.
    from .pictures import NotAPicture, pictures_in  # noqa: PLC0415

    try:
        files = pictures_in(path)
    except NotAPicture as error:
        yield {"file": str(path), "error": str(error)}
        return
    for file in files:
        yield _answer(file, looks)


def _answer(file: Path, looks: int) -> dict[str, object]:
    """The answer for one picture."""
    from .decoder import Decoder  # noqa: PLC0415 - as above
    from .pictures import NotAPicture, load_grey  # noqa: PLC0415

    decoder, texts, look_ms = Decoder(skip_unchanged=False), dict[str, None](), list[float]()
    try:
        grey = load_grey(file)
        for _ in range(looks):
            look = decoder.look(grey)
            look_ms.append(round(look.took_ms, 3))
            texts.update(dict.fromkeys(one.text for one in look.decoded))
            if look.settled:
                break
    except (NotAPicture, ValueError) as error:
        return {"file": str(file), "error": str(error)}
    return {"file": str(file), "texts": list(texts), "ms": round(sum(look_ms), 3), "look_ms": look_ms}


def _print_row(answer: dict[str, object]) -> None:
    file = answer["file"]
    if "error" in answer:
        print_line(f"{'-':>8}  {file}: not opened: {answer['error']}")
        return
    print_line(f"{answer['ms']:>8.1f}  {file}")
    texts = answer["texts"]
    for text in texts if isinstance(texts, list) and texts else ["(no code read)"]:
        print_line(f"{'':>8}    {text}")
