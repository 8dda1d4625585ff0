"""What time it is at the province, and how times are shown."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from edge_agent.wire.keyring import VIETNAM


def now_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def shown(wall_ms: int | None) -> str:
    """A time as people in Vietnam read it, `-` when there is none or it is no date.

    Example:
        >>> shown(1_633_366_800_000)
        '2021-10-05 00:00:00'
    """
    if wall_ms is None:
        return "-"
    try:
        return f"{(datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=wall_ms)).astimezone(VIETNAM):%Y-%m-%d %H:%M:%S}"
    except OverflowError:
        return "-"


def born(text: str) -> str:
    """A day of birth as people in Vietnam write it; of which a code told the year alone, or hid some, as it is.

    Example:
        >>> born("1965-02-18"), born("1965"), born("****-**-**")
        ('18/02/1965', '1965', '****-**-**')
    """
    try:
        return f"{datetime.strptime(text, '%Y-%m-%d').replace(tzinfo=UTC):%d/%m/%Y}"
    except ValueError:
        return text
