"""What our commands print: one safe line at a time."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence


def print_json(answer: Mapping[str, object]) -> None:
    """Prints one JSON object on one line, in ASCII: right for every pipe, file and locale."""
    sys.stdout.write(json.dumps(answer, ensure_ascii=True) + "\n")


def print_json_list(answers: Sequence[Mapping[str, object]]) -> None:
    """Prints JSON objects as one list on one line, in ASCII."""
    sys.stdout.write(json.dumps(list(answers), ensure_ascii=True) + "\n")


def print_line(text: str) -> None:
    """Prints one line for a person to read."""
    sys.stdout.write(visible(text) + "\n")


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints rows in columns as wide as their widest cell."""
    widths = [max(len(row[column]) for row in (headings, *rows)) for column in range(len(headings))]
    for row in (headings, *rows):
        print_line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def complain(program: str, text: str) -> None:
    """Prints a program's error, to standard error."""
    sys.stderr.write(f"{program}: {visible(text)}\n")


def visible(text: str) -> str:
    r"""Returns a text that cannot steer the terminal: codes, names and files come from outside.

    Example:
        >>> visible("a\x1b[2Jb")
        'a\\x1b[2Jb'
    """
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
