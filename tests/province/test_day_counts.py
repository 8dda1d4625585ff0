"""The counts of days are at every moment what the entries come to, however these came, were put right, opened and destroyed."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from old_province import arrive, days_ago, here, made_ago, rows
from province_world import ANYONE, Log, Scanner, founded, scanner
from sqlalchemy import insert

from edge_agent.wire.entry import Clock, Direction, Header, Kind, Known, Method, Passage
from edge_agent.wire.keyring import UNDATED
from province.base.clock import now_ms
from province.base.layout import Layout
from province.records import day_counts
from province.records.day_counts import COLUMNS
from province.store import database
from province.store.report_tables import day_count

HOUR_MS = 3_600_000


def by_hand(layout: Layout) -> dict[tuple[str, str, str], tuple[int, ...]]:
    """Counted from the rows, one by one."""
    found: dict[tuple[str, str, str], Counter[str]] = {}
    for row in rows(layout):
        if row["kind"] != "passage" or row["status"] != "registered":
            continue
        found.setdefault(key_of_row(row), Counter())[f"{row['method']} {row['direction']}"] += 1
    return {
        key: (
            sum(count for what, count in counts.items() if what.endswith(" in") and not what.startswith(("paper", "self"))),
            counts["paper in"],
            counts["self in"],
            sum(count for what, count in counts.items() if what.endswith(" out")),
        )
        for key, counts in found.items()
    }


def key_of_row(row: Mapping[str, Any]) -> tuple[str, str, str]:
    at_ms = row["wall_ms"] if row["corrected_ms"] is None else row["corrected_ms"]
    in_hanoi = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=min(at_ms, row["registered_ms"]), hours=7)
    return in_hanoi.date().isoformat(), row["org"], row["site"]


def kept(layout: Layout) -> dict[tuple[str, ...], tuple[int, ...]]:
    with closing(database.connect(layout.register)) as connection:
        found = day_counts.kept(connection)
        assert found == day_counts.recounted(connection)
    return {tuple(place): counts for place, counts in found.items()}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Scanner]:
    folder = tmp_path_factory.mktemp("counted")
    layout = founded(folder / "province")
    return layout, scanner(layout, folder)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(list(Clock)), st.sampled_from([Kind.PASSAGE, Kind.PASSAGE, Kind.PASSAGE, Kind.CLOCK]),
            st.sampled_from(list(Direction)), st.sampled_from(list(Method)), st.integers(0, 47), st.sampled_from(["Chợ", "Bến xe"]),
        ),
        max_size=12,
    ),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_counts_follow_the_entries_in_whatever_order_they_come(
    world: tuple[Layout, Scanner], happened: list[tuple[Clock, Kind, Direction, Method, int, str]], chance: Random
) -> None:
    layout, device = world
    log, boot, booted_ms = Log.new(device), secrets.token_bytes(16), now_ms() - 50 * HOUR_MS

    def at(hour: int, clock: Clock, site: str) -> Any:
        true_ms = booted_ms + hour * HOUR_MS
        claims = {Clock.UNKNOWN: hour * HOUR_MS, Clock.RTC: true_ms + 3 * HOUR_MS, Clock.SYNCHRONISED: true_ms}
        return lambda header: replace(header, boot=boot, boottime_ms=hour * HOUR_MS, wall_ms=claims[clock], clock=clock, site=site)

    made = []
    for clock, kind, direction, method, hour, site in sorted(happened, key=lambda one: one[4]):
        body = Passage(ANYONE, direction, Known.LANE, method) if kind is Kind.PASSAGE else None
        made.append(log.append(body, kind=kind, change=at(hour, clock, site)))
    chance.shuffle(made)
    cut = chance.randint(0, len(made))
    for part in (made[:cut], made[cut:], made):  # all of it once more: what is there already counts nothing
        arrive(layout, device, part)
    assert kept(layout) == by_hand(layout)


def undated(header: Header) -> Header:
    return replace(header, clock=Clock.UNKNOWN, wall_ms=1000)


def test_what_was_held_counts_once_it_is_opened(layout: Layout, tmp_path: Path) -> None:
    device = scanner(layout, tmp_path)
    log, key = Log.new(device), device.keyring.key_for(None)
    assert key.key_id.startswith(UNDATED)
    arrive(layout, device, [log.append(key=key, change=undated), log.append()])
    assert sum(counts[0] for counts in kept(layout).values()) == 1
    opened = here("held", "open", layout.root, "--undated-key", layout.undated_key)
    assert opened.returncode == 0, opened.stderr
    assert sum(counts[0] for counts in kept(layout).values()) == 2
    assert kept(layout) == by_hand(layout)


def test_a_day_that_is_destroyed_stays_counted(old_layout: Layout, tmp_path: Path) -> None:
    device = scanner(old_layout, tmp_path)
    log = Log.new(device)
    for days in (25, 3, 0):
        arrive(old_layout, device, [made_ago(old_layout, log, days) for _ in range(4)], days)
    before = kept(old_layout)
    assert {key[0] for key in before} == {days_ago(days).isoformat() for days in (25, 3, 0)}
    assert here("retention", "run", old_layout.root, "--trust-clock").returncode == 0
    assert len(by_hand(old_layout)) == 2
    with closing(database.connect(old_layout.register)) as connection:
        assert {tuple(place): counts for place, counts in day_counts.kept(connection).items()} == before
        assert day_counts.kept(connection, days_ago(21)) == day_counts.recounted(connection, days_ago(21))


def test_counts_that_are_wrong_are_put_right_and_only_since_the_day(layout: Layout, tmp_path: Path) -> None:
    device = scanner(layout, tmp_path)
    log = Log.new(device)
    arrive(layout, device, [log.append() for _ in range(5)])
    right = kept(layout)
    today = date.fromisoformat(next(iter(right))[0])
    with closing(database.connect(layout.register)) as connection, database.transaction(connection, layout.register):
        connection.execute(day_count.update().values(read_in=77))
        spoilt = {"day": today.isoformat(), "org": "x", "site": "y", "read_in": 1, "paper_in": 0, "self_in": 0, "outs": 0}
        connection.execute(insert(day_count), [spoilt, {**spoilt, "day": "2021-10-04"}])
        assert day_counts.put_right(connection, day_counts.drift(connection, today)) == 2
        assert day_counts.put_right(connection, day_counts.drift(connection, today)) == 0
        there = {tuple(place): counts for place, counts in day_counts.kept(connection).items()}
    assert there == right | {("2021-10-04", "x", "y"): (1, 0, 0, 0)}


@given(st.lists(st.tuples(st.integers(0, 150), st.integers(0, 9)), max_size=20), st.integers(0, 160))
@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_folding_months_changes_no_total(world: tuple[Layout, Scanner], counted: list[tuple[int, int]], before: int) -> None:
    layout, first = world[0], date(2021, 6, 17)
    with closing(database.connect(layout.register)) as connection, database.transaction(connection, layout.register):
        connection.execute(day_count.delete())
        merged: Counter[int] = Counter()
        for day, count in counted:
            merged[day] += count
        table = [
            {"day": (first + timedelta(days=day)).isoformat(), "org": "a", "site": "b", "read_in": count, "paper_in": 0, "self_in": 0,
             "outs": count} for day, count in merged.items()
        ]  # fmt: skip
        connection.many(insert(day_count), table)
        limit = first + timedelta(days=before)
        due = len({row["day"] for row in table if str(row["day"])[:7] < limit.isoformat()[:7]})
        assert [day_counts.fold(connection, limit) for _each in range(due + 1)] == [1] * due + [0]  # a day at a time
        there = connection.rows(day_count.select())
        single = {row["day"]: row["read_in"] for row in there if len(row["day"]) == 10}
        folded = [row["day"] for row in there if len(row["day"]) == 7]
        boundary = day_counts.first_single_day(connection)
        assert sum(row["read_in"] for row in there) == sum(row["outs"] for row in there) == sum(merged.values())
        assert single == {row["day"]: row["read_in"] for row in table if str(row["day"])[:7] >= limit.isoformat()[:7]}
        assert all(month < boundary.isoformat() for month in folded)
        connection.execute(day_count.delete())
        day_counts.put_right(connection, day_counts.drift(connection, date(1970, 1, 1)))


def test_what_is_compared_is_of_one_moment(layout: Layout, tmp_path: Path) -> None:
    device = scanner(layout, tmp_path)
    log = Log.new(device)
    arrive(layout, device, [log.append()])
    with closing(database.connect(layout.register)) as connection:
        with database.as_one(connection, layout.register):
            right = day_counts.recounted(connection)
            arrive(layout, device, [log.append()])
            assert day_counts.kept(connection) == right
        assert day_counts.kept(connection) != right


def test_who_registers_while_counts_are_put_right_waits_for_no_count(
    old_layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = scanner(old_layout, tmp_path)
    log = Log.new(device)
    for days in (3, 2, 0):
        arrive(old_layout, device, [made_ago(old_layout, log, days) for _ in range(2)], days)
    with closing(database.connect(old_layout.register)) as connection, database.transaction(connection, old_layout.register):
        connection.execute(day_count.update().values(read_in=77, outs=1))
        connection.execute(insert(day_count), [{"day": days_ago(1).isoformat(), "org": "x", "site": "y", **dict.fromkeys(COLUMNS, 1)}])
    counting = day_counts.recounted

    def recounted(*args: Any) -> Any:
        found = counting(*args)
        arrive(old_layout, device, [made_ago(old_layout, log, days) for days in (2, 1, 0)])  # were the writer's lock held, it would not be
        return found

    monkeypatch.setattr(day_counts, "recounted", recounted)
    ran = here("report", "recount", old_layout.root, "--repair")
    assert (ran.returncode, "Put right: 4 counts." in ran.stdout) == (0, True), ran.stderr
    monkeypatch.undo()
    assert kept(old_layout) == by_hand(old_layout)
    assert len(rows(old_layout)) == 9
