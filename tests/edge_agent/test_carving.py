"""Entries are found in a file's bytes alone, however long they are and however SQLite has cut them up."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.store.carving import envelopes_in
from edge_agent.store.outbox import FILE_NAME, Spot
from edge_agent.store.pages import PAGE_BYTES, Pages, RawFile, read_pieces
from edge_agent.store.recorder import Recorder
from edge_agent.wire import cose
from edge_agent.wire.cbor import encode
from edge_agent.wire.envelope import ENTRY

SIGNER = Ed25519PrivateKey.generate()


def envelope_of(spot: Spot, size: int) -> bytes:
    body = sha256(spot.log + spot.seq.to_bytes(8, "big")).digest() * (size // 32 + 1)
    return cose.sign(encode([b"header", body[:size]]), ENTRY, SIGNER)


def outbox_with(path: Path, sizes: list[int], fold_at: int) -> list[bytes]:
    """An outbox whose first entries were folded into the file, and its write-ahead log beside it, as a power cut leaves them."""
    live = path.with_name("live.sqlite")
    recorder = Recorder(live, 10**9)
    made: list[bytes] = []

    def keep(spot: Spot) -> bytes:
        made.append(envelope_of(spot, sizes[len(made)]))
        return made[-1]

    for place in range(len(sizes)):
        recorder.append(keep)
        if place + 1 == fold_at:
            recorder.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.write_bytes(live.read_bytes())
    path.with_name(path.name + "-wal").write_bytes(live.with_name(live.name + "-wal").read_bytes())
    recorder.close()
    return made


def found_in(*files: Path) -> set[bytes]:
    """What is found in the first file, its pages taken from all."""
    with ExitStack() as undo:
        raw = [RawFile(file) for file in files]
        for one in raw:
            undo.callback(one.close)
        found = set()
        for ways in envelopes_in(raw[0], Pages(*raw)):
            for pieces, envelope in ways:
                assert read_pieces(pieces) == envelope
                found.add(envelope)
        return found


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(32, 3500), min_size=1, max_size=25), st.integers(0, 25))
def test_every_entry_is_found_in_file_or_write_ahead_log(sizes: list[int], fold_at: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / FILE_NAME
        made = outbox_with(path, sizes, fold_at)
        folded = fold_at if fold_at <= len(sizes) else 0
        assert set(made[:folded]) <= found_in(path)
        assert set(made[folded:]) <= found_in(path.with_name(path.name + "-wal"))


@pytest.mark.parametrize("page_bytes", [1024, 2048, 4096, 8192])
def test_the_page_size_is_the_files_own(tmp_path: Path, page_bytes: int) -> None:
    path = tmp_path / FILE_NAME
    with closing(sqlite3.connect(path, isolation_level=None)) as empty:
        empty.execute(f"PRAGMA page_size={page_bytes}")
        empty.execute("PRAGMA journal_mode=WAL")
        empty.execute("CREATE TABLE other(one)")
        empty.execute("DROP TABLE other")
    recorder = Recorder(path, 10**9)
    assert recorder.connection.execute("PRAGMA page_size").fetchone() == (page_bytes,)
    made: list[bytes] = []

    def keep(spot: Spot) -> bytes:
        made.append(envelope_of(spot, 100 * spot.seq))
        return made[-1]

    for _ in range(34):
        recorder.append(keep)
    assert found_in(path.with_name(path.name + "-wal")) == set(made)
    recorder.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    recorder.close()
    assert found_in(path) == set(made)


def test_entries_are_found_though_the_page_with_the_files_head_and_every_inner_page_is_gone(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    made = outbox_with(path, [1800] * 300, 300)
    data = bytearray(path.read_bytes())
    assert int.from_bytes(data[16:18]) == PAGE_BYTES
    inner = [at for at in range(PAGE_BYTES, len(data), PAGE_BYTES) if data[at] == 5]  # SQLite's mark of an interior table page
    assert inner
    for at in (0, *inner):
        data[at : at + PAGE_BYTES] = bytes(PAGE_BYTES)
    path.write_bytes(data)
    assert found_in(path) == set(made)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_no_damage_makes_carving_stumble(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / FILE_NAME
        outbox_with(path, [200, 1800, 3500, 900], data.draw(st.integers(0, 4)))
        for file in (path, path.with_name(path.name + "-wal")):
            raw = bytearray(file.read_bytes())
            for at in data.draw(st.lists(st.integers(0, max(0, len(raw) - 1)), max_size=30)) if raw else []:
                raw[at] = data.draw(st.integers(0, 255))
            file.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
            found_in(file)
