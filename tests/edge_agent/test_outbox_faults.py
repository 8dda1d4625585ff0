"""Full disks and dead processes: clear errors, and nothing reported is lost."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import outbox_world
import pytest
from outbox_worker import envelope_of, place_of
from outbox_world import ROOMY
from sealed_examples import WAIT_S, filled, scribbled_at

from edge_agent.store import recorder as recorder_module
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import FILE_NAME, OutboxError, OutboxFull
from edge_agent.store.recorder import Recorder
from edge_agent.wire.entry import NO_PREVIOUS
from edge_agent.wire.envelope import envelope_hash
from edge_agent.wire.receipt import Range, Status

path, small_disk = outbox_world.path, outbox_world.small_disk
ROOT = Path(__file__).parents[2]


def worker(what: str, path: Path, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("outbox_worker.py")), what, str(path), str(count)],
        stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


# ── disks ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("keep_free_bytes", [0, 1_200_000])
@pytest.mark.parametrize("size", [300, 1700])
def test_a_full_disk_refuses_loses_nothing_and_lets_the_agent_forget(small_disk: Path, keep_free_bytes: int, size: int) -> None:
    """Forgetting takes room too: what is kept for it must do, or the outbox could never shrink."""
    path = small_disk / FILE_NAME
    recorder = Recorder(path, ROOMY, keep_free_bytes)
    for turn in range(4):
        done = []
        with pytest.raises(OutboxFull, match="are free"):  # noqa: PT012 - which append fails depends on the disk
            while True:
                done.append(recorder.append(lambda spot: scribbled_at(spot, size)))
        assert len(done) > 20, turn
        with pytest.raises(OutboxFull):
            recorder.probe()
        forwarder = Forwarder(path)
        assert [envelope_hash(item.envelope) for item in forwarder.page(0, 10**6)] == [entry.hash for entry in done]
        for entry in done[:-30]:  # one by one, then the rest at once
            assert forwarder.forget(entry.log, Range(entry.seq, entry.seq, entry.hash, Status.REGISTERED)).entries == 1
            forwarder.checkpoint()
        forwarder.forget(done[-1].log, Range(1, done[-1].seq, done[-1].hash, Status.REGISTERED))
        assert forwarder.backlog().entries == 0
        forwarder.checkpoint()
        forwarder.close()
    recorder.close()


def test_a_file_that_grew_to_the_limit_takes_entries_again_though_it_never_shrinks(small_disk: Path) -> None:
    path = small_disk / FILE_NAME
    recorder = Recorder(path, ROOMY)
    done = [recorder.append(lambda spot: scribbled_at(spot, 1000)) for _ in range(100)]
    recorder._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    recorder.close()
    free = shutil.disk_usage(small_disk).free
    recorder = Recorder(path, ROOMY, keep_free_bytes=free + 1)
    with pytest.raises(OutboxFull, match="are free"):
        recorder.append(scribbled_at)
    forwarder = Forwarder(path)
    forwarder.forget(done[0].log, Range(1, 100, done[-1].hash, Status.REGISTERED))
    forwarder.checkpoint()
    forwarder.close()
    assert recorder.append(scribbled_at).seq == 101
    assert shutil.disk_usage(small_disk).free <= free, "the room is inside the file"
    recorder.close()


def test_a_disk_filled_to_the_last_byte_by_others_is_waited_out(small_disk: Path) -> None:
    path = small_disk / FILE_NAME
    recorder = Recorder(path, ROOMY)
    done = [recorder.append(scribbled_at) for _ in range(60)]
    filling = small_disk / "filling"
    with suppress(OSError), filling.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    forwarder = Forwarder(path)
    whole = Range(1, 60, done[-1].hash, Status.REGISTERED)
    with pytest.raises(OutboxFull, match="disk is full"):
        forwarder.forget(done[0].log, whole)
    recorder.checkpoint_if_large()
    with suppress(OutboxFull):
        forwarder.checkpoint()
    assert len(forwarder.page(0, 100)) >= 1
    filling.unlink()
    forwarder.forget(done[0].log, whole)
    assert forwarder.backlog().entries == 0
    assert recorder.append(scribbled_at).seq == 61
    forwarder.close()
    recorder.close()


def test_a_disk_filled_by_something_else_is_waited_out(small_disk: Path) -> None:
    path = small_disk / FILE_NAME
    recorder = Recorder(path, ROOMY)
    done = [recorder.append(scribbled_at) for _ in range(10)]
    filling = small_disk / "filling"
    with suppress(OSError), filling.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with pytest.raises(OutboxFull):  # noqa: PT012 - the first may still fit into what SQLite has taken
        while len(done) < 60:
            done.append(recorder.append(scribbled_at))
    filling.unlink()
    done.append(recorder.append(scribbled_at))
    assert [entry.seq for entry in done] == list(range(1, len(done) + 1))
    recorder.close()


def test_no_outbox_can_be_made_on_a_full_disk(small_disk: Path) -> None:
    with suppress(OSError), (small_disk / "filling").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with pytest.raises(OutboxFull):
        Recorder(small_disk / FILE_NAME, ROOMY)
    assert not (small_disk / FILE_NAME).exists() or not (small_disk / FILE_NAME).stat().st_size


def test_a_disk_that_became_read_only_is_explained(small_disk: Path) -> None:
    path = small_disk / FILE_NAME
    filled(path, 3)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(OutboxError, match="check disk and permissions") as refused:
        Recorder(path, ROOMY).append(scribbled_at)
    assert type(refused.value) is OutboxError, "a read-only disk is neither full nor is the file damaged"
    with pytest.raises(OutboxError, match="check disk and permissions"):
        Recorder(small_disk / "other.sqlite", ROOMY)


def test_a_new_file_whose_name_could_not_be_made_to_stay_is_tried_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Later entries are fsynced, but without its name nobody would find them after a power cut."""
    synced: list[Path] = []

    def sync(folder: Path) -> None:
        synced.append(folder)
        if len(synced) == 1:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(recorder_module, "sync_folder", sync)
    with pytest.raises(OutboxError, match=f"{path}: its disk fails"):
        Recorder(path, ROOMY)
    with closing(Recorder(path, ROOMY)) as recorder:
        assert synced == [path.parent] * 2
        assert recorder.append(scribbled_at).seq == 1


@pytest.mark.parametrize("make", ["no folder", "a folder of that name"])
def test_a_path_that_cannot_be_is_explained(tmp_path: Path, make: str) -> None:
    path = tmp_path / "missing" / FILE_NAME if make == "no folder" else tmp_path
    with pytest.raises(OutboxError, match="check disk and permissions"):
        Recorder(path, ROOMY)
    if path.exists():
        with pytest.raises(OutboxError):
            Forwarder(path)


def test_a_locked_file_is_explained(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.store.outbox._BUSY_S", 0.05)
    recorder = Recorder(path, ROOMY)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for refuse in (lambda: recorder.append(scribbled_at), recorder.probe):
        with pytest.raises(OutboxError, match=r"locked for 0\.05 s"):
            refuse()
    other.execute("ROLLBACK")
    other.close()
    assert recorder.append(scribbled_at).seq == 1
    recorder.close()


# ── processes ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def reported(process: subprocess.Popen[str]) -> list[tuple[str, int, str]]:
    assert process.stdout is not None
    lines = [line.split() for line in process.stdout if line.endswith("\n")]
    process.stdout.close()
    return [(log, int(seq), digest) for log, seq, digest in lines]


def test_a_recorder_and_a_forwarder_in_two_processes_lose_and_double_nothing(path: Path) -> None:
    recorder = Recorder(path, ROOMY)
    recorder.close()
    processes = [worker("record", path, 400), worker("forward", path, 400)]
    recorded, forgotten = (reported(process) for process in processes)
    assert [process.wait(WAIT_S) for process in processes] == [0, 0]
    assert [seq for _log, seq, _digest in recorded] == list(range(1, 401))
    assert forgotten == recorded
    forwarder = Forwarder(path)
    assert (forwarder.backlog().entries, forwarder.backlog().bytes) == (0, 0)
    forwarder.close()


@pytest.mark.parametrize("after", [1, 7, 60])
@pytest.mark.parametrize("with_forwarder", [False, True], ids=["alone", "with the agent"])
def test_what_a_killed_recorder_had_reported_is_there(path: Path, after: int, with_forwarder: bool) -> None:
    expected: dict[tuple[str, int], str] = {}
    forgotten: set[tuple[str, int]] = set()
    for _round in range(3):
        recording = worker("record", path, 10**6)
        assert recording.stdout is not None
        first = [recording.stdout.readline() for _ in range(after)]
        forwarding = worker("forward", path, 10**6) if with_forwarder else None
        if forwarding is not None:
            assert forwarding.stdout is not None
            log, seq, _digest = forwarding.stdout.readline().split()
            forgotten.add((log, int(seq)))
        recording.kill()
        if forwarding is not None:
            forwarding.kill()
            forgotten |= {(log, seq) for log, seq, _digest in reported(forwarding)}
            forwarding.wait(WAIT_S)
        rest = reported(recording)
        recording.wait(WAIT_S)
        told = [(log, int(seq), digest) for log, seq, digest in (line.split() for line in first)] + rest
        assert not {(log, seq) for log, seq, _digest in told} & set(expected), "a number was used twice"
        expected |= {(log, seq): digest for log, seq, digest in told}
    forwarder = Forwarder(path)
    here = {place_of(item.envelope)[:2]: item.envelope for item in forwarder.page(0, 10**6)}
    missing = set(expected) - set(here) - forgotten
    if with_forwarder:  # a forget may be committed and not yet reported
        assert len(missing) <= 3
    else:
        assert not missing
    assert all(envelope_hash(here[key]).hex() == digest for key, digest in expected.items() if key in here)
    backlog = forwarder.backlog()
    assert (backlog.entries, backlog.bytes) == (len(here), sum(map(len, here.values())))
    forwarder.close()
    recorder = Recorder(path, ROOMY)
    recorder.append(envelope_of)
    recorder.close()


def test_the_chain_holds_over_kills(path: Path) -> None:
    for _round in range(4):
        recording = worker("record", path, 10**6)
        assert recording.stdout is not None
        recording.stdout.readline()
        recording.kill()
        reported(recording)
        recording.wait(WAIT_S)
    forwarder = Forwarder(path)
    before = NO_PREVIOUS.hex()
    for place, item in enumerate(forwarder.page(0, 10**6), start=1):
        _log, seq, prev = place_of(item.envelope)
        assert (seq, prev) == (place, before)
        before = envelope_hash(item.envelope).hex()
    forwarder.close()
