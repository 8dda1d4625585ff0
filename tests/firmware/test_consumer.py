"""The heart of the gate, one report at a time: a real outbox, real keys, a light that remembers, clocks in the test's hands."""

from __future__ import annotations

import logging
import os
import queue
import sqlite3
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from gate_world import DAY_MS, Enrolled, SpyIndicator, add_test_drivers, now_ms
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import binary, text

from drivers import system_clock
from drivers.indicator import Signal
from edge_agent import outbox, recorder
from edge_agent.entry import Clock, Direction, Kind, Method, Note, Passage
from edge_agent.keyring import UNDATED, day_of
from edge_agent.outbox import FILE_NAME, OutboxError
from edge_agent.settings import LaneSettings, OutboxSettings, Settings
from edge_agent.stored_keyring import WatchedKeyring
from firmware.aim import Advice
from firmware.consumer import Consumer
from firmware.feedback import Feedback
from firmware.gatehouse import open_recorder
from firmware.person_codes import Person, write_person
from firmware.reading import Method as ReadBy
from firmware.reading import Reading, Report, SourceChanged, SourceState, Unread
from firmware.recording import Recording
from firmware.time_sense import TimeSense
from province.synthetic import synthetic_people

CARD = "001099012345||Nguyễn Văn A|15031999|Nam||10052021"
PHONE = "001099012345|NGUYEN VAN A|1999-03-15|0|162979388586171100|<1<<0100123456"
LANES = (LaneSettings("in", "in", camera="told:in"), LaneSettings("out", "out", camera="told:out"))


class Bench:
    """A consumer on the test bench: the test puts reports in and takes them through by hand."""

    def __init__(self, enrolled: Enrolled, configured: Settings | None = None) -> None:
        self.enrolled = enrolled
        self.settings = configured or enrolled.settings(*LANES)
        self.clock = Clock.SYNCHRONISED
        self.wall_ms = now_ms
        self.told: list[Mapping[str, Any]] = []
        self.reports: queue.Queue[Report] = queue.Queue(64)
        self.repairs = 0
        self.feedback = Feedback(self.settings.gate, self.settings.lanes)
        self.light = SpyIndicator.by_name["gate"]
        who = enrolled.identity()
        keyring = WatchedKeyring(enrolled.state, who.root, who.name)
        self.sense = TimeSense(
            always_trusted=False,
            not_before_ms=lambda: keyring.current().issued_ms,
            clock=lambda: self.clock,
            wall_ms=lambda: self.wall_ms(),  # noqa: PLW0108 - the test may replace it
            boottime_ms=count(0, DAY_MS).__next__,  # no clock runs on evenly here: only the test says what is trusted
        )
        self.recording = Recording(who, open_recorder(self.settings)[0], keyring, self.sense, system_clock.boot_id())
        self.consumer = Consumer(
            self.settings, self.reports, self.recording, self.feedback, self.sense, self.repair, self.told.append
        )  # fmt: skip

    def repair(self, damaged: bool) -> Mapping[str, int] | None:
        """As the gatehouse does."""
        self.repairs += 1
        self.recording.recorder.close()
        recorder, salvaged = open_recorder(self.settings, damaged=damaged)
        self.recording.use(recorder)
        return None if salvaged is None else {"kept": salvaged.kept, "unreadable": salvaged.unreadable}

    def take(self, *reports: Report) -> None:
        for report in reports:
            self.reports.put(report)
            self.consumer.take_one()

    def show(self, code: str | bytes, at_s: float | None = None, lane: str = "in", method: ReadBy = "camera") -> None:
        data = code.encode() if isinstance(code, str) else code
        self.take(Reading(lane, data, method, time.monotonic() if at_s is None else at_s))

    def tick(self) -> None:
        """Lets a second pass."""
        self.consumer._next_tick_s = self.consumer._repair_at_s = 0.0
        self.take(SourceChanged("in", SourceState.WORKING))

    def answers(self) -> list[Signal]:
        states = {Signal.STARTING, Signal.READY, Signal.ATTENTION, Signal.FAULT, Signal.FULL, Signal.CLOSED}
        return [signal for signal in self.light.shown if signal not in states]

    def state(self) -> Signal:
        return [signal for signal in self.light.shown if signal not in self.answers()][-1]

    def close(self) -> None:
        self.feedback.close()
        self.recording.recorder.close()


@pytest.fixture
def enrolled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Enrolled:
    add_test_drivers(monkeypatch)
    return Enrolled(tmp_path / "state", tmp_path / "run")


@pytest.fixture
def bench(enrolled: Enrolled) -> Iterator[Bench]:
    bench = Bench(enrolled)
    yield bench
    bench.close()


def codes(count: int, seed: int = 1) -> list[tuple[Person, str]]:
    return [(person, write_person(person)) for person in synthetic_people(count, seed)]


def fill(bench: Bench, seed: int = 5) -> int:
    """Lets people pass until the outbox takes no more; returns how many it took."""
    for at, (_person, code) in enumerate(codes(4000, seed)):
        bench.show(code)
        if bench.light.shown[-1] in {Signal.REFUSED, Signal.FULL}:
            return at
        if at % 50 == 0:
            bench.tick()
    raise AssertionError("it never became full")


def test_everybody_is_recorded_before_their_green(bench: Bench) -> None:
    recorded_at_green: list[tuple[str, str]] = []

    def look(signal: Signal) -> None:
        if signal is Signal.ACCEPTED:  # a second connection, as a process would have after a crash now
            last = bench.enrolled.passages()[-1]
            recorded_at_green.append((last.person.id_number, last.person.name))

    bench.light.on_show = look
    people = codes(60)
    for at, (_person, code) in enumerate(people):
        bench.show(code, lane=("in", "out")[at % 2])
        assert len(recorded_at_green) == at + 1
    assert recorded_at_green == [(person.id_number, person.name) for person, _code in people]
    assert bench.answers() == [Signal.ACCEPTED] * 60


def test_an_entry_says_who_how_and_where_and_is_chained(bench: Bench) -> None:
    bench.show(CARD, lane="in", method="serial")
    bench.show(PHONE, lane="out")
    (first, came), (second, went) = bench.enrolled.entries()
    assert isinstance(came, Passage)
    assert isinstance(went, Passage)
    assert (came.person.name, came.person.birth_date, came.person.sex) == ("Nguyễn Văn A", "1999-03-15", "male")
    assert (came.direction, came.method, went.direction, went.method) == (Direction.IN, Method.SERIAL, Direction.OUT, Method.CAMERA)
    assert (went.person.phone, went.person.scheme) == ("0100123456", "national")
    assert (first.seq, second.seq, second.prev) == (1, 2, bench.enrolled.sealed()[0].hash)
    assert (first.site, first.gate, first.clock, first.boot) == ("Chợ Lớn", "A", Clock.SYNCHRONISED, system_clock.boot_id())


def test_one_entry_a_person_and_direction_within_the_window(bench: Bench) -> None:
    for at_s, code, lane in ((0, CARD, "in"), (10, PHONE, "in"), (11, CARD, "out"), (20, CARD, "in"), (49, PHONE, "in"), (80, CARD, "in")):
        bench.show(code, at_s, lane)
    expected = [Signal.ACCEPTED, Signal.ALREADY, Signal.ACCEPTED, Signal.ALREADY, Signal.ALREADY, Signal.ACCEPTED]
    assert bench.answers() == expected
    assert [passage.direction for passage in bench.enrolled.passages()] == [Direction.IN, Direction.OUT, Direction.IN]


def test_two_lanes_of_one_direction_record_a_person_once(enrolled: Enrolled) -> None:
    bench = Bench(enrolled, enrolled.settings(LANES[0], LaneSettings("in-2", "in", camera="told:in-2")))
    bench.show(CARD, 0.0, "in")
    bench.show(CARD, 0.1, "in-2")
    assert bench.answers() == [Signal.ACCEPTED, Signal.ALREADY]
    bench.close()


def test_a_held_code_gives_one_answer(bench: Bench) -> None:
    for frame in range(100):
        bench.show(CARD, frame / 30)
    assert bench.answers() == [Signal.ACCEPTED]
    bench.show(CARD, 10.0)  # taken away and held up again
    assert bench.answers() == [Signal.ACCEPTED, Signal.ALREADY]


def test_codes_of_two_people_held_side_by_side_give_one_answer_each(bench: Bench) -> None:
    one, other = codes(2)
    for frame in range(50):
        bench.show(one[1], frame / 30)
        bench.show(other[1], frame / 30)
    assert bench.answers() == [Signal.ACCEPTED, Signal.ACCEPTED]


def test_people_whose_numbers_are_covered_in_part_are_told_apart(bench: Bench) -> None:
    for at_s, name in enumerate(("NGUYEN VAN A", "TRAN THI B", "NGUYEN VAN A")):
        bench.show(f"001*****2345|{name}|1999-03-15|*||", at_s * 2.0)
    assert bench.answers() == [Signal.ACCEPTED, Signal.ACCEPTED, Signal.ALREADY]
    passages = bench.enrolled.passages()
    assert [passage.person.id_number for passage in passages] == ["001*****2345"] * 2
    assert all("hidden-values" in passage.warnings for passage in passages)


NOT_PEOPLE = ["http://example.org", "WIFI:S:net;;", CARD.replace("1503", "3102"), b"\xff\xfe", "Nguyễn".encode("utf-16"), b"", b"x" * 9000]


@pytest.mark.parametrize("code", NOT_PEOPLE, ids=range(len(NOT_PEOPLE)))
def test_what_is_no_persons_code_is_said_once_and_leaves_nothing(bench: Bench, code: str | bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for frame in range(10):
        bench.show(code, frame / 30)
    assert bench.answers() == [Signal.NOT_A_PERSON_CODE]
    assert bench.enrolled.kinds() == []
    data = code if isinstance(code, str) else code.decode("latin-1")
    assert not data or data not in caplog.text


def test_an_unread_held_code_is_answered(bench: Bench) -> None:
    bench.take(Unread("in", Advice.UNREADABLE))
    assert bench.answers() == [Signal.UNREADABLE]
    assert bench.consumer.counters()["answers"] == {"unreadable": 1}


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

    monkeypatch.setattr(bench.consumer, "_repair", repair_on_a_bad_day)
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


def test_the_clock_becoming_known_is_recorded_and_changes_the_key(enrolled: Enrolled) -> None:
    bench = Bench(enrolled)
    bench.clock = Clock.UNKNOWN
    bench.consumer._clock = Clock.UNKNOWN
    bench.show(CARD, 0.0)
    bench.tick()
    bench.clock = Clock.RTC
    bench.tick()
    bench.tick()
    bench.show(CARD, 60.0)
    bench.clock = Clock.SYNCHRONISED
    bench.tick()
    bench.clock = Clock.UNKNOWN
    bench.tick()
    headers = [header for header, _body in enrolled.entries()]
    today = day_of(now_ms()).isoformat()
    assert [header.kind for header in headers] == [Kind.PASSAGE, Kind.CLOCK, Kind.PASSAGE, Kind.CLOCK]
    assert [header.clock for header in headers] == [Clock.UNKNOWN, Clock.RTC, Clock.RTC, Clock.SYNCHRONISED]
    assert [header.key_id.split("/")[0] for header in headers] == [UNDATED, today, today, today]
    bench.close()


def test_past_the_end_of_the_keyring_people_are_sealed_to_the_undated_key(enrolled: Enrolled) -> None:
    bench = Bench(enrolled)
    bench.wall_ms = lambda: now_ms() + 60 * DAY_MS
    bench.show(CARD)
    assert [header.key_id.split("/")[0] for header, _body in enrolled.entries()] == [UNDATED]
    bench.close()


def test_a_new_keyring_seals_the_next_person(bench: Bench) -> None:
    bench.show(CARD, 0.0)
    bench.enrolled.offer(bench.enrolled.province.keyring(2))
    bench.show(CARD, 60.0)
    first, second = (header.key_id for header, _body in bench.enrolled.entries())  # both open: each with its own private key
    assert first.split("/")[0] == second.split("/")[0]
    assert first != second


def test_documents_torn_while_the_gate_is_open_leave_the_keyring_in_memory(bench: Bench) -> None:
    for file in bench.enrolled.state.glob("documents.json*"):
        file.write_bytes(b"torn")
    bench.show(CARD)
    bench.tick()
    assert bench.answers() == [Signal.ACCEPTED]


def test_a_report_that_we_stumble_over_refuses_one_person_and_tells_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def stumble(*_: object) -> None:
        raise KeyError(CARD)

    with monkeypatch.context() as broken:
        broken.setattr(bench.recording, "passage", stumble)
        bench.show(CARD, 0.0)
    bench.show(CARD, 10.0)
    assert bench.answers() == [Signal.REFUSED, Signal.ACCEPTED]
    assert "unexpected KeyError (test_consumer.py:" in caplog.text
    assert "Nguyễn" not in caplog.text


def test_trouble_with_a_source_is_logged_once_not_at_each_reopening(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    gone = SourceChanged("in", SourceState.FAULT, "it is gone")
    bench.take(gone, gone, gone, SourceChanged("in", SourceState.WORKING), gone)
    assert caplog.text.count("it is gone") == 2
    assert bench.state() is Signal.ATTENTION  # the other lane is still opening
    bench.take(SourceChanged("out", SourceState.ENDED))
    assert bench.state() is Signal.FAULT


def test_what_is_told_on_the_device_names_nobody_unmasked(bench: Bench) -> None:
    people = codes(20)
    for at, (_person, code) in enumerate(people):
        bench.show(code, lane=("in", "out")[at % 2])
    bench.show("hello")
    said = repr(bench.told) + repr(bench.consumer.counters())
    assert len(bench.told) == 20
    assert set(bench.told[0]) == {"type", "lane", "direction", "log", "seq", "green_ms", "scan_to_green_ms", "masked"}
    assert bench.told[0]["scan_to_green_ms"] > 0
    for person, _code in people:
        for secret in (person.id_number, person.name, person.old_id, person.phone, person.qid):
            assert not secret or secret not in said


def test_the_outbox_is_for_its_owner_only(bench: Bench) -> None:
    bench.show(CARD)
    modes = {stat.S_IMODE(file.stat().st_mode) for file in bench.enrolled.state.glob(FILE_NAME + "*")}
    assert modes == {0o600}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=binary(max_size=80) | text(max_size=80).map(lambda code: code.encode(errors="replace")))
def test_nothing_that_can_be_read_stops_the_gate(bench: Bench, data: bytes) -> None:
    bench.show(data)
    assert bench.consumer.counters()["answers"].get("unexpected") is None


def test_the_longest_person_a_code_can_name_fits_the_record(bench: Bench) -> None:
    longest = f"001099012345|{'ễ' * 100}|1999-03-15|0|{'9' * 40}|{'9' * 20}<1<{'A' * 15}<+{'9' * 15}<sig"
    bench.show(longest)
    assert bench.answers() == [Signal.ACCEPTED]
    assert bench.enrolled.passages()[0].person.name == "ễ" * 100


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
