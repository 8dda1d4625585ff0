"""Which reports are to be made by now, and by when each is due. Pure: the time is told, nothing is read.

Source: the plan of 2021: units report before 11:00 what is so until 24:00 of the day before, the province before 16:00; weekly besides.
They are made two hours before, so that scanners which were offline over night are in them, and at once where that has passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from edge_agent.wire.keyring import VIETNAM, day_of
from province.reports.shelf import Kind

BACK_DAYS = 14  # what is older and was never made nobody waits for any more
_TIMES = {Kind.UNIT: (time(9), time(11)), Kind.PROVINCE: (time(14), time(16)), Kind.WEEK: (time(9), time(11))}
_MONDAY = 0


@dataclass(frozen=True, slots=True)
class Task:
    """Reports to make.

    Attributes:
        day: the last day they count.
        first: the first.
        due_ms: by when, milliseconds since 1970 UTC.
    """

    kind: Kind
    day: date
    first: date
    due_ms: int


def tasks(now_ms: int, newest: Mapping[Kind, date | None]) -> list[Task]:
    """What should have been begun by now, the earliest first.

    Args:
        now_ms: milliseconds since 1970 UTC.
        newest: of each kind the last day of which there is a report, maybe not of everyone; None: of no day ever. What comes after it
            was missed, by a power cut for instance, and is made late rather than never.

    Example:
        >>> at = datetime(2021, 10, 5, 9, 30, tzinfo=VIETNAM)
        >>> [(task.kind.value, task.day.isoformat()) for task in tasks(int(at.timestamp() * 1000), {})]
        [('unit', '2021-10-04')]
    """
    yesterday = day_of(now_ms) - timedelta(days=1)
    found = [
        task for kind in Kind for day in _days(newest.get(kind), yesterday)
        if (task := _task(kind, day)) is not None and _at_ms(day + timedelta(days=1), _TIMES[kind][0]) <= now_ms
    ]  # fmt: skip
    return sorted(found, key=lambda task: (task.due_ms, task.kind))


def next_ms(now_ms: int) -> int:
    """When something is to be begun next."""
    today = day_of(now_ms)
    times = [_at_ms(today + timedelta(days=days), begins) for days in (0, 1) for begins, _due in _TIMES.values()]
    return min(at_ms for at_ms in times if at_ms > now_ms)


def _days(newest: date | None, yesterday: date) -> Iterator[date]:
    first = yesterday if newest is None else max(newest, yesterday - timedelta(days=BACK_DAYS))
    yield from (first + timedelta(days=days) for days in range((yesterday - first).days + 1))


def _task(kind: Kind, day: date) -> Task | None:
    if kind is not Kind.WEEK:
        return Task(kind, day, day, due_ms_of(kind, day))
    made_on = day + timedelta(days=1)
    return Task(kind, day, day - timedelta(days=6), due_ms_of(kind, day)) if made_on.weekday() == _MONDAY else None


def due_ms_of(kind: Kind, day: date) -> int:
    """By when a report of a day is due."""
    return _at_ms(day + timedelta(days=1), _TIMES[kind][1])


def _at_ms(day: date, at: time) -> int:
    moment = datetime.combine(day, at, VIETNAM).astimezone(UTC)
    return int(moment.timestamp() * 1000)
