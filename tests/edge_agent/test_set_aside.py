"""What was set aside does not fill the card: the newest are kept, and nothing goes before its entries are in the new outbox."""

from __future__ import annotations

import random
import shutil
from contextlib import closing
from pathlib import Path

import outbox_world
import pytest
from outbox_world import ROOMY, damage_by
from sealed_examples import filled, scribbled_at, sealed_at

from edge_agent.store import salvage as salvage_module
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import FILE_NAME, OutboxFull
from edge_agent.store.recorder import Recorder
from edge_agent.store.salvage import salvage
from edge_agent.store.set_aside import AT_WORK, DONE, KEPT

path, small_disk = outbox_world.path, outbox_world.small_disk


def set_aside(path: Path) -> list[str]:
    return sorted(folder.name for folder in path.parent.iterdir() if folder.is_dir())


def damaged(path: Path) -> None:
    damage_by("DELETE FROM forgotten")(path, random.Random(0))


def test_over_the_years_the_newest_stay_whatever_the_clock_says(path: Path) -> None:
    filled(path, 5)
    made = []
    for wall_ms in (1_700_000_000_000, 86_400_000, 1_800_000_000_000, 0, 0):
        damaged(path)
        recorder, salvaged = salvage(path, ROOMY, 0, wall_ms)
        recorder.append(sealed_at)
        recorder.close()
        made.append(salvaged.folder.name)
        assert set_aside(path) == made[-KEPT:]
    with closing(Forwarder(path)) as forwarder:
        assert forwarder.backlog().entries == 10


def test_nothing_goes_before_the_entries_of_the_newest_are_in_the_new_outbox(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(KEPT):
        filled(path, 5)
        damaged(path)
        salvage(path, ROOMY, 0, 1)[0].close()
    before = set_aside(path)
    damaged(path)
    monkeypatch.setattr(salvage_module, "_finish", lambda _folder: (_ for _ in ()).throw(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        salvage(path, ROOMY, 0, 1)
    monkeypatch.undo()
    [at_work] = set(set_aside(path)) - set(before)
    assert at_work.startswith(AT_WORK)
    assert set(before) < set(set_aside(path))
    with closing(Recorder(path, ROOMY, keep_free_bytes=10**15)) as recorder, pytest.raises(OutboxFull):
        recorder.append(scribbled_at)
    assert (path.parent / at_work / FILE_NAME).exists(), "not done: never removed, however short the room"
    recorder, salvaged = salvage(path, ROOMY, 0, 1)
    recorder.close()
    assert salvaged.kept == 5 * KEPT
    assert set_aside(path) == [before[-1], at_work.replace(AT_WORK, DONE)]


def test_where_room_is_short_the_older_makes_place_for_people(small_disk: Path) -> None:
    path = small_disk / FILE_NAME
    filled(path, 300, scribbled_at)
    for _ in range(2):
        damaged(path)
        salvage(path, ROOMY, 0, 1)[0].close()
    newest = set_aside(path)[-1]
    older = small_disk / set_aside(path)[0]
    size = sum(file.stat().st_size for file in older.iterdir())
    with closing(Recorder(path, ROOMY)) as recorder:
        recorder.append(scribbled_at)
        (small_disk / "filling").write_bytes(bytes(shutil.disk_usage(small_disk).free - 3 * 1024 * 1024 // 8 + size // 2))
        recorder.append(scribbled_at)
    assert set_aside(path) == [newest]
