"""A backlog that is receipted without a pause: the agent is never idle, and yet what it forgets stays so and takes no room."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import outbox_world
import pytest
from outbox_world import ROOMY, exact
from sealed_examples import scribbled_at

from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import FILE_NAME, Recorded
from edge_agent.store.recorder import Recorder

path = outbox_world.path
_ENTRIES = 2000


@pytest.mark.parametrize("at_once", [1, 5, 500])
def test_the_write_ahead_log_stays_short_and_is_kept_by_the_disk(path: Path, at_once: int) -> None:
    with closing(Recorder(path, ROOMY)) as recorder:
        recorder.connection.execute("PRAGMA synchronous=OFF")
        done: list[Recorded] = [recorder.append(scribbled_at) for _ in range(_ENTRIES)]
        recorder.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with closing(Forwarder(path)) as forwarder:
        for last in range(at_once - 1, _ENTRIES, at_once):
            assert forwarder.forget(done[last].log, exact(done[last], done[last].seq - at_once + 1)).entries == at_once
        assert path.with_name(f"{FILE_NAME}-wal").stat().st_size < 1_000_000
        folded = path.with_name("folded")
        shutil.copy(path, folded)
        with closing(sqlite3.connect(f"{folded.absolute().as_uri()}?immutable=1", uri=True)) as alone:
            [(held,)] = alone.execute("SELECT count(*) FROM sealed")
        assert held < 128 + at_once, "the rest was forgotten in the write-ahead log alone, which nobody had fsynced"
