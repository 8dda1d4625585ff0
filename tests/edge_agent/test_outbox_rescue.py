"""What a damaged outbox still holds is found: past damaged pages, in a broken write-ahead log, in a file without a name."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import outbox_world
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outbox_world import ROOMY
from sealed_examples import DEVICE_PUBLIC, brief, filled, sealed_at

from edge_agent.store import adopting
from edge_agent.store.carving import broken_wal
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import FILE_NAME, OutboxDamaged, Spot
from edge_agent.store.pages import PAGE_BYTES
from edge_agent.store.recorder import Recorder
from edge_agent.store.salvage import salvage
from edge_agent.wire.entry import LogHead
from edge_agent.wire.envelope import envelope_hash, peek
from edge_agent.wire.receipt import Range, Status

path = outbox_world.path


def wal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def held(path: Path) -> list[bytes]:
    forwarder = Forwarder(path)
    envelopes = [item.envelope for item in forwarder.page(0, 10**6)]
    forwarder.close()
    return envelopes


def predecessor_named_by(recorder: Recorder) -> LogHead | None:
    named: list[LogHead | None] = []

    def build(spot: Spot) -> bytes:
        named.append(spot.predecessor)
        return sealed_at(spot)

    recorder.append(build)
    return named[0]


def after_a_power_cut(path: Path, count: int = 40, folded: int = 20) -> list[bytes]:
    """An outbox as a power cut leaves it: file and write-ahead log."""
    live = path.parent / "live" / FILE_NAME
    live.parent.mkdir()
    recorder = Recorder(live, ROOMY)
    made: list[bytes] = []

    def keep(spot: Spot) -> bytes:
        made.append(sealed_at(spot))
        return made[-1]

    for place in range(count):
        recorder.append(keep)
        if place + 1 == folded:
            recorder._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for file in (live, wal_of(live)):
        shutil.copy(file, path.with_name(file.name))
    recorder.close()
    shutil.rmtree(live.parent)
    return made


def spoil_pages(file: Path, rng: random.Random, count: int) -> None:
    data = bytearray(file.read_bytes())
    for _ in range(count):
        page = rng.randrange(-(-len(data) // PAGE_BYTES)) * PAGE_BYTES
        size = len(data[page : page + PAGE_BYTES])
        data[page : page + PAGE_BYTES] = rng.choice([bytes(size), rng.randbytes(size)])
    file.write_bytes(data)


# ── a file taken away ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("how", ["deleted", "replaced by an older one"])
def test_a_file_taken_away_is_read_through_what_is_open_yet(path: Path, how: str) -> None:
    old = Recorder(path, ROOMY)
    made: list[bytes] = []

    def keep(spot: Spot) -> bytes:
        made.append(sealed_at(spot))
        return made[-1]

    for place in range(30):
        old.append(keep)
        if place == 9:
            old._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            shutil.copy(path, path.with_name("backup"))
    log = peek(made[0]).header.log
    forwarder = Forwarder(path)
    assert forwarder.forget(log, Range(1, 5, envelope_hash(made[4]), Status.REGISTERED)).entries == 5
    forwarder.close()
    assert not old.is_gone()
    path.unlink()
    if how != "deleted":
        path.with_name("backup").rename(path)
    assert old.is_gone()
    new, salvaged = salvage(path, ROOMY, 0, 1, device_key=DEVICE_PUBLIC, still_open=old)
    old.close()
    assert not new.is_gone()
    assert [envelope for envelope in held(path) if envelope in made[5:]] == made[5:]
    assert salvaged.missing == 0
    if how == "deleted":
        assert salvaged.facts() == {"kept": 25, "unreadable": 0, "missing": 0}, "what the province has receipted stays forgotten"
    assert predecessor_named_by(new) == LogHead(log, 30, envelope_hash(made[-1]))
    new.close()


# ── the head ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_cut_tail_shows_the_new_log_names_the_head_that_was(path: Path) -> None:
    made = filled(path, 60)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA secure_delete=ON")
    connection.execute("DELETE FROM sealed WHERE ordinal > 55")
    connection.close()
    recorder, salvaged = salvage(path, ROOMY, 0, 1)
    assert salvaged.facts() == {"kept": 55, "unreadable": 0, "missing": 5}
    assert predecessor_named_by(recorder) == LogHead(peek(made[0]).header.log, 60, envelope_hash(made[-1]))
    recorder.close()


def test_a_head_that_cannot_be_read_is_said(path: Path) -> None:
    made = filled(path, 8)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DELETE FROM head")
    connection.close()
    recorder, salvaged = salvage(path, ROOMY, 0, 1)
    assert salvaged.facts() == {"kept": 8, "unreadable": 0, "head_unreadable": 1, "counters_unreadable": 1}
    assert predecessor_named_by(recorder) == LogHead(peek(made[0]).header.log, 8, envelope_hash(made[-1]))
    recorder.close()


# ── pages ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(seed=st.integers(0, 2**32), pages=st.integers(2, 6), part=st.sampled_from(["", "-wal"]), folded=st.sampled_from([20, 39]))
@brief
def test_every_entry_whose_bytes_are_whole_is_carried_on(
    tmp_path_factory: pytest.TempPathFactory, seed: int, pages: int, part: str, folded: int
) -> None:
    path = tmp_path_factory.mktemp("outbox") / FILE_NAME
    made = after_a_power_cut(path, 40, folded)
    spoil_pages(path.with_name(path.name + part), random.Random(seed), pages)
    files = {file.name: file.read_bytes() for file in (path, wal_of(path))}
    whole = [envelope for envelope in made if any(envelope in data for data in files.values())]
    recorder, salvaged = salvage(path, ROOMY, 0, 1, device_key=DEVICE_PUBLIC)
    assert {name: (salvaged.folder / name).read_bytes() for name in files} == files, "what was set aside is not touched"
    assert sorted(entry.name for entry in salvaged.folder.iterdir()) == sorted(files)
    recorder.close()
    assert [made.index(envelope) for envelope in held(path)] == [made.index(envelope) for envelope in whole]
    if salvaged.missing is not None and not part:  # with its counters gone too, what lies before the first may have been forgotten
        assert 40 - made.index(whole[0]) <= salvaged.missing + salvaged.kept <= 40


def test_what_was_forgotten_stays_so_where_reading_meets_no_damage(path: Path) -> None:
    made = filled(path, 60)
    forwarder = Forwarder(path)
    log = peek(made[0]).header.log
    assert forwarder.forget(log, Range(1, 40, envelope_hash(made[39]), Status.REGISTERED)).entries == 40
    forwarder.close()
    recorder, salvaged = salvage(path, ROOMY, 0, 1)
    recorder.close()
    assert salvaged.facts() == {"kept": 20, "unreadable": 0, "missing": 0}


def test_an_entry_with_a_flipped_bit_is_no_entry(path: Path) -> None:
    made = filled(path, 5)
    data = path.read_bytes()
    at = data.find(made[2]) + len(made[2]) - 1
    path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    recorder, salvaged = salvage(path, ROOMY, 0, 1, device_key=DEVICE_PUBLIC)
    recorder.close()
    assert held(path) == made[:2] + made[3:]
    assert salvaged.facts() == {"kept": 4, "unreadable": 1, "missing": 1}


# ── the write-ahead log ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_flipped_bit_within_the_write_ahead_log_is_damage_and_nothing_behind_it_is_lost(path: Path) -> None:
    made = after_a_power_cut(path)
    good = wal_of(path).read_bytes()
    frame = 24 + PAGE_BYTES
    last = len(good) - frame  # in the very last frame it cannot be told from a torn tail
    rng = random.Random(5)
    for at in [0, 9, 20, 31, 33, 40, 50, *(rng.randrange(last - frame) for _ in range(60))]:
        wal_of(path).write_bytes(good[:at] + bytes([good[at] ^ (1 << rng.randrange(8))]) + good[at + 1 :])
        assert broken_wal(wal_of(path)) is not None, at
    with pytest.raises(OutboxDamaged, match="broken at byte"):
        Recorder(path, ROOMY)
    recorder, _salvaged = salvage(path, ROOMY, 0, 1, device_key=DEVICE_PUBLIC)
    recorder.close()
    assert held(path) == made


def test_a_torn_tail_is_no_damage(path: Path) -> None:
    after_a_power_cut(path, 12, 6)
    good = wal_of(path).read_bytes()
    for size in range(0, len(good) + 1, 512):
        wal_of(path).write_bytes(good[:size])
        assert broken_wal(wal_of(path)) is None, size
        wal_of(path).write_bytes(good[:size] + bytes(len(good) - size) if size >= 32 else b"")
        assert broken_wal(wal_of(path)) is None, size


def test_a_write_ahead_log_begun_anew_over_an_old_one_is_whole(path: Path) -> None:
    recorder = Recorder(path, ROOMY)
    for place in range(30):
        recorder.append(sealed_at)
        if place == 20:
            recorder._connection.execute("PRAGMA wal_checkpoint(RESTART)")
        assert broken_wal(wal_of(path)) is None, place
    recorder.close()


def test_an_empty_file_beside_a_write_ahead_log_is_damage_and_the_log_is_rescued(path: Path) -> None:
    made = after_a_power_cut(path)
    path.write_bytes(b"")
    with pytest.raises(OutboxDamaged, match="empty beside"):
        Recorder(path, ROOMY)
    with pytest.raises(OutboxDamaged, match="empty beside"):
        Forwarder(path)
    recorder, salvaged = salvage(path, ROOMY, 0, 1, device_key=DEVICE_PUBLIC)
    recorder.close()
    assert set(made[20:]) <= set(held(path))
    assert "head_unreadable" in salvaged.facts()


# ── steps ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_two_salvages_within_a_millisecond_have_folders_of_their_own(path: Path) -> None:
    folders = set()
    for _ in range(3):
        filled(path, 3)
        recorder, salvaged = salvage(path, ROOMY, 0, 7)
        recorder.close()
        folders.add(salvaged.folder)
    assert len(folders) == 3


class PowerCut(BaseException):
    pass


@pytest.mark.parametrize("after", [0, 1, 9, 10, 11, 34])
def test_adopting_goes_by_parts_and_is_taken_up_where_it_was_cut(path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    made = filled(path, 35)
    monkeypatch.setattr(adopting, "_ADOPTS_A_TRANSACTION", 10)
    real: Callable[..., None] = adopting._adopt_one
    calls = 0

    def cut(*args: object) -> None:
        nonlocal calls
        calls += 1
        if calls == after + 1:
            raise PowerCut
        real(*args)

    monkeypatch.setattr(adopting, "_adopt_one", cut)
    with pytest.raises(PowerCut):
        salvage(path, ROOMY, 0, 1)
    assert len(held(path)) == after // 10 * 10
    recorder, salvaged = salvage(path, ROOMY, 0, 1)
    assert recorder.backlog().entries == salvaged.kept == 35
    recorder.close()
    assert held(path) == made
