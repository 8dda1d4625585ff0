"""Looking at the outbox takes no part in it: nothing changes, whoever looks and whatever is going on there."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outbox_world import ROOMY
from sealed_examples import filled, scribbled_at

from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import DAMAGE_NOTE, FILE_NAME, OutboxDamaged, OutboxError
from edge_agent.store.outbox_view import look_into
from edge_agent.store.pages import PAGE_BYTES
from edge_agent.store.recorder import Recorder

ROOT = Path(__file__).parents[2]
LOOKING_AS_NOBODY = """
import json, os, sys
from pathlib import Path
from edge_agent.store.outbox import OutboxError
from edge_agent.store.outbox_view import look_into
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    print(json.dumps({"entries": look_into(Path(sys.argv[1])).backlog.entries}))
except OutboxError as error:
    print(json.dumps({"error": str(error)}))
"""


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def as_nobody(folder: Path, *, owned: bool) -> dict[str, str | int]:
    """What another user sees, or the scanner's own where the folder cannot be written."""
    if owned and os.geteuid() == 0:
        for file in folder.iterdir():
            os.chown(file, 65534, 65534)
    folder.chmod(0o555)
    try:
        done = subprocess.run(
            [sys.executable, "-c", LOOKING_AS_NOBODY, str(folder / FILE_NAME)], cwd=ROOT, capture_output=True, text=True, check=False
        )
    finally:
        folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    seen: dict[str, str | int] = json.loads(done.stdout)
    return seen


@settings(deadline=None, max_examples=15)
@given(appended=st.integers(0, 12), forgotten=st.integers(0, 12))
def test_it_tells_what_both_ends_would(tmp_path_factory: pytest.TempPathFactory, appended: int, forgotten: int) -> None:
    path = tmp_path_factory.mktemp("outbox") / FILE_NAME
    made = filled(path, appended, scribbled_at)
    with closing(Forwarder(path)) as forwarder:
        forwarder._delete(1, forgotten)
        expected = forwarder.backlog()
    before = contents(path.parent)
    view = look_into(path)
    assert (view.backlog, view.damage_noted) == (expected, False)
    assert view.oldest == (made[forgotten] if forgotten < appended else None)
    assert contents(path.parent) == before  # not even a side file


def test_while_firmware_appends_it_sees_each_entry_and_disturbs_nothing(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    with closing(Recorder(path, ROOMY)) as recorder:
        for count in range(1, 6):
            recorder.append(scribbled_at)
            before = contents(tmp_path)
            assert look_into(path).backlog.entries == count
            after = contents(tmp_path)
            assert {name: after[name] for name in before if not name.endswith("-shm")} == {
                name: before[name] for name in before if not name.endswith("-shm")
            }
    assert look_into(path).backlog.entries == 5


def test_it_never_sees_half_an_entry_nor_stops_one(tmp_path: Path) -> None:
    path, stopping, trouble = tmp_path / FILE_NAME, threading.Event(), list[BaseException]()
    filled(path, 1, scribbled_at)

    def look() -> None:
        try:
            last = 0
            while not stopping.is_set():
                backlog = look_into(path).backlog
                assert backlog.entries == backlog.head.seq >= last
                last = backlog.entries
        except BaseException as error:  # noqa: BLE001 - told to the test
            trouble.append(error)

    with closing(Recorder(path, ROOMY)) as recorder:
        looking = threading.Thread(target=look)
        looking.start()
        for _ in range(150):
            recorder.append(scribbled_at)
            recorder._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        stopping.set()
        looking.join()
    assert trouble == []


def crashed(folder: Path, *suffixes: str) -> Path:
    """What a power cut leaves: three entries of which the last two are in the write-ahead log only."""
    folder.mkdir()
    working = folder.with_name("working")
    working.mkdir()
    path = working / FILE_NAME
    filled(path, 1, scribbled_at)
    with closing(Recorder(path, ROOMY)) as recorder:
        recorder.append(scribbled_at)
        recorder.append(scribbled_at)
        for suffix in ("", *suffixes):
            shutil.copy(working / (FILE_NAME + suffix), folder / (FILE_NAME + suffix))
    return folder / FILE_NAME


def test_after_a_power_cut_it_counts_what_the_write_ahead_log_holds(tmp_path: Path) -> None:
    path = crashed(tmp_path / "state", "-wal")
    before = contents(path.parent)
    assert look_into(path).backlog.entries == 3
    after = contents(path.parent)
    assert {name: after[name] for name in before} == before
    assert filled(path, 1, scribbled_at)  # and firmware goes on from there
    assert look_into(path).backlog.entries == 4


def test_in_a_folder_that_cannot_be_written_it_reads_or_says_why_not(public: Path) -> None:
    whole = public / "whole"
    whole.mkdir()
    filled(whole / FILE_NAME, 2, scribbled_at)
    assert as_nobody(whole, owned=True) == {"entries": 2}
    assert [file.name for file in whole.iterdir()] == [FILE_NAME]
    cut = crashed(public / "cut", "-wal", "-shm")
    assert as_nobody(cut.parent, owned=True) == {"entries": 3}
    (cut.parent / (FILE_NAME + "-shm")).unlink()
    assert "check disk and permissions" in str(as_nobody(cut.parent, owned=True)["error"])
    (cut.parent / (FILE_NAME + "-wal")).write_bytes(b"")
    assert as_nobody(cut.parent, owned=True) == {"entries": 1}  # what an empty log would have held is in the file


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_told_whose_it_is(public: Path) -> None:
    state = public / "state"
    state.mkdir()
    filled(state / FILE_NAME, 1, scribbled_at)
    assert stat.S_IMODE((state / FILE_NAME).stat().st_mode) == 0o600
    assert "check disk and permissions" in str(as_nobody(state, owned=False)["error"])


def test_what_is_no_outbox_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    with pytest.raises(FileNotFoundError, match="no outbox yet"):
        look_into(path)
    path.touch()
    with pytest.raises(FileNotFoundError, match="still making"):
        look_into(path)
    path.write_bytes(b"not an outbox " * 1000)
    with pytest.raises(OutboxDamaged):
        look_into(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(OutboxError):
        look_into(path)
    assert list(tmp_path.iterdir()) == [path]


def test_damage_that_the_agent_noted_is_passed_on_and_none_is_noted_here(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    filled(path, 3, scribbled_at)
    note = path.with_name(FILE_NAME + DAMAGE_NOTE)
    note.touch()
    assert look_into(path).damage_noted
    note.unlink()
    path.write_bytes(path.read_bytes()[:-PAGE_BYTES])
    with pytest.raises(OutboxDamaged):
        look_into(path)
    assert not note.exists()
