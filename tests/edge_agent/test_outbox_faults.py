"""Full disks, dead processes and damaged files: clear errors, nothing reported is lost, whatever is readable is kept."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outbox_worker import envelope_of, place_of
from sealed_examples import WAIT_S, brief, filled, scribbled_at, sealed_at

from edge_agent import salvage as salvage_module
from edge_agent.entry import NO_PREVIOUS
from edge_agent.envelope import envelope_hash, peek
from edge_agent.forwarder import Forwarder
from edge_agent.outbox import FILE_NAME, OutboxDamaged, OutboxError, OutboxFull
from edge_agent.receipt import Range, Status
from edge_agent.recorder import Recorder
from edge_agent.salvage import salvage, unfinished

ROOT = Path(__file__).parents[2]
ROOMY = 10**9


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAME


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "gate-test", str(folder)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("mounting a tmpfs is not permitted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


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


@pytest.mark.parametrize("make", ["no folder", "a folder of that name"])
def test_a_path_that_cannot_be_is_explained(tmp_path: Path, make: str) -> None:
    path = tmp_path / "missing" / FILE_NAME if make == "no folder" else tmp_path
    with pytest.raises(OutboxError, match="check disk and permissions"):
        Recorder(path, ROOMY)
    if path.exists():
        with pytest.raises(OutboxError):
            Forwarder(path)


def test_a_locked_file_is_explained(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.outbox._BUSY_S", 0.05)
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


# ── damage ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Damage:
    name: str
    do: Callable[[Path, random.Random], None]

    def __repr__(self) -> str:
        return self.name


def _cut(path: Path, rng: random.Random) -> None:
    os.truncate(path, rng.randrange(path.stat().st_size))


def _flip(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 3, 30, 300])):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def _garbage_page(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    page = rng.randrange(len(data) // 4096) * 4096
    data[page : page + 4096] = rng.randbytes(4096)
    path.write_bytes(data)


def _zero_page(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    page = rng.randrange(len(data) // 4096) * 4096
    data[page : page + 4096] = bytes(4096)
    path.write_bytes(data)


def _rewrite(content: Callable[[int, random.Random], bytes]) -> Callable[[Path, random.Random], None]:
    def do(path: Path, rng: random.Random) -> None:
        path.write_bytes(content(path.stat().st_size, rng))

    return do


def _other_sqlite(path: Path, _rng: random.Random) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE other(x)")
    connection.close()


def _sql(*statements: str) -> Callable[[Path, random.Random], None]:
    def do(path: Path, _rng: random.Random) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        for statement in statements:
            connection.execute(statement)
        connection.close()

    return do


DAMAGES = [
    Damage("cut", _cut),
    Damage("bits flipped", _flip),
    Damage("a page of garbage", _garbage_page),
    Damage("a page of zeros", _zero_page),
    Damage("all garbage", _rewrite(lambda size, rng: rng.randbytes(size))),
    Damage("all zeros", _rewrite(lambda size, _rng: bytes(size))),
    Damage("a text", _rewrite(lambda _size, _rng: b"not a database")),
    Damage("another SQLite file", _other_sqlite),
    Damage("a table is missing", _sql("DROP TABLE appended")),
    Damage("the head row is missing", _sql("DELETE FROM head")),
    Damage("a counter row is missing", _sql("DELETE FROM forgotten")),
    Damage("the log's row is missing", _sql("DELETE FROM log")),
    Damage("the head went back", _sql("UPDATE head SET next_ordinal = 5, next_seq = 5")),
    Damage("the head is a text", _sql("UPDATE head SET log = 'log'")),
    Damage("a counter is a text", _sql("UPDATE appended SET bytes = 'many'")),
    Damage("an envelope is a text", _sql("UPDATE sealed SET envelope = 'text' WHERE ordinal = 20")),
    Damage("an envelope is a number", _sql("UPDATE sealed SET envelope = 5 WHERE ordinal = 20")),
]


def use_all(path: Path) -> OutboxError | None:
    """Does everything there is with an outbox and returns the first of our errors; any other error is the test's failure."""
    met: list[OutboxError] = []

    def trying(action: Callable[[], object]) -> None:
        try:
            action()
        except FileNotFoundError as error:
            assert "gate-firmware" in str(error)  # noqa: PT017 - only the forwarder says so, of an empty file
        except OutboxError as error:
            assert str(path) in str(error)  # noqa: PT017 - the message names the file
            met.append(error)

    def forward() -> None:
        forwarder = Forwarder(path)
        items = []
        with suppress(OutboxError):
            items = forwarder.page(0, 1000)
        logs = {peek(item.envelope).header.log for item in items if item.envelope[:1] == b"\xd2"} if not met else set()
        for action in (
            lambda: forwarder.page(0, 1000),
            forwarder.first_ordinal,
            forwarder.changes,
            forwarder.backlog,
            forwarder.replaced,
            forwarder.checkpoint,
            lambda: [forwarder.forget(log, Range(1, 20, bytes(32), Status.REGISTERED, forked=True)) for log in logs or {bytes(16)}],
        ):
            trying(action)
        forwarder.close()

    def record() -> None:
        recorder = Recorder(path, ROOMY)
        for action in (
            recorder.probe,
            recorder.backlog,
            recorder.logs,
            lambda: recorder.append(sealed_at),
            recorder.begin_new_log,
            recorder.checkpoint_if_large,
            lambda: recorder.adopt(b"x" * 16, {1: b"y"}),
        ):
            trying(action)
        recorder.close()

    with suppress(ValueError):  # peek at a damaged envelope: Malformed
        trying(forward)
    trying(record)
    return next((error for error in met if isinstance(error, OutboxDamaged)), met[0] if met else None)


@pytest.mark.parametrize("damage", DAMAGES, ids=repr)
@pytest.mark.parametrize("number", range(6))
def test_damage_is_met_with_our_own_errors_and_salvage_keeps_what_can_be_read(path: Path, damage: Damage, number: int) -> None:
    made = filled(path, 60)
    its_log = peek(made[0]).header.log
    damage.do(path, random.Random(number))
    use_all(path)
    recorder, salvaged = salvage(path, ROOMY, 0, 1_633_366_800_000 + number)
    own = recorder.append(sealed_at)
    recorder.close()
    assert own.seq == 1
    assert own.log != its_log
    forwarder = Forwarder(path)
    *kept, mine = forwarder.page(0, 1000)
    assert envelope_hash(mine.envelope) == own.hash
    intact = [item.envelope for item in kept if item.envelope in made]
    assert sorted(map(made.index, intact)) == list(map(made.index, intact)), "order is kept"
    assert salvaged.kept == len(kept)
    assert salvaged.folder.name.startswith("salvaged-")
    assert (salvaged.folder / FILE_NAME).exists()
    for item in kept:  # each can still be receipted under its own log and number
        entry = peek(item.envelope)
        gone = forwarder.forget(entry.header.log, Range(entry.header.seq, entry.header.seq, entry.hash, Status.REGISTERED))
        assert gone.entries == 1
    assert forwarder.backlog().entries == 1
    forwarder.close()
    if damage.name.startswith(("the ", "a counter", "a table")):
        assert len(intact) >= 60, "the entries themselves were whole"


@given(seed=st.integers(0, 2**32), damage=st.sampled_from(DAMAGES[:4]))
@brief
def test_any_damage_to_the_file_or_its_write_ahead_log_is_survived(
    tmp_path_factory: pytest.TempPathFactory, seed: int, damage: Damage
) -> None:
    folder = tmp_path_factory.mktemp("outbox")
    path = folder / "live" / FILE_NAME
    path.parent.mkdir()
    recorder = Recorder(path, ROOMY)
    recorder._connection.execute("PRAGMA synchronous=OFF")
    for place in range(40):
        recorder.append(sealed_at)
        if place == 20:
            recorder._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    copy = folder / "copy" / FILE_NAME
    shutil.copytree(path.parent, copy.parent)  # as a power cut leaves it: file and write-ahead log
    recorder.close()
    rng = random.Random(seed)
    copy.with_name(FILE_NAME + "-shm").unlink()
    damage.do(copy.with_name(FILE_NAME + rng.choice(["", "-wal"])), rng)
    use_all(copy)
    recorder, _salvaged = salvage(copy, ROOMY, 0, 1)
    recorder.append(sealed_at)
    recorder.close()


def test_a_file_cut_to_nothing_is_a_new_outbox_and_says_so(path: Path) -> None:
    filled(path, 5)
    path.write_bytes(b"")
    recorder = Recorder(path, ROOMY)
    assert recorder.created, "the boot entry tells the province of it"
    recorder.close()


def test_damage_that_only_the_agent_meets_reaches_firmware(path: Path) -> None:
    """Firmware reads the newest rows only; without a word from the agent what lies behind the damage would wait for ever."""
    made = filled(path, 200)
    recorder = Recorder(path, ROOMY)
    forwarder = Forwarder(path)
    data = bytearray(path.read_bytes())
    at = data.find(made[100])
    page = at // 4096 * 4096
    data[page : page + 4096] = b"\xff" * 4096
    with path.open("r+b") as file:  # in place: both have it open
        file.write(data)
    with pytest.raises(OutboxDamaged):
        forwarder.page(0, 1000)
    forwarder.close()
    for refuse in (lambda: recorder.append(sealed_at), recorder.probe):
        with pytest.raises(OutboxDamaged, match="gate-agent met damage"):
            refuse()
    recorder.close()
    with pytest.raises(OutboxDamaged):
        Recorder(path, ROOMY)
    recorder, salvaged = salvage(path, ROOMY, 0, 1)
    assert 180 <= salvaged.kept < 200
    recorder.append(sealed_at)
    recorder.close()
    assert (salvaged.folder / f"{FILE_NAME}-damaged").exists()
    Recorder(path, ROOMY).close()


def test_an_agent_on_a_file_already_set_aside_does_not_blame_the_new_one(path: Path) -> None:
    filled(path, 200)
    forwarder = Forwarder(path)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    path.rename(path.with_name("away"))
    filled(path, 1)
    with pytest.raises(OutboxDamaged):
        forwarder.page(0, 1000)
    forwarder.close()
    Recorder(path, ROOMY).close()


# ── salvage, cut short ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class PowerCut(BaseException):
    pass


def damaged_outbox(path: Path) -> list[bytes]:
    made = filled(path, 30)
    _sql("DELETE FROM head")(path, random.Random(0))
    path.with_name(f"{FILE_NAME}-wal").write_bytes(b"")
    return made


STEPS = [
    (Path, "mkdir"), (Path, "rename"), (Path, "unlink"), (salvage_module, "sync_folder"), (salvage_module, "_readable"),
    (Recorder, "__init__"), (Recorder, "logs"), (Recorder, "adopt"),
]  # fmt: skip


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", [1, 2, 3])
@pytest.mark.parametrize("owner, step", STEPS, ids=lambda value: getattr(value, "__name__", value))
def test_a_salvage_cut_short_anywhere_is_taken_up_again(path: Path, owner: object, step: str, call: int, when: str) -> None:
    made = damaged_outbox(path)
    real = getattr(owner, step)
    calls = 0

    def cut(*args: object, **keywords: object) -> object:
        nonlocal calls
        calls += 1
        if calls == call and when == "before":
            raise PowerCut
        result = real(*args, **keywords)
        if calls == call:
            if isinstance(args[0], Recorder):
                args[0]._connection.close()
            raise PowerCut
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, step, cut)
        with suppress(PowerCut):
            salvage(path, ROOMY, 0, 1)[0].close()
    if unfinished(path) is None:
        with suppress(OutboxDamaged):  # nothing had begun, or all was done
            Recorder(path, ROOMY).close()
            _check_all_kept(path, made)
            return
    recorder, salvaged = salvage(path, ROOMY, 0, 2)
    recorder.close()
    assert salvaged.kept == 30
    assert unfinished(path) is None
    _check_all_kept(path, made)


def _check_all_kept(path: Path, made: list[bytes]) -> None:
    forwarder = Forwarder(path)
    assert [item.envelope for item in forwarder.page(0, 1000)] == made
    forwarder.close()


def test_a_half_made_outbox_that_is_damaged_itself_does_not_stop_the_next_salvage(path: Path) -> None:
    made = damaged_outbox(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "adopt", lambda *_args: (_ for _ in ()).throw(PowerCut()))
        with pytest.raises(PowerCut):
            salvage(path, ROOMY, 0, 1)
    path.write_bytes(b"torn")
    recorder, _salvaged = salvage(path, ROOMY, 0, 2)
    recorder.close()
    _check_all_kept(path, made)


def test_salvage_on_a_full_disk_loses_nothing_and_is_taken_up_again(small_disk: Path) -> None:
    path = small_disk / FILE_NAME
    made = filled(path, 100)
    _sql("DELETE FROM head", "PRAGMA wal_checkpoint(TRUNCATE)")(path, random.Random(0))
    filling = small_disk / "filling"
    with suppress(OSError), filling.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with pytest.raises((OutboxFull, OSError)):
        salvage(path, ROOMY, 0, 1)
    filling.unlink()
    recorder, salvaged = salvage(path, ROOMY, 0, 2)
    recorder.close()
    assert salvaged.kept == 100
    _check_all_kept(path, made)


def test_a_row_whose_header_was_hit_does_not_spoil_the_others(path: Path) -> None:
    filled(path, 10)
    connection = sqlite3.connect(path, isolation_level=None)
    [(fourth,)] = connection.execute("SELECT envelope FROM sealed WHERE ordinal = 4").fetchall()
    at = fourth.find(b"\x07\x04\x08")  # field 7, the number 4, field 8
    assert at > 0
    connection.execute("UPDATE sealed SET envelope = ? WHERE ordinal = 4", (fourth[: at + 1] + b"\x17" + fourth[at + 2 :],))
    connection.execute("DELETE FROM head")
    connection.close()
    recorder, salvaged = salvage(path, ROOMY, 0, 1)
    recorder.close()
    assert (salvaged.kept, salvaged.unreadable) == (9, 1)
