"""The heart of the gate, one report at a time: who is recorded, who is answered how, and what leaves no trace."""

from __future__ import annotations

import logging

import gate_fixtures
import pytest
from gate_bench import CARD, LANES, PHONE, Bench, codes
from gate_world import DAY_MS, Enrolled, now_ms
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import binary, text

from drivers import system_clock
from drivers.indicator import Signal
from edge_agent.device.settings import LaneSettings
from edge_agent.wire.entry import Clock, Direction, Kind, Method, Passage
from edge_agent.wire.keyring import UNDATED, day_of
from firmware.aim import Advice
from firmware.reading import SourceChanged, SourceState, Unread

enrolled, bench = gate_fixtures.enrolled, gate_fixtures.bench


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


def test_one_entry_a_person_within_the_window_until_they_pass_the_other_way(bench: Bench) -> None:
    for at_s, code, lane in ((0, CARD, "in"), (10, PHONE, "in"), (11, CARD, "out"), (20, CARD, "in"), (49, PHONE, "in"), (80, CARD, "in")):
        bench.show(code, at_s, lane)
    expected = [Signal.ACCEPTED, Signal.ALREADY, Signal.ACCEPTED, Signal.ACCEPTED, Signal.ALREADY, Signal.ACCEPTED]
    assert bench.answers() == expected
    assert [passage.direction for passage in bench.enrolled.passages()] == [Direction.IN, Direction.OUT, Direction.IN, Direction.IN]


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
    def stumble(*_: object, **__: object) -> None:
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
    assert set(bench.told[0]) == {
        "type",
        "lane",
        "direction",
        "known",
        "log",
        "seq",
        "green_ms",
        "scan_to_green_ms",
        "masked",
        "method",
        "verdict",
        "remarks",
        "at_ms",
        "clock",
        "presence",
    }
    assert bench.told[0]["scan_to_green_ms"] > 0
    for person, _code in people:
        for secret in (person.id_number, person.name, person.old_id, person.phone, person.qid):
            assert not secret or secret not in said


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
