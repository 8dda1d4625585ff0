"""What salvage keeps of a large backlog while it searches: places, in few bytes, and each ordinal once."""

from __future__ import annotations

import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path

import outbox_world
from outbox_world import ROOMY
from sealed_examples import DEVICE_PUBLIC, filled

from edge_agent.store.adopting import adopt
from edge_agent.store.finds import Finds
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.pages import Pages, RawFile
from edge_agent.store.recorder import Recorder
from edge_agent.store.sql_reading import Sql, heads_of
from edge_agent.wire.envelope import peek
from edge_agent.wire.receipt import Range, Status

path = outbox_world.path
_ENTRIES = 1500
_BYTES_AN_ENTRY = 150  # 200 000 entries: 30 MB


def found_in(path: Path) -> Finds:
    """What salvage does with a file that is folded back."""
    finds = Finds(DEVICE_PUBLIC)
    with closing(sqlite3.connect(path)) as connection:
        finds.search_sql(Sql(connection))
        finds.heads = heads_of(connection)
    finds.search_bytes(Pages(RawFile(path)))
    return finds


def test_what_is_held_of_each_entry_fits_a_small_board(path: Path) -> None:
    filled(path, _ENTRIES)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        finds = found_in(path)
        objects = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    tables = finds._places._tables  # SQLite's memory is not Python's
    pages, page_bytes = (tables.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    assert finds.kept() == _ENTRIES
    assert objects + pages * page_bytes < _ENTRIES * _BYTES_AN_ENTRY


def test_entries_of_several_logs_are_counted_by_their_own_ordinals(path: Path, tmp_path: Path) -> None:
    """Two logs in one file, some of the first receipted: what waits, and is found, is missing in neither."""
    logs = [filled(tmp_path / f"{place}.sqlite", 20) for place in range(2)]
    with closing(Recorder(path, ROOMY)) as recorder:
        for made in logs:
            adopt(recorder, peek(made[0]).header.log, dict(enumerate(made, 1)))
    entry = peek(logs[0][11])
    with closing(Forwarder(path)) as forwarder:
        assert forwarder.forget(entry.header.log, Range(1, 12, entry.hash, Status.REGISTERED)).entries == 12
    finds = found_in(path)
    assert (finds.kept(), finds.missing(), finds.unreadable()) == (28, 0, 0)
    assert list(finds._kept_ordinals()) == list(range(13, 41))
    assert [list(entries.values()) for _log, entries in finds.in_order()] == [logs[0][12:], logs[1]]
