"""Opening hours: every minute of a week against a calendar that knows nothing of minutes of the week, and whatever is no hours refused."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis.strategies import characters, integers, lists, none, sampled_from, text, tuples

from edge_agent.wire.keyring import VIETNAM
from firmware.opening_hours import BadHours, OpeningHours, read_hours

DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
MONDAY = datetime(2021, 10, 4, tzinfo=VIETNAM)
Rule = tuple[int, int, int, int]  # first day, last day, start and end in minutes

rules = lists(tuples(integers(0, 6), integers(0, 6), integers(0, 1439), integers(1, 1440)), min_size=1, max_size=4).map(
    lambda found: [rule for rule in found if rule[2] != rule[3]]
)


def written(rule: Rule) -> str:
    first, last, start, end = rule
    days = DAYS[first] if first == last else f"{DAYS[first]}-{DAYS[last]}"
    return f"{days} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"


def open_by_the_calendar(found: list[Rule], moment: datetime) -> bool:
    """Looks at today's spans and at yesterday's that go on past midnight, as somebody with a wall calendar would."""
    minute = moment.hour * 60 + moment.minute
    for first, last, start, end in found:
        days = {(first + step) % 7 for step in range((last - first) % 7 + 1)}
        today, yesterday = moment.weekday() in days, (moment - timedelta(days=1)).weekday() in days
        if end > start:
            if today and start <= minute < end:
                return True
        elif (today and minute >= start) or (yesterday and minute < end):
            return True
    return False


@given(found=rules)
@settings(max_examples=15, deadline=None)
def test_every_minute_of_two_weeks_is_as_the_calendar_says(found: list[Rule]) -> None:
    hours = read_hours("; ".join(map(written, found)))
    start_ms = int(MONDAY.timestamp() * 1000)
    for minute in range(14 * 1440):
        expected = not found or open_by_the_calendar(found, MONDAY + timedelta(minutes=minute))
        assert hours.are_open(start_ms + minute * 60_000 + 59_999) == expected, minute


@pytest.mark.parametrize(
    "written_hours, moment, expected",
    [
        ("mo-fr 05:00-19:00; sa,su 06:00-12:00", "2021-10-04T05:00", True),
        ("mo-fr 05:00-19:00; sa,su 06:00-12:00", "2021-10-04T19:00", False),
        ("mo-fr 05:00-19:00; sa,su 06:00-12:00", "2021-10-10T11:59", True),
        ("MO-FR 05:00-11:00, 13:00-19:00", "2021-10-04T12:00", False),
        ("su 22:00-04:00", "2021-10-11T03:59", True),  # the Monday after
        ("su 22:00-04:00", "2021-10-04T03:59", True),  # and the one before
        ("su 22:00-04:00", "2021-10-10T03:59", False),
        ("su 22:00-21:59", "2021-10-11T21:58", True),
        ("sa-mo 00:00-24:00", "2021-10-11T23:59", True),
        ("sa-mo 00:00-24:00", "2021-10-12T00:00", False),
    ],
)
def test_examples(written_hours: str, moment: str, expected: bool) -> None:
    assert read_hours(written_hours).are_open(int(datetime.fromisoformat(f"{moment}+07:00").timestamp() * 1000)) is expected


@given(wall_ms=none() | integers(0, 4 * 10**12))
def test_no_hours_are_always_open_and_no_clock_is_open(wall_ms: int | None) -> None:
    assert read_hours("").are_open(wall_ms)
    assert read_hours(" ; ") == OpeningHours()
    assert read_hours("mo 05:00-05:01").are_open(None)


BAD = [
    "monday 05:00-19:00", "mo", "mo 5:00-19:00", "mo 05:00", "mo 05:00-25:00", "mo 05:00-24:01", "mo 24:00-05:00", "mo 05:60-06:00",
    "mo 05:00-05:00", "mo- 05:00-06:00", "mo,, 05:00-06:00", "mo 05:00-06:00,", "always", "mo 05:00-06:00 tu 05:00-06:00", "٠٥:٠٠",
]  # fmt: skip


@pytest.mark.parametrize("hours", BAD)
def test_what_cannot_be_understood_is_said_with_how_to_write_it(hours: str) -> None:
    with pytest.raises(BadHours, match=r"write (them like|05:00-19:00)"):
        read_hours(hours)


@given(hours=text(characters(exclude_categories=["Cs"])) | text(sampled_from("motuwethfrsasu 0123456789:-,;")))
def test_any_text_is_hours_or_refused(hours: str) -> None:
    try:
        spans = read_hours(hours).spans
    except BadHours:
        return
    assert all(0 <= start < 7 * 1440 and start < end <= start + 1440 for start, end in spans)
