"""Whoever dates an entry ahead gets it kept no longer than what came with it, and marked; nothing is lost by a wrong clock of ours."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from collector_alone import delivered
from old_province import DAY_MS, arrive, days_ago, here, key_of, made_ago, rows
from province_world import ANYONE, Log, Scanner, json_lines, scanner

from edge_agent.wire import envelope
from edge_agent.wire.entry import Clock, Header
from edge_agent.wire.keyring import day_of
from edge_agent.wire.receipt import Status
from province.base.clock import now_ms
from province.base.layout import Layout
from province.collecting import collector
from province.collecting.fate import decide
from province.collecting.intake import Refused
from province.keys.day_keys import DayKeys
from province.keys.keystore import Absent, Keystore
from province.records import views
from province.records.clock_truth import AHEAD_MS
from province.records.views import day_bounds_ms
from province.store import database

TOMORROW_BUT_ONE = -2  # days ago: as far as this province's keyring goes


@pytest.fixture
def layout(old_layout: Layout) -> Layout:
    return old_layout


@pytest.fixture
def device(layout: Layout, tmp_path: Path) -> Scanner:
    return scanner(layout, tmp_path)


def looked_up(layout: Layout) -> list[dict[str, object]]:
    ran = here("find", layout.root, "--id", ANYONE.id_number, "--reason", "case 1", "--json")
    found: list[dict[str, object]] = json.loads(ran.stdout)["passages"]
    return found


def test_what_is_sealed_to_a_later_day_is_kept_under_the_day_it_came_and_marked(layout: Layout, device: Scanner) -> None:
    log = Log.new(device)
    honest, ahead = made_ago(layout, log, 0), made_ago(layout, log, TOMORROW_BUT_ONE)
    results = arrive(layout, device, [honest, ahead])
    assert [(one.outcome.status, one.outcome.reason) for one in results] == [(Status.REGISTERED, None)] * 2
    _first, row = rows(layout)
    assert (row["epoch"], str(row["key_id"])[:10]) == (days_ago(0).isoformat(), days_ago(TOMORROW_BUT_ONE).isoformat())
    assert int(str(row["wall_ms"])) > now_ms() + DAY_MS, "the claim is kept"
    assert [one["day"] for one in rows(layout, "day")] == [days_ago(0).isoformat()]
    found = looked_up(layout)
    assert [one["dated_ahead"] for one in found] == [False, True]
    assert (found[1]["at_ms"], found[1]["not_before_ms"]) == (None, found[0]["at_ms"])
    assert int(str(found[1]["not_after_ms"])) <= now_ms(), "nothing is of after it came"
    assert "dated-ahead" in here("find", layout.root, "--id", ANYONE.id_number, "--reason", "case 1").stdout
    assert [one["dated_ahead"] for one in json_lines(here("entries", layout.root, "--json").stdout)] == [False, True]
    assert here("entries", layout.root).stdout.count("dated-ahead") == 1
    assert [one["dated_ahead"] for one in json_lines(here("logs", layout.root, "--json").stdout)] == [1]


def test_it_goes_with_the_day_it_came_though_its_own_days_keys_live_on(layout: Layout, device: Scanner) -> None:
    log = Log.new(device)
    ahead = made_ago(layout, log, 20)
    arrive(layout, device, [ahead], days=23)
    arrive(layout, device, [made_ago(layout, log, 0)])
    assert here("retention", "run", layout.root).returncode == 0
    assert isinstance(Keystore(layout.keystore).load(days_ago(20).isoformat()), DayKeys)
    assert [(row["status"], row["body"] is None) for row in rows(layout)] == [("expired", True), ("registered", False)]
    [again] = arrive(layout, device, [ahead])  # as the broker or an old card has it
    assert (again.repeated, again.outcome.status, again.outcome.forked) == (True, Status.EXPIRED, False)
    assert len(looked_up(layout)) == 1
    assert here("retention", "run", layout.root).stdout.startswith("0 days"), "what is left of it is nothing to do"


def test_held_for_a_missing_key_it_is_kept_under_the_day_it_came_too(layout: Layout, device: Scanner, tmp_path: Path) -> None:
    own = Keystore(layout.keystore).path(days_ago(1).isoformat())
    ahead = made_ago(layout, Log.new(device), 1)
    own.rename(tmp_path / "away")
    assert [one.outcome.status for one in arrive(layout, device, [ahead], days=4)] == [Status.HELD]
    (tmp_path / "away").rename(own)
    assert here("held", "open", layout.root).returncode == 0
    assert [(row["status"], row["epoch"]) for row in rows(layout)] == [("registered", days_ago(4).isoformat())]


@pytest.mark.parametrize("early_ms, kept", [(AHEAD_MS - 1, 0), (AHEAD_MS + 1, 1)])
def test_a_clock_a_little_ahead_at_midnight_is_no_claim(layout: Layout, device: Scanner, early_ms: int, kept: int) -> None:
    entry = envelope.peek(made_ago(layout, Log.new(device), 0))
    fate = decide(entry, Keystore(layout.keystore).load, day_bounds_ms(days_ago(0))[0] - early_ms)
    assert fate.epoch == days_ago(kept).isoformat()


@pytest.mark.parametrize("absent", Absent)
def test_a_clock_of_ours_that_is_far_behind_loses_nothing(layout: Layout, device: Scanner, absent: Absent) -> None:
    entry, today = envelope.peek(made_ago(layout, Log.new(device), 0)), days_ago(0).isoformat()
    fate = decide(entry, lambda epoch: Keystore(layout.keystore).load(epoch) if epoch == today else absent, 0)
    assert (fate.status, fate.epoch) == (Status.REGISTERED, today)


def test_our_clock_put_back_does_not_move_entries_into_the_past(layout: Layout, device: Scanner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "now_ms", lambda: now_ms() - 20 * DAY_MS)
    result = delivered(layout, Log.new(device), made=made_ago(layout, Log.new(device), 0))
    assert not isinstance(result, Refused)
    assert [row["epoch"] for row in rows(layout)] == [days_ago(0).isoformat()]


def test_a_time_dated_ahead_under_todays_key_bounds_no_other(layout: Layout, device: Scanner) -> None:
    log, key = Log.new(device), key_of(layout, 0).key_for(days_ago(0))

    def later(header: Header) -> Header:
        return replace(header, wall_ms=now_ms() + 30 * DAY_MS)

    def blind(header: Header) -> Header:
        return replace(header, wall_ms=1000, clock=Clock.UNKNOWN)

    arrive(layout, device, [log.append(key=key, change=change) for change in (later, blind, later)])
    with closing(database.connect(layout.register)) as connection:
        found = views.find(connection, Keystore(layout.keystore), ANYONE.id_number)
    assert [one.dated_ahead for one in found] == [True, False, True]
    assert [one.when.not_before_ms for one in found] == [None] * 3
    assert all(one.when.not_after_ms is not None and day_of(one.when.not_after_ms) < days_ago(0) + timedelta(days=1) for one in found)


def test_a_later_days_key_alone_is_a_claim_too(layout: Layout, device: Scanner) -> None:
    arrive(layout, device, [Log.new(device).append(key=key_of(layout, TOMORROW_BUT_ONE).key_for(days_ago(TOMORROW_BUT_ONE)))])
    [found] = looked_up(layout)
    assert (found["dated_ahead"], found["at_ms"]) == (True, found["wall_ms"])


def test_what_has_no_time_happened_before_it_came_however_late_the_next_did(layout: Layout, device: Scanner) -> None:
    log = Log.new(device)
    arrive(layout, device, [made_ago(layout, log, 4, change=lambda header: replace(header, clock=Clock.UNKNOWN))], days=4)
    arrive(layout, device, [made_ago(layout, log, 0)])
    first, _second = looked_up(layout)
    assert int(str(first["not_after_ms"])) <= now_ms() - 4 * DAY_MS
