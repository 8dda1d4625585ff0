"""The heart of the gate with an outbox in trouble: full, broken, damaged, gone; nobody sees green who is not on disk."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import gate_fixtures
import pytest
from gate_bench import CARD, LANES, PHONE, Bench, codes
from gate_world import Enrolled

from drivers.indicator import Signal
from edge_agent.device.settings import OutboxSettings
from edge_agent.store import outbox, recorder
from edge_agent.store.outbox import FILE_NAME, OutboxError
from edge_agent.wire.entry import Kind, Note
from firmware.gatehouse import open_recorder

enrolled, bench = gate_fixtures.enrolled, gate_fixtures.bench


def fill(bench: Bench, seed: int = 5) -> int:
    """Lets people pass until the outbox takes no more; returns how many it took."""
    for at, (_person, code) in enumerate(codes(4000, seed)):
        bench.show(code)
        if bench.light.shown[-1] in {Signal.REFUSED, Signal.FULL}:
            return at
        if at % 50 == 0:
            bench.tick()
    raise AssertionError("it never became full")


def test_a_full_outbox_refuses_and_recovers_when_the_province_has_it(enrolled: Enrolled, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench = Bench(enrolled, enrolled.settings(*LANES, capacity_mb=1))
    taken = fill(bench)
    assert len(enrolled.passages()) == taken > 100
    assert bench.answers()[-1] is Signal.REFUSED
    bench.tick()
    assert bench.state() is Signal.FULL
    assert Signal.ATTENTION in bench.light.shown  # the amber note came first
    bench.show(CARD)
    assert (bench.answers()[-1], len(enrolled.passages())) == (Signal.REFUSED, taken)  # refused, nothing dropped for it
    enrolled.forget_all()
    bench.tick()
    assert bench.state() is Signal.READY
    bench.show(CARD, time.monotonic() + 60)  # refused before, so they are not "already" recorded
    assert bench.answers()[-1] is Signal.ACCEPTED
    assert [passage.person.name for passage in enrolled.passages()] == ["Nguyễn Văn A"]
    assert caplog.text.count("not recorded") == 1
    bench.close()


def test_the_amber_note_goes_out_when_the_agent_has_emptied_the_outbox_and_nobody_passes(enrolled: Enrolled) -> None:
    configured = replace(enrolled.settings(*LANES, capacity_mb=1), outbox=OutboxSettings(1, 0, 10))
    bench = Bench(enrolled, configured)
    for _person, code in codes(150):
        bench.show(code)
    bench.tick()
    assert bench.state() is Signal.ATTENTION
    enrolled.forget_all()
    bench.tick()
    assert bench.state() is Signal.READY
    assert bench.consumer.counters()["outbox_fullness"] == 0
    bench.close()


def test_notes_that_find_no_room_are_recorded_before_the_next_passage(enrolled: Enrolled) -> None:
    bench = Bench(enrolled, enrolled.settings(*LANES, capacity_mb=1))
    fill(bench)
    bench.consumer.note(Kind.BOOT, {"software": "1"})
    enrolled.forget_all()
    bench.show(CARD)
    assert enrolled.kinds() == [Kind.BOOT, Kind.PASSAGE]
    bench.close()


def damage(path: Path, first: int, last: int) -> None:
    """Writes over a part of the file, as a dying card does."""
    with path.open("r+b") as file:
        file.seek(first)
        file.write(os.urandom(last - first))


def reopened(bench: Bench) -> None:
    """Closes the outbox and opens it again, so that everything is read from the file anew."""
    bench.recording.use(open_recorder(bench.settings)[0])


def test_an_outbox_damaged_while_the_gate_is_open_is_salvaged_and_the_gate_goes_on(bench: Bench) -> None:
    before = codes(40)
    for _person, code in before:
        bench.show(code)
    bench.recording.recorder._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    reopened(bench)
    size = bench.enrolled.outbox.stat().st_size
    damage(bench.enrolled.outbox, size - 8192, size)
    after = codes(40, seed=9)
    for at, (_person, code) in enumerate(after):
        bench.show(code, at * 2.0)
    bench.tick()
    answers = bench.answers()[40:]
    green = answers.count(Signal.ACCEPTED)
    assert (bench.repairs, green + answers.count(Signal.REFUSED)) == (1, 40)
    assert green >= 38
    assert bench.state() is Signal.READY
    notes = [body for header, body in bench.enrolled.entries() if header.kind is Kind.SALVAGE]
    [note] = notes
    assert isinstance(note, Note)
    assert note.facts["kept"] in range(20, 41)
    kept = {passage.person.id_number for passage in bench.enrolled.passages()}
    accepted = [person.id_number for (person, _code), answer in zip(after, answers, strict=True) if answer is Signal.ACCEPTED]
    assert kept >= set(accepted[-green + 1 :])
    assert list(bench.enrolled.state.glob("salvaged-*/outbox.sqlite"))


def test_damage_that_only_the_agent_has_met_is_salvaged_by_the_gate(bench: Bench) -> None:
    bench.show(CARD, 0.0)
    bench.enrolled.outbox.with_name(FILE_NAME + "-damaged").touch()
    bench.tick()
    bench.show(CARD, 60.0)
    bench.tick()
    assert bench.repairs == 1
    assert bench.state() is Signal.READY
    assert Kind.SALVAGE in bench.enrolled.kinds()


def test_a_repair_that_fails_is_tried_until_it_works(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def repair_on_a_bad_day(damaged: bool) -> Mapping[str, int] | None:
        bench.recording.recorder.close()
        bench.repairs += 1
        if bench.repairs < 3:
            raise OSError(30, "Read-only file system")
        return Bench.repair(bench, damaged)

    monkeypatch.setattr(bench.consumer._outbox, "_repair", repair_on_a_bad_day)
    bench.show(CARD, 0.0)
    bench.enrolled.outbox.with_name(FILE_NAME + "-damaged").touch()
    bench.show(CARD, 60.0)
    assert (bench.answers()[-1], bench.state()) == (Signal.REFUSED, Signal.FAULT)
    bench.show(PHONE, 61.0)
    bench.tick()
    assert (bench.answers()[-1], bench.state()) == (Signal.REFUSED, Signal.FAULT)
    bench.tick()
    assert bench.state() is Signal.READY
    bench.show(CARD, 120.0)
    assert bench.answers()[-1] is Signal.ACCEPTED
    assert bench.enrolled.kinds() == [Kind.PASSAGE, Kind.SALVAGE, Kind.PASSAGE]


def test_an_outbox_deleted_under_the_gate_never_swallows_anybody(bench: Bench) -> None:
    bench.show(CARD, 0.0)
    for file in bench.enrolled.state.glob(FILE_NAME + "*"):
        file.unlink()
    bench.show(PHONE, 60.0)
    bench.show(CARD, 120.0)
    assert bench.answers() == [Signal.ACCEPTED, Signal.REFUSED, Signal.ACCEPTED]
    assert [passage.person.name for passage in bench.enrolled.passages()] == ["Nguyễn Văn A"]


def test_a_disk_that_refuses_to_write_shows_a_fault_until_it_writes_again(bench: Bench) -> None:
    bench.show(CARD, 0.0)
    bench.recording.recorder._connection.execute("PRAGMA query_only=1")  # SQLite itself refuses every write: SQLITE_READONLY
    bench.show(CARD, 60.0)
    assert bench.answers()[-1] is Signal.REFUSED
    assert Signal.FAULT in bench.light.shown
    bench.tick()  # opened anew
    assert bench.state() is Signal.READY
    bench.show(CARD, 120.0)
    assert bench.answers()[-1] is Signal.ACCEPTED
    assert len(bench.enrolled.passages()) == 2


def test_another_process_that_keeps_the_outbox_locked_refuses_one_person_not_the_next(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_BUSY_S", 0.05)
    reopened(bench)
    blocker = sqlite3.connect(bench.enrolled.outbox, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    bench.show(CARD, 0.0)
    blocker.execute("ROLLBACK")
    blocker.close()
    bench.show(CARD, 10.0)
    assert bench.answers() == [Signal.REFUSED, Signal.ACCEPTED]


def test_the_outbox_is_for_its_owner_only(bench: Bench) -> None:
    bench.show(CARD)
    modes = {stat.S_IMODE(file.stat().st_mode) for file in bench.enrolled.state.glob(FILE_NAME + "*")}
    assert modes == {0o600}


def test_a_checkpoint_in_trouble_is_no_trouble_for_the_gate(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "CHECKPOINT_BYTES", 0)
    bench.show(CARD)
    bench.recording.recorder.close()
    bench.consumer._next_tick_s = time.monotonic() + 0.05
    bench.consumer.take_one()  # nobody came: tidies up on a closed connection
    with pytest.raises(OutboxError):
        bench.recording.recorder.probe()
    bench.tick()
    bench.tick()
    assert bench.state() is Signal.READY
