"""Retention: what it closes is closed for good, what it keeps is kept, and it may be killed at any moment."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from old_province import DAY_MS, arrive, days_ago, founded_ago, here, kept_up, made_ago, rows
from province_world import ROOT, Log, Scanner, json_lines, scanner

from edge_agent.wire.keyring import day_of
from edge_agent.wire.receipt import Status
from province.base.clock import now_ms
from province.base.layout import Layout
from province.collecting import quarantine
from province.collecting.intake import Reason, Refused
from province.keys.day_keys import DayKeys
from province.keys.keystore import Absent, Keystore
from province.records import views
from province.records.retention import Retention
from province.store import database


@pytest.fixture
def layout(old_layout: Layout) -> Layout:
    return old_layout


@pytest.fixture
def device(layout: Layout, tmp_path: Path) -> Scanner:
    return scanner(layout, tmp_path)


def fill(layout: Layout, device: Scanner, *days: int) -> list[bytes]:
    log = Log.new(device)
    made = [made_ago(layout, log, day) for day in days]
    arrive(layout, device, made)
    return made


def everything(layout: Layout) -> dict[str, bytes]:
    with closing(database.connect(layout.register)) as connection:
        dump = "\n".join(connection.driver.iterdump()).encode()
    return {"register": dump} | {str(path): path.read_bytes() for path in layout.keystore.rglob("*") if path.is_file()}


def test_days_before_the_kept_ones_are_closed_and_the_others_untouched(layout: Layout, device: Scanner) -> None:
    fill(layout, device, 25, 22, 22, 21, 0)
    ledger, days = rows(layout, "ledger"), rows(layout, "day")
    ran = here("retention", "run", layout.root, "--json")
    assert ran.returncode == 0, ran.stderr
    *told, end = json_lines(ran.stdout)
    assert {one["day"]: one["entries"] for one in told if one["entries"]} == {days_ago(25).isoformat(): 1, days_ago(22).isoformat(): 2}
    assert len(told) == end["days"] == 10  # from yesterday of the founding on
    store = Keystore(layout.keystore)
    assert store.destroyed() == [days_ago(days).isoformat() for days in range(31, 21, -1)]
    assert isinstance(store.load(days_ago(21).isoformat()), DayKeys)
    assert [row["epoch"] for row in rows(layout)] == [days_ago(21).isoformat(), days_ago(0).isoformat()]
    assert len(rows(layout, "token")) == 3 * 2
    assert (rows(layout, "ledger"), rows(layout, "day")) == (ledger, days)
    again = here("retention", "run", layout.root)
    assert (again.returncode, again.stdout.startswith("0 days; kept from")) == (0, True)


def test_a_dry_run_says_the_same_and_changes_nothing(layout: Layout, device: Scanner) -> None:
    fill(layout, device, 25, 0)
    before = everything(layout)
    planned = json_lines(here("retention", "run", layout.root, "--json", "--dry-run").stdout)
    assert everything(layout) == before
    done = json_lines(here("retention", "run", layout.root, "--json").stdout)
    assert [{**one, "done": ""} for one in planned] == [{**one, "done": ""} for one in done]


@pytest.mark.parametrize("days", [0, -1, 10**6])
def test_the_floor_is_one_day(layout: Layout, days: int) -> None:
    ran = here("retention", "run", layout.root, "--days", days)
    assert (ran.returncode, "must be 1 to" in ran.stderr) == (2, True)
    with closing(database.connect(layout.register)) as connection, pytest.raises(ValueError, match="at least 1"):
        Retention(connection, layout.register, Keystore(layout.keystore), min(days, 0), now_ms())


def test_with_the_floor_today_and_yesterday_are_left(layout: Layout, device: Scanner) -> None:
    fill(layout, device, 2, 1, 0)
    assert here("retention", "run", layout.root, "--days", 1).returncode == 0
    assert [row["epoch"] for row in rows(layout)] == [days_ago(1).isoformat(), days_ago(0).isoformat()]
    assert Keystore(layout.keystore).load(days_ago(2).isoformat()) is Absent.DESTROYED


def test_a_clock_that_nothing_confirms_destroys_nothing(layout: Layout, device: Scanner) -> None:
    fill(layout, device, 25, 6)
    before = everything(layout)
    ran = here("retention", "run", layout.root)
    assert (ran.returncode, f"last on {days_ago(6)}" in ran.stderr, "--trust-clock" in ran.stderr) == (1, True, True)
    assert everything(layout) == before
    assert here("retention", "run", layout.root, "--trust-clock").returncode == 0
    assert [row["epoch"] for row in rows(layout)] == [days_ago(6).isoformat()]


def test_nor_does_it_clear_what_is_held_or_refused(layout: Layout, device: Scanner) -> None:
    assert here("retention", "run", layout.root, "--trust-clock").returncode == 0
    arrive(layout, device, [Log.new(device).append(key=device.keyring.key_for(None))], days=22)
    with closing(database.connect(layout.register)) as connection, database.transaction(connection, layout.register):
        connection.execute("UPDATE entry SET wall_ms = wall_ms - ?", (10 * DAY_MS,))
        quarantine.put_away(connection, Refused("t", b"old", Reason.MALFORMED, ""), now_ms() - 30 * DAY_MS)
    before = everything(layout)
    ran = here("retention", "run", layout.root)
    assert (ran.returncode, f"last on {days_ago(10)}" in ran.stderr) == (1, True)
    assert everything(layout) == before
    assert here("retention", "run", layout.root, "--trust-clock").returncode == 0
    assert [row["status"] for row in rows(layout)] == ["expired"]


def test_late_copies_of_a_closed_day_are_expired_and_cleared_by_the_next_run(layout: Layout, device: Scanner) -> None:
    log = Log.new(device)
    came, late = made_ago(layout, log, 25), made_ago(layout, log, 25)
    arrive(layout, device, [came, made_ago(layout, Log.new(device), 0)])
    assert here("retention", "run", layout.root).returncode == 0
    results = arrive(layout, device, [came, late])
    assert [(it.outcome.status, it.repeated, it.outcome.forked) for it in results] == [
        (Status.EXPIRED, True, False),
        (Status.EXPIRED, False, False),
    ]
    assert [row["body"] for row in rows(layout) if row["status"] == "expired"] == [None]
    assert here("retention", "run", layout.root).returncode == 0
    assert [row["status"] for row in rows(layout)] == ["registered"]
    with closing(database.connect(layout.register)) as connection:
        [state] = [one for one in views.logs(connection) if one.log == log.log]
    assert (state.first, state.last, state.gaps, state.alerts) == (1, 2, (), ())


def test_what_is_held_too_long_loses_its_body_and_is_known_when_it_comes_again(layout: Layout, device: Scanner) -> None:
    log = Log.new(device)
    undated = log.append(key=device.keyring.key_for(None))
    arrive(layout, device, [undated], days=22)
    arrive(layout, device, [made_ago(layout, log, 0)])
    with closing(database.connect(layout.register)) as connection, database.transaction(connection, layout.register):
        quarantine.put_away(connection, Refused("t", b"old", Reason.MALFORMED, ""), now_ms() - 30 * DAY_MS)
        quarantine.put_away(connection, Refused("t", b"new", Reason.MALFORMED, ""), now_ms())
    *_days, end = json_lines(here("retention", "run", layout.root, "--json").stdout)
    assert (end["held"], end["quarantined"]) == (1, 1)
    assert [(row["status"], row["body"] is None) for row in rows(layout)] == [("expired", True), ("registered", False)]
    assert [row["head"] for row in rows(layout, "quarantine")] == [b"new"]
    [again] = arrive(layout, device, [undated])
    assert (again.repeated, again.outcome.status, again.outcome.forked) == (True, Status.EXPIRED, False)


def test_a_copy_of_the_keys_put_back_is_destroyed_again(layout: Layout, device: Scanner) -> None:
    fill(layout, device, 25, 0)
    store, epoch = Keystore(layout.keystore), days_ago(25).isoformat()
    kept = store.path(epoch).read_bytes()
    assert here("retention", "run", layout.root).returncode == 0
    store.path(epoch).write_bytes(kept)
    ran = here("retention", "run", layout.root)
    assert (ran.returncode, epoch in ran.stdout, store.path(epoch).exists()) == (0, True, False)


def test_stray_files_in_the_keystore_are_named_and_stop_no_day_from_being_closed(layout: Layout, device: Scanner) -> None:
    fill(layout, device, 25, 23, 0)
    store, epoch = Keystore(layout.keystore), days_ago(25).isoformat()
    fine = store.folder / f".{epoch}.json.a_b3c4d5"  # a write cut short: goes with its day
    strays = [store.path(f"{epoch} (copy)"), store.folder / f"{epoch}.json.bak", store.path(epoch.replace("-", ""))]
    for copy in (fine, *strays):
        shutil.copy(store.path(epoch), copy)
    (store.folder / "lost+found").mkdir()
    for _night in range(2):
        ran = here("retention", "run", layout.root, "--dry-run")
        assert (ran.returncode, all(path.name in ran.stderr for path in strays)) == (1, True), ran.stderr
        ran = here("retention", "run", layout.root)
        assert (ran.returncode, all(path.name in ran.stderr for path in strays)) == (1, True), ran.stderr
        assert store.destroyed() == [days_ago(days).isoformat() for days in range(31, 21, -1)]
        assert [row["epoch"] for row in rows(layout)] == [days_ago(0).isoformat()]
    assert (fine.exists(), [path.exists() for path in strays]) == (False, [True] * 3)
    (store.folder / "destroyed" / f"{epoch}~").touch()
    for path in strays:
        path.unlink()
    ran = here("retention", "run", layout.root)
    assert (ran.returncode, f"destroyed/{epoch}~" in ran.stderr) == (1, True)
    (store.folder / "destroyed" / f"{epoch}~").unlink()
    assert here("retention", "run", layout.root).returncode == 0


def test_a_keystore_that_is_away_is_said_and_nothing_is_cleared(layout: Layout, device: Scanner) -> None:
    fill(layout, device, 25, 0)
    layout.keystore.rename(layout.root / "away")
    ran = here("retention", "run", layout.root)
    assert (ran.returncode, "Mount or restore" in ran.stderr) == (1, True)
    assert len(rows(layout)) == 2


def test_killed_at_any_moment_it_is_finished_by_the_next_run(tmp_path: Path) -> None:
    layout = founded_ago(tmp_path / "province", 23)
    kept_up(layout, 0)
    device = scanner(layout, tmp_path)
    fill(layout, device, 23, 22, 22, 0)
    first_kept = day_of(now_ms()) - timedelta(days=21)
    ran = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("killed_retention.py")), str(layout.root), first_kept.isoformat()],
        capture_output=True, text=True, cwd=ROOT, check=False, timeout=120, env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["moments"] > 30


def test_a_register_restored_from_a_backup_reads_nothing_of_a_closed_day_and_is_cleared_again(
    layout: Layout, device: Scanner, tmp_path: Path
) -> None:
    fill(layout, device, 25, 25, 0)
    backup = tmp_path / "backup.sqlite"
    with closing(sqlite3.connect(layout.register)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    assert here("retention", "run", layout.root).returncode == 0
    shutil.copy(backup, layout.register)
    with closing(database.connect(layout.register)) as connection:
        shown = views.entries(connection, Keystore(layout.keystore), 5)
    assert [one.person is None for one in shown] == [True, True, False]
    assert "its day's keys are destroyed" in shown[0].note
    [told, _end] = json_lines(here("retention", "run", layout.root, "--json").stdout)
    assert (told["day"], told["keys"], told["entries"]) == (days_ago(25).isoformat(), False, 2)
    assert [row["epoch"] for row in rows(layout)] == [days_ago(0).isoformat()]
