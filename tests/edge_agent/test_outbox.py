"""The outbox: numbers never used twice, links never broken, nothing forgotten that the province has not named by its hash."""

from __future__ import annotations

import sqlite3
import stat
import tracemalloc
from pathlib import Path

import outbox_world
import pytest
from outbox_world import ROOMY, exact
from sealed_examples import filled, scribbled_at, sealed_at

from edge_agent.store.adopting import adopt
from edge_agent.store.forwarder import Forgotten, Forwarder
from edge_agent.store.outbox import FILE_NAME, OutboxError, OutboxFull, Spot
from edge_agent.store.recorder import CHECKPOINT_BYTES, Recorder
from edge_agent.wire.entry import NO_PREVIOUS, LogHead
from edge_agent.wire.envelope import envelope_hash, peek
from edge_agent.wire.receipt import Range, Status

path = outbox_world.path


def test_real_entries_make_a_chain_that_the_province_can_follow(path: Path) -> None:
    made = filled(path, 5)
    entries = [peek(envelope) for envelope in made]
    assert [entry.header.seq for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry.header.prev for entry in entries] == [NO_PREVIOUS, *(entry.hash for entry in entries[:-1])]


def test_numbers_go_on_after_everything_was_forgotten_and_the_file_reopened(path: Path) -> None:
    filled(path, 3)
    forwarder = Forwarder(path)
    head = forwarder.backlog().head
    forwarder.forget(head.log, Range(1, 3, head.hash, Status.REGISTERED))
    forwarder.checkpoint()
    forwarder.close()
    recorder = Recorder(path, ROOMY)
    assert recorder.append(scribbled_at).seq == 4
    recorder.close()


def test_a_new_log_each_time_the_file_is_new(tmp_path: Path) -> None:
    logs = set()
    for place in range(20):
        recorder = Recorder(tmp_path / f"{place}.sqlite", ROOMY)
        assert recorder.created
        logs |= recorder.logs()
        recorder.close()
    assert len(logs) == 20


def test_files_are_for_their_owner_only(path: Path) -> None:
    recorder = Recorder(path, ROOMY)
    recorder.append(scribbled_at)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    recorder.close()
    assert modes == dict.fromkeys([FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"], 0o600)


def test_the_recorder_syncs_and_the_forwarder_need_not(path: Path) -> None:
    recorder = Recorder(path, ROOMY)
    forwarder = Forwarder(path)
    assert recorder._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert forwarder._connection.execute("PRAGMA synchronous").fetchone() == (1,)
    for end in (recorder, forwarder):
        assert end._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert end._connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
        end.close()


def test_a_full_outbox_refuses_and_takes_again_when_the_province_has_some(path: Path) -> None:
    recorder = Recorder(path, capacity_bytes=1000)
    done = [recorder.append(scribbled_at) for _ in range(4)]
    for refuse in (lambda: recorder.append(scribbled_at), recorder.probe):
        with pytest.raises(OutboxFull, match="1000 is the limit"):
            refuse()
    assert recorder.fullness == 1.2
    forwarder = Forwarder(path)
    assert len(forwarder.page(0, 10)) == 4, "nothing was dropped"
    forwarder.forget(done[0].log, exact(done[1], 1))
    recorder.probe()
    assert recorder.append(scribbled_at).seq == 5
    forwarder.close()
    recorder.close()


def test_a_disk_that_is_nearly_full_refuses_before_the_system_suffers(path: Path) -> None:
    recorder = Recorder(path, ROOMY, keep_free_bytes=2**62)
    with pytest.raises(OutboxFull, match="are free"):
        recorder.append(scribbled_at)
    with pytest.raises(OutboxFull, match="are free"):
        recorder.probe()
    recorder.close()


def test_a_replayed_receipt_changes_nothing(path: Path) -> None:
    recorder = Recorder(path, ROOMY)
    done = [recorder.append(scribbled_at) for _ in range(5)]
    forwarder = Forwarder(path)
    assert forwarder.forget(done[0].log, exact(done[2], 1)).entries == 3
    for _ in range(3):
        assert forwarder.forget(done[0].log, exact(done[2], 1)) == Forgotten(0, -1)
    assert forwarder.backlog().entries == 2
    assert forwarder.forget(done[0].log, exact(done[4], 1)) == Forgotten(1, 5, entries=2), "a range of which a part is gone already"
    forwarder.close()
    recorder.close()


def test_more_than_a_transaction_is_forgotten_at_once(path: Path) -> None:
    recorder = Recorder(path, ROOMY)
    recorder._connection.execute("PRAGMA synchronous=OFF")
    done = [recorder.append(scribbled_at) for _ in range(1201)]
    forwarder = Forwarder(path)
    assert forwarder.forget(done[0].log, exact(done[-2], 1)).entries == 1200
    assert [waiting.ordinal for waiting in forwarder.page(0, 10)] == [1201]
    assert forwarder.backlog().entries == 1
    forwarder.close()
    recorder.close()


def test_a_fork_starts_a_new_log_that_names_the_old_one(path: Path) -> None:
    recorder = Recorder(path, ROOMY)
    done = [recorder.append(scribbled_at) for _ in range(3)]
    forwarder = Forwarder(path)
    forwarder.forget(done[0].log, exact(done[1], forked=True))
    spots: list[Spot] = []

    def build(spot: Spot) -> bytes:
        spots.append(spot)
        return scribbled_at(spot)

    after = [recorder.append(build) for _ in range(2)]
    assert spots[0].predecessor == LogHead(done[2].log, 3, done[2].hash)
    assert [entry.seq for entry in after] == [1, 2]
    assert after[0].log != done[0].log
    assert spots[1].predecessor is None
    assert [waiting.envelope for waiting in forwarder.page(0, 9)], "the old log's entries still wait"
    assert forwarder.forget(done[0].log, exact(done[2])).entries == 1
    assert forwarder.forget(after[0].log, exact(after[1], 1)).entries == 2
    forwarder.close()
    recorder.close()


def test_a_receipt_of_one_log_never_touches_another_even_with_the_right_hash(path: Path) -> None:
    recorder = Recorder(path, ROOMY)
    forwarder = Forwarder(path)
    first = [recorder.append(scribbled_at) for _ in range(4)]
    assert forwarder.forget(first[0].log, exact(first.pop(), forked=True)).entries == 1
    second = [recorder.append(scribbled_at) for _ in range(3)]
    assert forwarder.forget(first[0].log, Range(1, 5, second[1].hash, Status.REGISTERED)) == Forgotten(0, -1)
    assert forwarder.forget(second[0].log, Range(1, 3, second[2].hash, Status.REGISTERED)).entries == 3
    assert [envelope_hash(waiting.envelope) for waiting in forwarder.page(0, 9)] == [entry.hash for entry in first]
    forwarder.close()
    recorder.close()


def test_salvaged_logs_with_missing_beginnings_stay_apart(path: Path) -> None:
    """An adopted log's numbers may reach below those of the log before it: a long range must stop at its own first entry."""
    logs = {bytes([place]) * 16: place * 1000 for place in (1, 2, 3)}
    recorder = Recorder(path, ROOMY)
    envelopes = {log: {start + n: scribbled_at(Spot(log, start + n, NO_PREVIOUS, None)) for n in (0, 1, 3)} for log, start in logs.items()}
    for log, of_log in envelopes.items():
        adopt(recorder, log, of_log)
    own = recorder.append(scribbled_at)
    assert recorder.backlog().entries == 10
    forwarder = Forwarder(path)
    last = list(envelopes)[-1]
    gone = forwarder.forget(last, Range(1, 3003, envelope_hash(envelopes[last][3003]), Status.REGISTERED))
    assert gone.entries == 3
    assert len(forwarder.page(0, 100)) == 7
    for log in list(envelopes)[:-1]:
        assert forwarder.forget(log, Range(1, logs[log] + 3, envelope_hash(envelopes[log][logs[log] + 3]), Status.HELD)).entries == 3
    assert forwarder.forget(own.log, exact(own)).entries == 1
    assert forwarder.backlog().bytes == 0
    forwarder.close()
    recorder.close()


def test_adopting_comes_before_the_first_new_entry(path: Path) -> None:
    recorder = Recorder(path, ROOMY)
    recorder.append(scribbled_at)
    with pytest.raises(OutboxError, match="before the first"):
        adopt(recorder, bytes(16), {1: b"x" * 40})
    assert recorder.backlog().entries == 1
    recorder.close()


def test_the_forwarder_sees_what_the_recorder_commits_and_knows_that_something_changed(path: Path) -> None:
    recorder = Recorder(path, ROOMY)
    forwarder = Forwarder(path)
    before = forwarder.changes()
    assert forwarder.changes() == before
    recorder.append(scribbled_at)
    assert forwarder.changes() != before
    assert len(forwarder.page(0, 10)) == 1
    forwarder.close()
    recorder.close()


def test_pages_follow_each_other_without_gap_or_repeat(path: Path) -> None:
    made = filled(path, 25, scribbled_at)
    forwarder = Forwarder(path)
    after, seen = 0, []
    while page := forwarder.page(after, 7):
        assert len(page) <= 7
        seen += [waiting.envelope for waiting in page]
        after = page[-1].ordinal
    forwarder.close()
    assert seen == made


def test_a_page_of_a_large_outbox_takes_little_memory_and_holds_no_lock(path: Path) -> None:
    recorder = Recorder(path, ROOMY)
    recorder._connection.execute("PRAGMA synchronous=OFF")
    for _ in range(3000):
        recorder.append(lambda spot: scribbled_at(spot, 1700))
    forwarder = Forwarder(path)
    tracemalloc.start()
    page = forwarder.page(500, 200)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(page) == 200
    assert most < 3 * 200 * 1700
    recorder._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert path.with_name(f"{FILE_NAME}-wal").stat().st_size == 0, "a reader in the way would have left it"
    forwarder.close()
    recorder.close()


def test_a_large_write_ahead_log_is_folded_by_the_recorder_and_a_small_one_is_left(path: Path) -> None:
    recorder = Recorder(path, ROOMY)
    recorder._connection.execute("PRAGMA synchronous=OFF")
    wal = path.with_name(f"{FILE_NAME}-wal")
    recorder.append(scribbled_at)
    recorder.checkpoint_if_large()
    assert wal.stat().st_size > 0
    while wal.stat().st_size <= CHECKPOINT_BYTES:
        recorder.append(lambda spot: scribbled_at(spot, 60_000))
    recorder.checkpoint_if_large()
    assert wal.stat().st_size == 0
    recorder.close()


def test_there_is_no_forwarder_before_the_recorder(path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="gate-firmware makes it"):
        Forwarder(path)
    assert not path.exists(), "the agent never makes the file"
    path.touch()
    with pytest.raises(FileNotFoundError, match="still making it"):
        Forwarder(path)
    filled(path, 1)
    Forwarder(path).close()


def test_a_replaced_file_is_noticed(path: Path) -> None:
    filled(path, 1)
    forwarder = Forwarder(path)
    assert not forwarder.replaced()
    path.rename(path.with_name("elsewhere"))
    assert forwarder.replaced()
    filled(path, 1)
    assert forwarder.replaced()
    forwarder.close()


def test_closing_an_old_connection_harms_nothing_of_the_new_file(path: Path) -> None:
    filled(path, 2)
    old = Forwarder(path)
    for file in list(path.parent.iterdir()):
        file.rename(file.with_name(f"old-{file.name}"))
    recorder = Recorder(path, ROOMY)
    for _ in range(3):
        recorder.append(sealed_at)
    old.close()
    assert path.with_name(f"{FILE_NAME}-wal").exists(), "SQLite deletes by name what it thinks is its own"
    fresh = sqlite3.connect(path)
    assert fresh.execute("SELECT count(*) FROM sealed").fetchone() == (3,)
    fresh.close()
    recorder.close()


def test_a_later_version_is_left_alone(path: Path) -> None:
    filled(path, 1)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    for opener in (lambda: Recorder(path, ROOMY), lambda: Forwarder(path)):
        with pytest.raises(OutboxError, match="version 99") as refused:
            opener()
        assert type(refused.value) is OutboxError, "not damaged: it must not be set aside"
