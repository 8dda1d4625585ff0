"""The paper declaration form: what was typed as firmware's request. Pure; firmware checks it, and says which fields are wrong."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from edge_agent.device.settings import LaneSettings

FIELDS = ("way", "name", "id_number", "birth_date", "sex", "phone", "card_number")
_DATE = re.compile(
    r"(?P<day>\d{1,2})\s*[./\- ]\s*(?P<month>\d{1,2})\s*[./\- ]\s*(?P<year>\d{4})|(?P<d8>\d{2})(?P<m8>\d{2})(?P<y8>\d{4})", re.ASCII
)
_MOST = 200


class LaneWay(NamedTuple):
    """A way through the gate that somebody may be declared for."""

    lane: str
    direction: str


def ways_of(lanes: Iterable[LaneSettings]) -> tuple[LaneWay, ...]:
    """Every way through the gate: a lane with a fixed direction has one, others have both.

    Example:
        >>> ways_of([LaneSettings("a", "in"), LaneSettings("b", "button")])
        (LaneWay(lane='a', direction='in'), LaneWay(lane='b', direction='in'), LaneWay(lane='b', direction='out'))
    """
    both = ("in", "out")
    return tuple(LaneWay(lane.name, way) for lane in lanes for way in ((lane.direction,) if lane.direction in both else both))


def new_ref() -> str:
    """A name for one declaration: sent again (a tap too many, a page loaded again), it is recorded once."""
    return secrets.token_urlsafe(18)


def typed_in(form: Mapping[str, str]) -> dict[str, str]:
    """What was typed, without the fields of nobody's asking."""
    return {name: form.get(name, "")[:_MOST].strip() for name in FIELDS}


def request_of(ref: str, typed: Mapping[str, str], ways: Sequence[LaneWay]) -> dict[str, Any]:
    """Firmware's request for what was typed.

    Example:
        >>> typed = {"way": "0", "name": "Nguyễn Văn A", "birth_date": "5/3/1999"}
        >>> request_of("0123456789", typed, [LaneWay("a", "in")])["person"]
        {'name': 'Nguyễn Văn A', 'birth_date': '1999-03-05'}
    """
    person = {name: typed[name] for name in FIELDS[1:] if typed.get(name)}
    if "birth_date" in person:
        person["birth_date"] = iso_date(person["birth_date"])
    chosen = typed["way"]
    place = int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 4 else len(ways)
    lane, direction = ways[place] if place < len(ways) else ("", "")
    return {"type": "declare", "ref": ref, "lane": lane, "direction": direction, "person": person}


def iso_date(text: str) -> str:
    """A date as people write it here, `YYYY-MM-DD`; what is no such date stays as it is, for firmware to refuse.

    Example:
        >>> [iso_date(text) for text in ("15/3/1999", "15-03-1999", "15031999", "1958", "tomorrow")]
        ['1999-03-15', '1999-03-15', '1999-03-15', '1958', 'tomorrow']
    """
    parts = _DATE.fullmatch(text.strip())
    if parts is None:
        return text.strip()
    day, month, year = (parts[one] or parts[other] for one, other in (("day", "d8"), ("month", "m8"), ("year", "y8")))
    return f"{year}-{int(month):02}-{int(day):02}"
