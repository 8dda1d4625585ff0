"""Salvage where the new outbox has no room beside the damaged one: it goes on as the agent empties it, each entry carried over once."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

import outbox_world
import pytest
from outbox_world import ROOMY, damage_by
from sealed_examples import DEVICE_PUBLIC, filled

from edge_agent.store import adopting
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import DAMAGE_NOTE, FILE_NAME, OutboxDamaged, OutboxFull
from edge_agent.store.recorder import Recorder
from edge_agent.store.salvage import Salvaged, salvage, unfinished
from edge_agent.wire.envelope import peek
from edge_agent.wire.receipt import Range, Status

path, small_disk = outbox_world.path, outbox_world.small_disk
_ATTEMPTS = 20


def delivered(path: Path) -> list[bytes]:
    """What the agent sends and forgets in between."""
    sent: list[bytes] = []
    with closing(Forwarder(path)) as forwarder:
        while page := forwarder.page(0, 100):
            sent += [waiting.envelope for waiting in page]
            last = peek(page[-1].envelope)
            first_seq = peek(page[0].envelope).header.seq
            assert forwarder.forget(last.header.log, Range(first_seq, last.header.seq, last.hash, Status.REGISTERED)).entries == len(page)
        forwarder.settle()
    return sent


def attempt(path: Path, keep_free_bytes: int) -> Salvaged | None:
    with suppress(OutboxFull):
        recorder, salvaged = salvage(path, ROOMY, keep_free_bytes, 1, device_key=DEVICE_PUBLIC)
        recorder.close()
        return salvaged
    return None


@pytest.mark.parametrize("entries, keep_free_bytes", [(1600, 0), (100, 10**9)])
def test_a_short_disk_is_emptied_while_it_is_filled_and_each_entry_is_sent_once(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, entries: int, keep_free_bytes: int
) -> None:
    monkeypatch.setattr(adopting, "_ADOPTS_A_TRANSACTION", 20)  # to this disk's reserve what 200 are to a card's
    path = small_disk / FILE_NAME
    made = filled(path, entries)
    path.with_name(FILE_NAME + DAMAGE_NOTE).touch()
    sent: Counter[bytes] = Counter()
    attempts: list[Salvaged | None] = []
    while (not attempts or attempts[-1] is None) and len(attempts) < _ATTEMPTS:
        attempts.append(attempt(path, keep_free_bytes))
        sent.update(delivered(path))
    assert len(attempts) > 1, "the disk was not short"
    assert attempts[-1] is not None
    assert attempts[-1].facts() == {"kept": entries, "unreadable": 0, "missing": 0}
    assert unfinished(path) is None
    assert sent == Counter(made)


def test_what_the_agent_forgot_while_salvage_was_cut_short_is_not_taken_over_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = filled(path, 30)
    path.with_name(FILE_NAME + DAMAGE_NOTE).touch()
    with monkeypatch.context() as patch:
        patch.setattr("edge_agent.store.salvage._finish", lambda _folder: (_ for _ in ()).throw(OutboxFull("cut short")))
        assert attempt(path, 0) is None
    assert delivered(path) == made
    salvaged = attempt(path, 0)
    assert salvaged is not None
    assert salvaged.facts() == {"kept": 30, "unreadable": 0, "missing": 0}
    assert delivered(path) == []


def test_an_outbox_of_the_former_layout_is_salvaged(path: Path) -> None:
    made = filled(path, 5)
    damage_by("DROP TABLE adopted")(path, random.Random(0))
    with pytest.raises(OutboxDamaged):
        Recorder(path, ROOMY)
    recorder, salvaged = salvage(path, ROOMY, 0, 1, device_key=DEVICE_PUBLIC)
    assert salvaged.facts() == {"kept": 5, "unreadable": 0, "missing": 0}
    recorder.close()
    assert delivered(path) == made
