"""Names an exception nobody foresaw without its message or any value: they could hold somebody's data. A wrong setting alone is told."""

from __future__ import annotations

import traceback
from itertools import islice
from pathlib import Path

_CAUSES = 3


class Misconfigured(Exception):
    """The configuration is wrong: the message names file, key, value and what is allowed, and the command ends with exit code 2."""


def where(error: BaseException, frames: int = 1) -> str:
    """An exception's type and the line that raised it, then the lines that called it.

    Args:
        error: the exception; what it came from is named too when more than one line is asked for.
        frames: how many lines at most, the innermost first.

    Example:
        >>> try:
        ...     int("001099012345|Nguyễn Văn A")
        ... except ValueError as error:
        ...     where(error)
        'ValueError (<doctest edge_agent.base.trouble.where[0]>:2)'
    """
    told, seen = _one(error, frames), {id(error)}
    before = error.__cause__ or error.__context__
    while frames > 1 and before is not None and id(before) not in seen and len(seen) <= _CAUSES:
        seen.add(id(before))
        told += f" after {_one(before, frames)}"
        before = before.__cause__ or before.__context__
    return told


def raised_by(error: BaseException) -> str:
    """The module whose line raised it, such as `edge_agent.store.outbox`; empty for one that was never raised."""
    names = [frame.f_globals.get("__name__", "") for frame, _number in traceback.walk_tb(error.__traceback__)]
    return str(names[-1]) if names else ""


def _one(error: BaseException, frames: int) -> str:
    lines = [f"{Path(frame.f_code.co_filename).name}:{number}" for frame, number in traceback.walk_tb(error.__traceback__)]
    return f"{type(error).__name__} ({' < '.join(islice(reversed(lines), frames))})" if lines else type(error).__name__
