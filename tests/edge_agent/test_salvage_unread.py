"""A card that does not give some sectors: for a moment nothing is decided, for good the rest is kept and the gap is said."""

from __future__ import annotations

import errno
import os
import random
from contextlib import closing
from pathlib import Path

import outbox_world
import pytest
from outbox_world import ROOMY, damage_by
from sealed_examples import DEVICE_PUBLIC, filled

from edge_agent.store import pages
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import OutboxUnread
from edge_agent.store.salvage import salvage, unfinished

path = outbox_world.path


@pytest.fixture
def _lost_sector(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes from 20 480 to 24 576 of every file that salvage reads are not given."""
    real = os.pread

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        if offset < 24_576 and offset + size > 20_480:
            raise OSError(errno.EIO, "Input/output error")
        return real(descriptor, size, offset)

    monkeypatch.setattr("edge_agent.store.pages.os.pread", pread)


def kept_in(path: Path) -> list[bytes]:
    with closing(Forwarder(path)) as forwarder:
        return [item.envelope for item in forwarder.page(0, 1000)]


@pytest.mark.usefixtures("_lost_sector")
def test_what_is_not_given_for_a_moment_is_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = filled(path, 30)
    damage_by("DELETE FROM head")(path, random.Random(0))
    for _ in range(3):
        with pytest.raises(OutboxUnread, match=r"does not give [0-9]+ bytes"):
            salvage(path, ROOMY, 0, 1, device_key=DEVICE_PUBLIC, unread_is_lost=False)
        assert unfinished(path) is not None
    monkeypatch.undo()
    recorder, salvaged = salvage(path, ROOMY, 0, 1, device_key=DEVICE_PUBLIC, unread_is_lost=False)
    recorder.close()
    assert salvaged.kept == 30
    assert kept_in(path) == made


@pytest.mark.usefixtures("_lost_sector")
def test_what_is_never_given_again_is_missing_and_the_rest_is_kept(path: Path) -> None:
    made = filled(path, 30)
    recorder, salvaged = salvage(path, ROOMY, 0, 1, device_key=DEVICE_PUBLIC)
    recorder.close()
    kept = kept_in(path)
    assert 24 <= len(kept) < 30, "four pages: two entries, or parts of three"
    assert set(kept) < set(made)
    assert salvaged.facts()["missing"] == 30 - len(kept)


def test_what_is_lost_while_entries_are_carried_over_is_taken_up_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = filled(path, 30)
    real, calls = pages.read_pieces, [0]

    def failing(pieces: pages.Pieces) -> bytes:
        calls[0] += 1
        if calls[0] > 15:
            pieces[0][0].unread += 1
            return b""
        return real(pieces)

    monkeypatch.setattr("edge_agent.store.finds.read_pieces", failing)
    with pytest.raises(OutboxUnread):
        salvage(path, ROOMY, 0, 1, device_key=DEVICE_PUBLIC, unread_is_lost=False)
    monkeypatch.undo()
    recorder, salvaged = salvage(path, ROOMY, 0, 1, device_key=DEVICE_PUBLIC, unread_is_lost=False)
    recorder.close()
    assert salvaged.facts() == {"kept": 30, "unreadable": 0, "missing": 0}
    assert kept_in(path) == made
