"""How the reports order and name things in Vietnamese. Pure."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta

from edge_agent.wire.keyring import VIETNAM

_PIECES = re.compile(r"(\d+)")


def order(name: str) -> tuple[tuple[str | int, ...], str]:
    """What to sort a name by: without marks first, numbers by their size.

    Example:
        >>> sorted(["Phường 10", "Phường 2", "Đài", "Chợ"], key=order)
        ['Chợ', 'Đài', 'Phường 2', 'Phường 10']
    """
    bare = unicodedata.normalize("NFD", name.casefold().replace("đ", "d"))
    bare = "".join(char for char in bare if not unicodedata.combining(char))
    pieces = _PIECES.split(bare)  # every second one is a number
    return tuple(int(piece) if number % 2 else piece for number, piece in enumerate(pieces)), name


def shown(day: date) -> str:
    """A day.

    Example:
        >>> shown(date(2021, 10, 5))
        '05/10/2021'
    """
    return f"{day:%d/%m/%Y}"


def moment(at_ms: int) -> str:
    """A moment, by the clock in Vietnam.

    Example:
        >>> moment(1_633_400_100_000)
        '09h15 ngày 05/10/2021'
    """
    at = (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at_ms)).astimezone(VIETNAM)
    return f"{at:%H}h{at:%M} ngày {shown(at.date())}"


def clock(at_ms: int) -> str:
    """A moment, in any language.

    Example:
        >>> clock(1_633_400_100_000)
        '05/10/2021 09:15'
    """
    return f"{(datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at_ms)).astimezone(VIETNAM):%d/%m/%Y %H:%M}"


def committee(commune: str) -> str:
    """The people's committee of a commune.

    Example:
        >>> committee("Xã Bản Vược"), committee("Cốc Lếu")
        ('UBND xã Bản Vược', 'UBND Cốc Lếu')
    """
    first, _, rest = commune.partition(" ")
    return f"UBND {first.lower() if first in {'Xã', 'Phường', 'Thị'} else first} {rest}".strip()
