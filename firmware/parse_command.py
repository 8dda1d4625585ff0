"""`gate-firmware parse`: says what codes' texts mean, one a line. It shows people's data because that is what it is asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import BinaryIO

from .console import print_json, print_line, visible
from .person_codes import TEXT_MAX_CHARS, NotAPersonCode, read_person_bytes

_LINE_MAX_BYTES = 4 * TEXT_MAX_CHARS

_EPILOG = """\
examples:
  echo '001099012345||Nguyễn Văn A|15031999|Nam||10052021' | gate-firmware parse
  gate-firmware parse --json < codes.txt

JSON: {"scheme": "cccd", "id_number": "…", "name": "…", …, "warnings": []}, or {"error": "bad-date", "message": "…"}
Each line in gives one answer out, in order. A code that is refused is an answer too: the exit code stays 0.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `parse` to the command line."""
    parser = subparsers.add_parser(
        "parse",
        help="say what the texts of codes mean",
        description="Reads the text of one code a line from standard input and prints the person it names, or why it names none.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")


def run(args: argparse.Namespace) -> int:
    """Answers each line of standard input."""
    for line in _lines(sys.stdin.buffer):
        answer = _answer(line)
        if args.json:
            print_json(answer)
        else:
            _print_answer(answer)
        sys.stdout.flush()  # so that it can be asked line by line, through a pipe too
    return 0


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yields lines without their ends, each cut off just past the longest a code can be, so that no input fills the memory."""
    while line := stream.readline(_LINE_MAX_BYTES + 2):
        rest = line
        while not rest.endswith(b"\n") and rest:
            rest = stream.readline(_LINE_MAX_BYTES)
        yield line.removesuffix(b"\n").removesuffix(b"\r")


def _answer(line: bytes) -> dict[str, object]:
    try:
        return asdict(read_person_bytes(line))
    except NotAPersonCode as refused:
        return {"error": refused.reason.value, "message": str(refused)}


def _print_answer(answer: dict[str, object]) -> None:
    if "error" in answer:
        print_line(f"not a person's code: {answer['message']}\n")
        return
    for label, value in answer.items():
        shown = ", ".join(value) if isinstance(value, tuple) else value
        if shown:
            print_line(f"{label.replace('_', ' '):<12} {visible(str(shown))}")
    print_line("")
