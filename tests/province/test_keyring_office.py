"""The keyring over weeks: missed days, a restore of an old backup, another undated key, two who make it at once."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from old_province import DAY_MS, arrive, days_ago, founded_ago, here, kept_up, published
from province_world import Broker, Collecting, Log, founded, free_port, scanner, wait_for_keyring
from test_keystore import office

from edge_agent.device import stored_keyring
from edge_agent.device.documents import Documents
from edge_agent.device.stored_keyring import OlderKeyring
from edge_agent.wire import keyring, receipt
from edge_agent.wire.authority import Power
from edge_agent.wire.cose import Forged
from edge_agent.wire.keyring import UNDATED, day_of
from edge_agent.wire.receipt import Receipt
from edge_agent.wire.topics import DeviceName
from province.base import files
from province.base.clock import now_ms
from province.base.layout import Layout
from province.keys.day_keys import read_pair
from province.keys.keystore import Absent, Keystore, KeystoreAway
from province.keys.officers import load_officer, read_root_public
from province.trust import keyring_office


def days_of(layout: Layout) -> list[str]:
    return [key.epoch for key in published(layout).keys if key.epoch != UNDATED]


@pytest.mark.parametrize("missed", [1, 3, 4, 40, 400])
def test_after_any_number_of_missed_days_the_days_ahead_are_there_again(layout: Layout, missed: int) -> None:
    before, later_ms = days_of(layout), now_ms() + missed * DAY_MS
    assert office(layout).extend(later_ms)
    today = day_of(later_ms)
    wanted = [(today + timedelta(days=offset)).isoformat() for offset in range(3)]
    assert days_of(layout)[-3:] == wanted
    assert set(days_of(layout)) - set(wanted) <= {(today - timedelta(days=1)).isoformat()}
    kept = Keystore(layout.keystore)
    assert all(not isinstance(kept.load(day), Absent) for day in {*before, *wanted}), "what was published once still opens"


def test_a_collector_that_did_not_run_for_weeks_catches_up_when_it_starts(tmp_path: Path) -> None:
    layout = founded_ago(tmp_path / "province", 20, port=free_port())
    witness = scanner(layout, tmp_path)
    assert days_ago(0).isoformat() not in days_of(layout)
    with Broker(layout), Collecting(layout):
        arrived = keyring.verify(wait_for_keyring(witness), witness.root, now_ms())
    assert [key.epoch for key in arrived.keys][-3:] == [days_ago(-1).isoformat(), days_ago(-2).isoformat(), UNDATED]
    assert arrived.counter == 2


def test_a_keyring_restored_from_an_old_backup_counts_on_and_devices_take_the_next(tmp_path: Path) -> None:
    layout = founded_ago(tmp_path / "province", 10)
    backup = layout.keyring.read_bytes()
    kept_up(layout, 9)
    root, state = read_root_public(layout), tmp_path / "state"
    state.mkdir()
    had = stored_keyring.accept(state, root, layout.keyring.read_bytes())
    layout.keyring.write_bytes(backup)
    with pytest.raises(OlderKeyring):
        stored_keyring.accept(state, root, backup)
    assert office(layout).extend(now_ms())
    now = stored_keyring.accept(state, root, layout.keyring.read_bytes())
    assert now.counter == had.counter + 1
    assert now.keys == had.keys, "the same keys, from the keystore"


def test_what_a_device_stored_outlives_the_offer_of_an_older_one(tmp_path: Path) -> None:
    layout = founded(tmp_path / "province")
    first, root = layout.keyring.read_bytes(), read_root_public(layout)
    office(layout).extend(now_ms() + DAY_MS)
    stored_keyring.accept(tmp_path, root, layout.keyring.read_bytes())
    with pytest.raises(OlderKeyring, match="refused as a replay"):
        stored_keyring.accept(tmp_path, root, first)
    with closing(Documents(tmp_path)) as documents:
        assert (documents.get("keyring") or {})["counter"] == 2


def test_another_undated_key_is_published_and_the_old_one_still_opens(old_layout: Layout, tmp_path: Path) -> None:
    device = scanner(old_layout, tmp_path)
    running, before = office(old_layout), published(old_layout)
    log, new_key = Log.new(device), tmp_path / "second.key"
    arrive(old_layout, device, [log.append(key=before.key_for(None))])
    ran = here("keyring", "rotate", old_layout.root, "--out", new_key)
    assert ran.returncode == 0, ran.stderr
    after = published(old_layout)
    assert (after.counter, after.keys[:-1]) == (before.counter + 1, before.keys[:-1])
    assert after.key_for(None) != before.key_for(None)
    assert new_key.stat().st_mode & 0o777 == 0o600
    arrive(old_layout, device, [log.append(key=after.key_for(None))])
    opening = ("held", "open", old_layout.root, "--json", "--undated-key")
    assert json.loads(here(*opening, new_key).stdout) == {"registered": 1, "expired": 0, "held": {"undated": 1}}
    assert json.loads(here(*opening, old_layout.undated_key).stdout) == {"registered": 1, "expired": 0, "held": {}}
    assert running.extend(now_ms()), "a running collector finds it and publishes it"
    assert running.signed == old_layout.keyring.read_bytes()
    assert here("keyring", "rotate", old_layout.root, "--out", new_key).returncode == 2


def stopped(_layout: Layout) -> None:
    raise KeyboardInterrupt


def disk_failing(layout: Layout) -> None:
    if layout.keyring.exists():
        raise OSError(5, "Input/output error")


def keyring_lost(layout: Layout) -> None:
    layout.keyring.unlink()
    raise OSError(5, "Input/output error")


@pytest.mark.parametrize("happens", [stopped, disk_failing, keyring_lost])
@pytest.mark.parametrize("published_already", [True, False])
def test_the_private_half_of_what_is_published_is_never_deleted(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, happens: Callable[[Layout], None], *, published_already: bool
) -> None:
    before, new_key, write = published(layout).key_for(None), tmp_path / "second.key", files.write_atomically

    def written(path: Path, data: bytes, mode: int) -> None:
        if published_already:
            write(path, data, mode)
        happens(layout)

    monkeypatch.setattr(keyring_office, "write_atomically", written)
    ran = here("keyring", "rotate", layout.root, "--out", new_key)
    kept = published_already or happens is keyring_lost  # what cannot be told is kept
    assert (ran.returncode, new_key.exists()) == (130 if happens is stopped and not kept else 1, kept)
    assert (f"{new_key}: kept" in ran.stderr) is kept
    if happens is not keyring_lost:
        now = published(layout).key_for(None)
        assert (now != before, now.public if published_already else None) == (kept, read_pair(new_key).public if kept else None)


def test_two_who_extend_at_once_make_one(layout: Layout) -> None:
    offices = [office(layout) for _ in range(4)]
    threads = [threading.Thread(target=each.extend, args=(now_ms() + DAY_MS,)) for each in offices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert published(layout).counter == 2
    assert {each.signed for each in offices} == {layout.keyring.read_bytes()}


def test_show_tells_what_is_left_and_what_is_missing(old_layout: Layout, tmp_path: Path) -> None:
    ran = here("keyring", "show", old_layout.root, "--json")
    told = json.loads(ran.stdout)
    assert (ran.returncode, told["days_ahead"], told["missing"]) == (0, 2, [])
    old = founded_ago(tmp_path / "old", 20)
    ran = here("keyring", "show", old.root)
    assert (ran.returncode, "-18 ahead of today" in ran.stdout) == (1, True)
    assert here("keyring", "extend", old.root).returncode == 0
    assert published(old).counter == 2


def test_without_the_keystore_nothing_is_counted_or_made(layout: Layout) -> None:
    running, signed = office(layout), layout.keyring.read_bytes()
    shutil.rmtree(layout.keystore)
    with pytest.raises(KeystoreAway):
        running.extend(now_ms() + DAY_MS)
    assert layout.keyring.read_bytes() == signed


def test_signing_keys_whose_time_has_ended_are_certified_anew(tmp_path: Path) -> None:
    layout, root_key = founded_ago(tmp_path / "province", 3660), tmp_path / "root.key"
    layout.root_key.rename(root_key)
    root = read_root_public(layout)
    signed = layout.keyring.read_bytes()
    ran = here("keyring", "extend", layout.root)
    assert (ran.returncode, "certificates renew" in ran.stderr, layout.keyring.read_bytes()) == (1, True, signed)
    with pytest.raises(Forged, match="not valid now"):
        keyring.verify(signed, root, now_ms())
    other = founded(tmp_path / "other")
    for wrong in (other.root_key, layout.settings_file, tmp_path / "nowhere"):
        ran = here("certificates", "renew", layout.root, "keyring", "--root", wrong)
        assert (ran.returncode, str(wrong) in ran.stderr) == (2, True)
    before = published(layout)
    assert here("certificates", "renew", layout.root, "keyring", "receipts", "--root", root_key).returncode == 0
    after = keyring.verify(layout.keyring.read_bytes(), root, now_ms())
    assert after.counter > before.counter
    assert after.key_for(None) == before.key_for(None)
    assert after.keys[1].epoch == days_ago(0).isoformat()
    nothing = Receipt(DeviceName("bus-co", "b1"), bytes(16), (), now_ms())
    signed = receipt.issue(nothing, load_officer(layout, Power.RECEIPTS))
    assert receipt.verify(signed, root, nothing.name, now_ms(), now_ms()) == nothing
