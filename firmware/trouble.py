"""Names an exception nobody foresaw without telling its message: that could hold somebody's data."""

from __future__ import annotations

import traceback
from pathlib import Path


def where(error: BaseException) -> str:
    """An exception's type and the line that raised it.

    Example:
        >>> try:
        ...     int("001099012345|Nguyễn Văn A")
        ... except ValueError as error:
        ...     where(error)
        'ValueError (<doctest firmware.trouble.where[0]>:2)'
    """
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    return f"{type(error).__name__} ({Path(frames[-1].filename).name}:{frames[-1].lineno})"
