"""The keystore: what is not there proves nothing, what is published is never made again, what is destroyed stays destroyed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from province_world import founded, settings

from edge_agent.base import disk
from edge_agent.wire import keyring
from edge_agent.wire.authority import Power
from edge_agent.wire.keyring import UNDATED, day_of
from province.base import files
from province.base.clock import now_ms
from province.base.layout import Layout
from province.keys import keystore
from province.keys.day_keys import DayKeys, generate
from province.keys.keystore import Absent, Keystore, KeystoreAway, TooEarly
from province.keys.officers import load_officer, read_root_public
from province.trust.keyring_office import KeyringOffice

DAY_MS = 86_400_000


def office(layout: Layout) -> KeyringOffice:
    return KeyringOffice(layout, layout.read_settings(), load_officer(layout, Power.KEYRING))


def published(layout: Layout) -> dict[str, keyring.EpochKey]:
    return {key.epoch: key for key in keyring.verify(layout.keyring.read_bytes(), read_root_public(layout)).keys}


def today() -> date:
    return day_of(now_ms())


LATER = today() + timedelta(days=30)


def emptied(layout: Layout) -> None:
    shutil.rmtree(layout.keystore)
    layout.keystore.mkdir()


def gone(layout: Layout) -> None:
    shutil.rmtree(layout.keystore)


def of_another_province(layout: Layout) -> None:
    other = founded(layout.root.parent / "other")
    shutil.rmtree(layout.keystore)
    shutil.copytree(other.keystore, layout.keystore)


def without_a_published_day(layout: Layout) -> None:
    Keystore(layout.keystore).path((today() + timedelta(days=2)).isoformat()).unlink()


def with_another_key_for_a_published_day(layout: Layout) -> None:
    Keystore(layout.keystore).store(generate(today() + timedelta(days=1), settings().suite))


AWAY = (emptied, gone, of_another_province)
INCOMPLETE = (without_a_published_day, with_another_key_for_a_published_day)


@pytest.mark.parametrize("harm", [*AWAY, *INCOMPLETE])
def test_nothing_is_made_or_signed_when_the_keystore_is_not_the_published_one(layout: Layout, harm: Callable[[Layout], None]) -> None:
    running, signed = office(layout), layout.keyring.read_bytes()
    harm(layout)
    before = sorted(path.name for path in layout.keystore.glob("*"))
    for each in (running, office(layout)):
        with pytest.raises(KeystoreAway, match="Mount or restore"):
            each.extend(now_ms() + DAY_MS)
    assert layout.keyring.read_bytes() == signed
    assert sorted(path.name for path in layout.keystore.glob("*")) == before


@pytest.mark.parametrize("harm", AWAY)
def test_a_folder_that_is_not_the_keystore_says_nothing_about_any_day(layout: Layout, harm: Callable[[Layout], None]) -> None:
    harm(layout)
    store = Keystore(layout.keystore)
    for attempt in (
        lambda: store.load(today().isoformat()),
        lambda: store.load("2020-01-01"),
        lambda: store.ensure(today(), settings().suite),
        lambda: store.destroy(today(), LATER),
        store.epochs,
    ):
        with pytest.raises(KeystoreAway):
            attempt()


def test_a_tombstone_in_another_provinces_keystore_destroys_nothing_here(layout: Layout) -> None:
    other = founded(layout.root.parent / "other")
    Keystore(other.keystore).destroy(today(), LATER)
    shutil.rmtree(layout.keystore)
    other.keystore.rename(layout.keystore)
    with pytest.raises(KeystoreAway, match="another province"):
        Keystore(layout.keystore).load(today().isoformat())


def test_a_keystore_mounted_again_goes_on_where_it_was(layout: Layout) -> None:
    running, before = office(layout), published(layout)
    away = layout.root / "away"
    layout.keystore.rename(away)
    layout.keystore.mkdir()
    with pytest.raises(KeystoreAway):
        running.extend(now_ms() + DAY_MS)
    layout.keystore.rmdir()
    away.rename(layout.keystore)
    assert running.extend(now_ms() + DAY_MS)
    after = published(layout)
    assert {epoch: after[epoch] for epoch in before if epoch in after} == {epoch: before[epoch] for epoch in before if epoch in after}
    assert set(after) - set(before) == {(today() + timedelta(days=3)).isoformat()}


def test_keys_written_before_a_power_cut_and_never_published_are_used(layout: Layout) -> None:
    made = Keystore(layout.keystore).ensure(today() + timedelta(days=3), settings().suite)
    assert isinstance(made, DayKeys)
    assert office(layout).extend(now_ms() + DAY_MS)
    assert published(layout)[made.epoch] == made.public


def test_a_clock_gone_back_makes_no_keys(layout: Layout) -> None:
    before = Keystore(layout.keystore).epochs()
    assert not office(layout).extend(now_ms() - 10 * DAY_MS)
    assert Keystore(layout.keystore).epochs() == before


def test_a_clock_gone_far_ahead_and_back_has_its_days_again(layout: Layout) -> None:
    before = published(layout)
    running = office(layout)
    assert running.extend(now_ms() + 1000 * DAY_MS)
    assert running.extend(now_ms())
    assert published(layout) == before
    assert not running.extend(now_ms())


def test_a_destroyed_day_is_destroyed_whatever_is_restored(layout: Layout) -> None:
    store, day = Keystore(layout.keystore), today() + timedelta(days=1)
    kept = store.path(day.isoformat()).read_bytes()
    (layout.keystore / f".{day.isoformat()}.json.torn").write_bytes(kept)
    store.destroy(day, LATER)
    store.destroy(day, LATER)
    assert [path.name for path in layout.keystore.rglob(f"*{day.isoformat()}*")] == [day.isoformat()]
    assert store.load(day.isoformat()) is Absent.DESTROYED
    assert store.ensure(day, settings().suite) is Absent.DESTROYED
    store.path(day.isoformat()).write_bytes(kept)
    assert store.load(day.isoformat()) is Absent.DESTROYED
    assert day.isoformat() not in store.epochs()
    assert office(layout).extend(now_ms() + DAY_MS)
    assert day.isoformat() not in published(layout)
    assert UNDATED in published(layout)


def test_the_tombstone_is_on_the_disk_before_the_keys_go(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    store, epoch = Keystore(layout.keystore), today().isoformat()

    def full(_path: Path, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keystore, "write_atomically", full)
    with pytest.raises(OSError, match="No space"):
        store.destroy(today(), LATER)
    monkeypatch.undo()
    assert isinstance(store.load(epoch), DayKeys)
    order: list[str] = []
    unlink = Path.unlink

    def note_unlink(path: Path, *, missing_ok: bool = False) -> None:
        order.append(f"unlink {path.name}")
        unlink(path, missing_ok)

    def note_sync(folder: Path) -> None:
        order.append(f"sync {folder.name}")
        disk.sync_folder(folder)

    def note_write(path: Path, data: bytes) -> None:
        files.write_atomically(path, data)
        order.append(f"written {path.parent.name}")

    def note_keep(folder: Path) -> None:
        files.keep_folder(folder)
        order.append(f"kept {folder.name}")

    monkeypatch.setattr(Path, "unlink", note_unlink)
    monkeypatch.setattr(keystore, "keep_folder", note_keep)
    monkeypatch.setattr(keystore, "sync_folder", note_sync)
    monkeypatch.setattr(keystore, "write_atomically", note_write)
    store.destroy(today(), LATER)
    assert order == ["kept destroyed", "written destroyed", f"unlink {epoch}.json", "sync keystore"]


def test_a_day_nobody_knows_is_missing_not_destroyed(layout: Layout) -> None:
    assert Keystore(layout.keystore).load("2020-01-01") is Absent.MISSING


@pytest.mark.parametrize("offset", [-1, 0, 1, 40])
def test_yesterday_and_later_days_are_never_destroyed(layout: Layout, offset: int) -> None:
    store, day = Keystore(layout.keystore), today() + timedelta(days=offset)
    store.ensure(day, settings().suite)
    with pytest.raises(TooEarly, match="may be destroyed"):
        store.destroy(day, today())
    assert isinstance(store.load(day.isoformat()), DayKeys)
    assert store.destroyed() == []


def test_a_copy_of_the_keys_put_back_is_found(layout: Layout) -> None:
    store, epoch = Keystore(layout.keystore), today().isoformat()
    kept = store.path(epoch).read_bytes()
    store.destroy(today(), LATER)
    assert store.left_behind() == []
    store.path(epoch).write_bytes(kept)
    assert store.left_behind() == store.destroyed() == [epoch]
