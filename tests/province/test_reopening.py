"""Held entries: what opens when the key is there, under which day it is kept, and what stays held."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from old_province import DAY_MS, arrive, days_ago, founded_ago, here, made_ago, rows
from province_world import ANYONE, Log, Scanner, json_lines, scanner

from edge_agent.wire.entry import Clock, Header, Kind
from edge_agent.wire.receipt import Status
from province.base.clock import now_ms
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.records import views
from province.store import database


@pytest.fixture
def layout(old_layout: Layout) -> Layout:
    return old_layout


@pytest.fixture
def device(layout: Layout, tmp_path: Path) -> Scanner:
    return scanner(layout, tmp_path)


def undated_ago(log: Log, days: float, clock: Clock = Clock.SYNCHRONISED, boot: bytes = bytes(16), kind: Kind = Kind.PASSAGE) -> bytes:
    """An entry past the end of the device's keyring (trusted clock) or without a clock, since boot a minute for each day."""

    def change(header: Header) -> Header:
        wall_ms = int(now_ms() - days * DAY_MS)
        claimed_ms = wall_ms if clock is not Clock.UNKNOWN else 1000
        return replace(header, wall_ms=claimed_ms, clock=clock, boot=boot, boottime_ms=int((90 - days) * DAY_MS))

    return log.append(kind=kind, key=log.scanner.keyring.key_for(None), change=change)


def opened(layout: Layout, *keys: Path) -> dict[str, object]:
    words = [word for key in keys for word in ("--undated-key", key)]
    [told] = json_lines(here("held", "open", layout.root, "--json", *words).stdout)
    return told


def test_undated_entries_open_with_the_offline_key_and_are_found(layout: Layout, device: Scanner, tmp_path: Path) -> None:
    log = Log.new(device)
    arrive(layout, device, [undated_ago(log, 3), undated_ago(log, 2)])
    stick = tmp_path / "stick.key"
    layout.undated_key.rename(stick)
    assert opened(layout) == {"registered": 0, "expired": 0, "held": {"undated": 2}}
    assert here("held", "open", layout.root).returncode == 1
    assert opened(layout, stick) == {"registered": 2, "expired": 0, "held": {}}
    found = rows(layout)
    assert [(row["status"], row["reason"], row["epoch"]) for row in found] == [
        ("registered", None, days_ago(3).isoformat()),
        ("registered", None, days_ago(2).isoformat()),
    ]
    assert [row["direction"] for row in found] == ["in", "in"]
    with closing(database.connect(layout.register)) as connection:
        assert views.count_passages(connection, Keystore(layout.keystore), ANYONE.id_number) == 2
        assert [shown.person for shown in views.entries(connection, Keystore(layout.keystore), 5)] == [
            ("Nguyễn Văn Ẩn ***", "0010990 ***")
        ] * 2
    assert here("held", "open", layout.root).returncode == 0
    assert json_lines(here("held", "list", layout.root, "--json").stdout) == []


def test_an_undated_entry_of_a_destroyed_day_is_expired(layout: Layout, device: Scanner) -> None:
    log = Log.new(device)
    arrive(layout, device, [undated_ago(log, 25), undated_ago(log, 29), undated_ago(log, 60), undated_ago(log, 3)])
    assert here("retention", "run", layout.root).returncode == 0
    assert opened(layout, layout.undated_key) == {"registered": 1, "expired": 3, "held": {}}
    assert [row["body"] is None for row in rows(layout)] == [True, True, True, False]


def test_without_any_day_it_is_kept_under_the_day_it_came(layout: Layout, device: Scanner) -> None:
    arrive(layout, device, [undated_ago(Log.new(device), 9, Clock.UNKNOWN)], days=4)
    assert opened(layout, layout.undated_key)["registered"] == 1
    assert [row["epoch"] for row in rows(layout)] == [days_ago(4).isoformat()]


def test_what_claims_to_be_of_tomorrow_is_kept_no_longer_than_what_came_today(layout: Layout, device: Scanner) -> None:
    arrive(layout, device, [undated_ago(Log.new(device), -1)])
    assert opened(layout, layout.undated_key)["registered"] == 1
    assert [row["epoch"] for row in rows(layout)] == [days_ago(0).isoformat()]


def test_a_clock_entry_of_the_boot_says_the_day(layout: Layout, device: Scanner) -> None:
    log, boot = Log.new(device), b"b" * 16
    blind = undated_ago(log, 5, Clock.UNKNOWN, boot)
    knows = undated_ago(log, 1, Clock.SYNCHRONISED, boot, Kind.CLOCK)
    arrive(layout, device, [blind, knows])
    assert opened(layout, layout.undated_key)["registered"] == 2
    assert [row["epoch"] for row in rows(layout)] == [days_ago(5).isoformat(), days_ago(1).isoformat()]


def test_a_keystore_that_lacked_a_day_opens_its_entries_when_it_is_restored(layout: Layout, device: Scanner, tmp_path: Path) -> None:
    store, epoch = Keystore(layout.keystore), days_ago(3).isoformat()
    made = made_ago(layout, Log.new(device), 3)
    store.path(epoch).rename(tmp_path / "away")
    [first] = arrive(layout, device, [made])
    assert (first.outcome.status, first.outcome.reason) == (Status.HELD, "key-missing")
    assert opened(layout) == {"registered": 0, "expired": 0, "held": {"key-missing": 1}}
    (tmp_path / "away").rename(store.path(epoch))
    assert opened(layout) == {"registered": 1, "expired": 0, "held": {}}
    [again] = arrive(layout, device, [made])
    assert (again.repeated, again.outcome.status) == (True, Status.REGISTERED)


def test_the_wrong_key_opens_nothing_and_a_file_that_is_none_is_said(layout: Layout, device: Scanner, tmp_path: Path) -> None:
    arrive(layout, device, [undated_ago(Log.new(device), 1)])
    other = founded_ago(tmp_path / "other", 0)
    assert opened(layout, other.undated_key) == {"registered": 0, "expired": 0, "held": {"undated": 1}}
    assert opened(layout, other.undated_key, layout.undated_key)["registered"] == 1
    for file in (tmp_path / "nowhere", layout.settings_file, layout.register):
        ran = here("held", "open", layout.root, "--undated-key", file)
        assert (ran.returncode, str(file) in ran.stderr, "Traceback" in ran.stderr) == (2, True, False)


def test_more_than_one_batch_is_opened(layout: Layout, device: Scanner) -> None:
    log = Log.new(device)
    arrive(layout, device, [undated_ago(log, 1) for _ in range(450)])
    assert json.loads(here("held", "list", layout.root, "--json").stdout)["entries"] == 450
    assert opened(layout, layout.undated_key) == {"registered": 450, "expired": 0, "held": {}}
