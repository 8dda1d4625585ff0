"""What of a log record may be said: our own sentences with plain values in them, of everything else only where it comes from.

The rules, which hold for every line whoever logs it (hw_docs/decisions/0085-logs-and-diagnosis.md):
- A sentence of ours is a constant in the program; numbers are told as they are, texts without numbers of the length that people's have.
- Of any other object only its type is told, unless it is ours and says itself how it is shown (`__str__`).
- Of an exception that is neither ours nor the system's only type and line are told: its message, and a traceback's, may hold what was being
  read. A library's own kind of OSError is not the system's, nor is a plain one that a library raised with words of its own.
- Of a record of another's library only its name, level and line are told.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import PurePath

from edge_agent.base.console import visible
from edge_agent.base.redaction import without_numbers
from edge_agent.base.trouble import raised_by, where

_OURS = frozenset({"drivers", "edge_agent", "firmware", "province"})
_SYSTEM = frozenset({"builtins", "socket", "ssl"})  # whose kinds of OSError tell what kernel, resolver and TLS said
_MOST_CHARACTERS = 4000
_FRAMES = 12
_PLACE = re.compile(r"%[-#0 +]*[0-9*]*(?:\.[0-9*]+)?[a-zA-Z]")
_WORD = re.compile(r"[a-z0-9]+")
_EVENT_WORDS = 6


@dataclass(frozen=True, slots=True)
class Said:
    """A record as it may be written.

    Attributes:
        event: what happened, by a name that stays the same whatever the values are.
        values: what the sentence was filled with.
        sentence: the constant part, which tells kinds of records apart.
        text: the whole; may have several lines.
    """

    event: str
    values: tuple[int | float | str | None, ...]
    sentence: str
    text: str


def is_ours(module: str) -> bool:
    """Whether a module, or the logger of one, is ours."""
    return module.partition(".")[0] in _OURS


def said(record: logging.LogRecord) -> Said:
    """What may be said of a record."""
    module = record.name.rpartition(".")[2]
    if not is_ours(record.name):
        place = f"{record.filename}:{record.lineno}"
        why = f", {_trouble(record)}" if record.exc_info else ""
        text = f"a line that is not ours to tell, at {place}{why}"
        return Said(f"{record.name}.elsewhere", (place,), place, text)
    sentence, given = ("%s", (record.msg,)) if not isinstance(record.msg, str) else (record.msg, record.args or ())
    if not isinstance(given, tuple):
        given = (given,)  # logging unpacks a mapping that is given alone
    values = tuple(plain(value) for value in given)
    text = sentence % values if values else sentence
    if record.exc_info:
        text += f": {_trouble(record)}"
    return Said(f"{module}.{_slug(sentence, given)}", values, f"{record.name} {sentence}", shown(text))


def plain(value: object) -> int | float | str | None:
    """A value as it may stand in a line."""
    match value:
        case None | int() | float():
            return value
        case str() | PurePath():
            return without_numbers(str(value))
        case BaseException():
            return _error(value)
        case _ if is_ours(type(value).__module__) and type(value).__str__ is not object.__str__:
            return without_numbers(str(value))
        case _:
            return f"<{type(value).__name__}>"


def shown(text: str) -> str:
    """A text that cannot steer the terminal, bounded; line ends stay."""
    bounded = text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + " …"
    return "\n".join(visible(line) for line in bounded.split("\n"))


def _error(error: BaseException) -> str:
    """An exception: what it says where we or the system wrote that, else where it comes from."""
    if is_ours(type(error).__module__) or (isinstance(error, OSError) and _is_the_systems(error)):
        return without_numbers(str(error))
    return getattr(error, "sqlite_errorname", None) or where(error)


def _is_the_systems(error: OSError) -> bool:
    if type(error).__module__ not in _SYSTEM:
        return False
    return error.strerror is not None or is_ours(by := raised_by(error)) or by in _SYSTEM


def _trouble(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    return where(error, _FRAMES) if error is not None else "no exception"


def _slug(sentence: str, given: tuple[object, ...]) -> str:
    words = _WORD.findall(_PLACE.sub(" ", sentence).lower())[:_EVENT_WORDS]
    error = next((value for value in given if isinstance(value, BaseException)), None)
    return "-".join(words) or (type(error).__name__ if error is not None else "said")
