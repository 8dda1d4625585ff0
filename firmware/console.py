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
    sys.stdout.write(text + "\n")


def visible(text: str) -> str:
    r"""Returns a text that cannot steer the terminal: a code can hold escape sequences.

    Example:
        >>> visible("a\x1b[2Jb")
        'a\\x1b[2Jb'
    """
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
