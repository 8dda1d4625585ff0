"""Damaged outbox files: met with our own errors, by either end, and salvage keeps whatever is readable."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import outbox_world
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outbox_world import ROOMY, damage_by
from sealed_examples import brief, filled, sealed_at

from edge_agent.store.adopting import adopt
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import FILE_NAME, OutboxDamaged, OutboxError
from edge_agent.store.pages import PAGE_BYTES
from edge_agent.store.recorder import Recorder
from edge_agent.store.salvage import salvage
from edge_agent.wire.envelope import envelope_hash, peek
from edge_agent.wire.receipt import Range, Status

path = outbox_world.path


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
    page = rng.randrange(len(data) // PAGE_BYTES) * PAGE_BYTES
    data[page : page + PAGE_BYTES] = rng.randbytes(PAGE_BYTES)
    path.write_bytes(data)


def _zero_page(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    page = rng.randrange(len(data) // PAGE_BYTES) * PAGE_BYTES
    data[page : page + PAGE_BYTES] = bytes(PAGE_BYTES)
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


DAMAGES = [
    Damage("cut", _cut),
    Damage("bits flipped", _flip),
    Damage("a page of garbage", _garbage_page),
    Damage("a page of zeros", _zero_page),
    Damage("all garbage", _rewrite(lambda size, rng: rng.randbytes(size))),
    Damage("all zeros", _rewrite(lambda size, _rng: bytes(size))),
    Damage("a text", _rewrite(lambda _size, _rng: b"not a database")),
    Damage("another SQLite file", _other_sqlite),
    Damage("a table is missing", damage_by("DROP TABLE forgotten")),
    Damage("the head row is missing", damage_by("DELETE FROM head")),
    Damage("a counter row is missing", damage_by("DELETE FROM forgotten")),
    Damage("the log's row is missing", damage_by("DELETE FROM log")),
    Damage("the head went back", damage_by("UPDATE head SET next_ordinal = 5, next_seq = 5")),
    Damage("the head is a text", damage_by("UPDATE head SET log = 'log'")),
    Damage("a counter is a text", damage_by("UPDATE forgotten SET bytes = 'many'")),
    Damage("an envelope is a text", damage_by("UPDATE sealed SET envelope = 'text' WHERE ordinal = 20")),
    Damage("an envelope is a number", damage_by("UPDATE sealed SET envelope = 5 WHERE ordinal = 20")),
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
            recorder.checkpoint_if_large,
            lambda: adopt(recorder, b"x" * 16, {1: b"y"}),
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
    page = at // PAGE_BYTES * PAGE_BYTES
    data[page : page + PAGE_BYTES] = b"\xff" * PAGE_BYTES
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
        file.seek(PAGE_BYTES)
        file.write(b"\xff" * (path.stat().st_size - PAGE_BYTES))
    path.rename(path.with_name("away"))
    filled(path, 1)
    with pytest.raises(OutboxDamaged):
        forwarder.page(0, 1000)
    forwarder.close()
    Recorder(path, ROOMY).close()


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
