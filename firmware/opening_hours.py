"""Opening hours of a week in Vietnam's civil time: `mo-fr 05:00-19:00; sa,su 06:00-12:00`, also past midnight. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from edge_agent.wire.keyring import VIETNAM

_DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
_DAY_MINUTES = 24 * 60
_WEEK_MINUTES = 7 * _DAY_MINUTES
_DAY = "|".join(_DAYS)
_RULE = re.compile(rf"((?:{_DAY})(?:-(?:{_DAY}))?(?:,(?:{_DAY})(?:-(?:{_DAY}))?)*) +([0-9:,\- ]+)", re.ASCII)
_SPAN = re.compile(r"([0-9]{2}):([0-5][0-9])-([0-9]{2}):([0-5][0-9])", re.ASCII)
EXAMPLE = "mo-fr 05:00-19:00; sa,su 06:00-12:00"


class BadHours(ValueError):
    """Not opening hours; the message says which part, and how to write it."""


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """When a gate lets people in.

    Attributes:
        spans: minutes of the week, from Monday 00:00: first minute open, first minute no longer open (it may lie in the next
            week). Empty: always open.

    Example:
        >>> hours = read_hours("mo-fr 22:00-02:00")
        >>> hours.are_open(1_633_366_800_000)  # a Tuesday, 00:00 in Vietnam
        True
    """

    spans: tuple[tuple[int, int], ...] = ()

    def are_open(self, wall_ms: int | None) -> bool:
        """Says whether a time lies within them.

        Args:
            wall_ms: milliseconds since 1970, None when unknown: a gate without a clock is open.
        """
        if wall_ms is None or not self.spans:
            return True
        moment = datetime.fromtimestamp(wall_ms / 1000, UTC).astimezone(VIETNAM)
        minute = moment.weekday() * _DAY_MINUTES + moment.hour * 60 + moment.minute
        return any(first <= minute < end or first <= minute + _WEEK_MINUTES < end for first, end in self.spans)


def read_hours(text: str) -> OpeningHours:
    """Understands opening hours as people write them; no text is always open.

    Args:
        text: rules separated by `;`: days (`mo tu we th fr sa su`, ranges with `-`, several with `,`), then spans `HH:MM-HH:MM`
            separated by `,`. A span whose end is not after its start ends on the next day; `24:00` is the end of a day.

    Raises:
        BadHours: it cannot be understood.
    """
    rules = [rule.strip().lower() for rule in text.split(";") if rule.strip()]
    return OpeningHours(tuple(sorted({span for rule in rules for span in _rule(rule)})))


def _rule(rule: str) -> list[tuple[int, int]]:
    parts = _RULE.fullmatch(rule)
    if parts is None:
        raise BadHours(f"{rule!r} is not days and times; write them like {EXAMPLE!r}")
    days = {day for part in parts[1].split(",") for day in _days(part)}
    return [(day * _DAY_MINUTES + start, day * _DAY_MINUTES + end) for day in days for start, end in map(_span, parts[2].split(","))]


def _days(part: str) -> list[int]:
    """Numbers of the days of `mo` or `sa-mo`."""
    first, _, last = part.partition("-")
    begin, end = _DAYS.index(first), _DAYS.index(last or first)
    return [day % 7 for day in range(begin, (end if end >= begin else end + 7) + 1)]


def _span(text: str) -> tuple[int, int]:
    parts = _SPAN.fullmatch(text.strip())
    start, end = (0, 0) if parts is None else (60 * int(parts[1]) + int(parts[2]), 60 * int(parts[3]) + int(parts[4]))
    if parts is None or start >= _DAY_MINUTES or end > _DAY_MINUTES or start == end:
        raise BadHours(f"{text.strip()!r} is not a span of time; write 05:00-19:00, past midnight 22:00-02:00, a whole day 00:00-24:00")
    return start, end if end > start else end + _DAY_MINUTES
