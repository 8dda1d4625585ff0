"""The way back: what one release writes the one before reads. A change of the outbox's tables without another number fails here."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from edge_agent.store.outbox import FILE_NAME, OutboxError
from edge_agent.store.outbox_view import look_into
from edge_agent.store.recorder import Recorder
from edge_agent.update import stored_formats

# SHA-256 of the tables as SQLite keeps them, by number: add a line, never change one
TABLES = {1: "a3bf3c6a8e7baff490357e072e00a6b977e45869a75d546ca1cec5b321806e18"}


def _tables(file: Path) -> str:
    with closing(sqlite3.connect(file)) as opened:
        rows = opened.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
    return sha256("\n".join(row[0] for row in rows).encode()).hexdigest()


def test_the_outbox_has_the_tables_that_its_number_says(tmp_path: Path) -> None:
    Recorder(tmp_path / FILE_NAME, 10**7).close()
    assert _tables(tmp_path / FILE_NAME) == TABLES[stored_formats.OUTBOX]


def test_an_outbox_of_another_number_is_refused_and_not_changed(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    Recorder(file, 10**7).close()
    with closing(sqlite3.connect(file)) as opened:
        opened.execute(f"PRAGMA user_version = {stored_formats.OUTBOX + 1}")
    before = file.read_bytes()
    with pytest.raises(OutboxError, match="install the newer release"):
        Recorder(file, 10**7)
    assert file.read_bytes() == before
    with pytest.raises(OutboxError):
        look_into(file)
