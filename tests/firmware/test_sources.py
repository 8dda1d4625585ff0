"""A lane's supervisor: whatever its device or decoder does, the lane says so and comes back."""

from __future__ import annotations

import itertools
import math
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import gate_fixtures
import numpy as np
import pytest
from gate_world import BLANK, WAIT_S, Reader, ToldCamera, add_test_drivers, wait_until
from PIL import Image
from qr_pictures import picture_of

from drivers import serial_reader
from drivers.camera import Frame
from drivers.errors import Stalled, Unplugged
from edge_agent.device.settings import GateSettings, LaneSettings
from firmware import supervised, zbar
from firmware.inbox import Inbox
from firmware.reading import Reading, Report, SourceChanged, SourceState, Unread
from firmware.schedule import FORCED_EVERY
from firmware.sources import Source

reader = gate_fixtures.reader

CARD = "001099012345||Nguyễn Văn A|15031999|Nam||10052021"
CODE = picture_of(CARD)


class Watched:
    """A source and what it reports."""

    def __init__(self, lane: LaneSettings, size: int = 64) -> None:
        self.reports = Inbox(size)
        self.source = Source(lane, self.reports)
        self.source.kept.start()

    def next(self) -> Report:
        return self.reports.get(timeout=WAIT_S)

    def next_change(self) -> SourceChanged:
        while not isinstance(report := self.next(), SourceChanged):
            pass
        return report

    def next_reading(self) -> Reading:
        while not isinstance(report := self.next(), Reading):
            pass
        return report

    def wait_for_frames(self, count: int) -> None:
        wait_until(lambda: self.source.counters["frames"] == count, f"{count} frames are looked at")

    def stop(self) -> None:
        self.source.kept.stop()
        assert self.source.kept.join(WAIT_S)


@pytest.fixture(autouse=True)
def drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    add_test_drivers(monkeypatch)
    monkeypatch.setattr(supervised, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(supervised, "LONGEST_WAIT_S", 0.05)


@pytest.fixture
def watch() -> Iterator[list[Watched]]:
    watched: list[Watched] = []
    yield watched
    for one in watched:
        one.stop()


def told(watch: list[Watched], *plan: object, size: int = 64) -> Watched:
    """A camera told what to do at each opening."""
    ToldCamera.plans["camera"] = list(plan)
    watch.append(Watched(LaneSettings("in", "in", camera="told:camera"), size))
    return watch[-1]


def test_a_code_before_the_camera_is_read_with_its_time(watch: list[Watched]) -> None:
    one = told(watch, [BLANK, CODE])
    assert one.next_change() == SourceChanged("in", SourceState.WORKING)
    reading = one.next_reading()
    assert (reading.lane, reading.data.decode(), reading.method) == ("in", CARD, "camera")
    assert "Nguyễn" not in repr(reading)


def test_a_code_that_is_no_text_is_reported_as_no_persons_code(watch: list[Watched]) -> None:
    assert told(watch, [picture_of(b"\xff\xfe\x00 no text \xff")]).next_reading().data == b"\xff"


@pytest.mark.parametrize(
    "view, kind",
    [
        (np.zeros((20, 20, 3), dtype=np.uint8), "ValueError"),
        (np.zeros((20, 20)), "ValueError"),
        (np.zeros((0, 20), dtype=np.uint8), "ValueError"),
        ("no array at all", "ValueError"),
        (RuntimeError(CARD), "RuntimeError"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_what_nobody_foresaw_is_a_fault_by_its_type_and_the_lane_comes_back(watch: list[Watched], view: object, kind: str) -> None:
    one = told(watch, [BLANK, view], [BLANK, CODE])
    assert one.next_change().state is SourceState.WORKING
    fault = one.next_change()
    assert fault.state is SourceState.FAULT
    assert fault.why.startswith(f"unexpected {kind}")
    assert "Nguyễn" not in fault.why
    assert one.next_change().state is SourceState.WORKING
    assert one.next_reading().data.decode() == CARD
    assert one.source.snapshot()["reopened"] == 1


def test_a_camera_that_cannot_even_be_opened_is_a_fault_and_comes_back(watch: list[Watched]) -> None:
    one = told(watch, Unplugged("no camera here"), RuntimeError(CARD), [CODE])
    first, second, third = (one.next_change() for _ in range(3))
    assert (first.state, first.why) == (SourceState.FAULT, "no camera here")
    assert second.state is SourceState.FAULT
    assert "unexpected RuntimeError" in second.why
    assert third.state is SourceState.WORKING


def test_a_camera_that_stalls_is_reopened(watch: list[Watched]) -> None:
    one = told(watch, [BLANK, Stalled("no frame came")], [CODE])
    assert [one.next_change().why for _ in range(3)] == ["", "no frame came", ""]


def test_a_device_that_cannot_be_closed_stops_neither_the_lane_nor_the_end(watch: list[Watched], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToldCamera, "close_fails", True)
    one = told(watch, [BLANK, Stalled("no frame came")], [BLANK])
    assert [one.next_change().why for _ in range(3)] == ["", "no frame came", ""]
    one.stop()


def test_a_fault_is_reported_before_the_device_is_closed(watch: list[Watched], monkeypatch: pytest.MonkeyPatch) -> None:
    answers, close = threading.Event(), ToldCamera.close
    monkeypatch.setattr(ToldCamera, "close", lambda camera: (answers.wait(), close(camera)))
    one = told(watch, [BLANK, Stalled("no frame came")], [BLANK, CODE])
    assert [one.next_change().why for _ in range(2)] == ["", "no frame came"]  # while the camera hangs in its close
    answers.set()
    assert one.next_reading().data.decode() == CARD


def test_each_exposure_is_compared_with_its_own_kind(watch: list[Watched]) -> None:
    now_s = time.monotonic()
    bright, dark = np.full((240, 320), 200, np.uint8), np.full((240, 320), 60, np.uint8)
    alternating = [Frame(view, now_s, exposure_us=us) for us, view in [(8_333, bright), (1_500, dark)] * 50]
    one = told(watch, alternating)
    one.wait_for_frames(100)
    assert one.source.counters["skipped"] == 100 - 2 * math.ceil(50 / FORCED_EVERY)


def test_exposures_are_forgotten_but_for_two(watch: list[Watched]) -> None:
    wall = np.full((240, 320), 200, np.uint8)
    one = told(watch, [Frame(wall, time.monotonic(), exposure_us=us) for us in (1, 2, 1, 2, 3, 2, 3, 1, 3)])
    one.wait_for_frames(9)
    assert one.source.counters["skipped"] == 5  # all but the first of 1, 2 and 3, and 1 come back after it was forgotten


def test_a_zbar_that_does_not_work_costs_the_second_opinion_only(watch: list[Watched], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zbar, "_CONFIG_BINARY", 4711)  # a setting that no ZBar has: what an old library says to binary mode
    torn = CODE.copy()
    torn[60:110, 60:110] = 128  # located, not read: ZBar is asked
    one = told(watch, [BLANK, torn, torn, CODE])
    assert one.next_change() == SourceChanged("in", SourceState.WORKING)
    warning = one.next_change()
    assert warning.state is SourceState.WORKING  # people are read on
    assert "install libzbar0" in warning.why
    assert "goes on without the second decoder" in warning.why
    assert one.next_reading().data.decode() == CARD
    assert "reopened" not in one.source.snapshot()


def test_a_code_held_up_unread_is_reported(watch: list[Watched]) -> None:
    torn = CODE.copy()
    torn[60:110, 60:110] = 128
    one = told(watch, [torn] * 100_000)  # more than a second, most of it skipped
    while not isinstance(report := one.next(), Unread):
        assert isinstance(report, SourceChanged)
    assert report.lane == "in"


def test_a_held_code_is_reported_with_every_frame_so_that_it_never_counts_as_taken_away(watch: list[Watched]) -> None:
    started_s, frame_s = time.monotonic(), 1 / 3  # at three frames a second, forced looks are further apart than `held_s`
    one = told(watch, [Frame(CODE, started_s + number * frame_s) for number in range(2 * FORCED_EVERY)])
    at_s = [one.next_reading().at_s for _ in range(2 * FORCED_EVERY)]
    assert FORCED_EVERY * frame_s > GateSettings("").held_s > max(later - before for before, later in itertools.pairwise(at_s))


def test_somebody_let_through_is_not_told_to_come_closer(watch: list[Watched]) -> None:
    torn, started_s = CODE.copy(), time.monotonic()
    torn[60:110, 60:110] = 128
    one = told(watch, [Frame(view, started_s + number / 5) for number, view in enumerate([CODE, *[torn] * 60, np.zeros_like(CODE)])])
    one.wait_for_frames(62)
    reports = [one.next() for _ in range(one.reports.qsize())]
    assert any(isinstance(report, Reading) for report in reports)
    assert not any(isinstance(report, Unread) for report in reports)


def test_a_full_queue_drops_what_is_still_in_view_and_counts_it(watch: list[Watched]) -> None:
    one = told(watch, [CODE, 255 - CODE] * 15, size=4)  # unchanged frames would be skipped
    one.wait_for_frames(30)
    assert one.source.counters["dropped"] == 30 - 3  # one place was taken by "working"
    assert [type(one.next()) for _ in range(4)] == [SourceChanged, Reading, Reading, Reading]


def test_pictures_come_to_an_end_once_and_say_so(watch: list[Watched], tmp_path: Path) -> None:
    Image.fromarray(CODE).save(tmp_path / "a.png")
    watch.append(Watched(LaneSettings("in", "in", camera=f"images:{tmp_path}?fps=100")))
    assert watch[0].next() == SourceChanged("in", SourceState.WORKING)
    assert watch[0].next_reading().data.decode() == CARD
    assert watch[0].next_change() == SourceChanged("in", SourceState.ENDED, "no more pictures")
    watch[0].source.kept.join(WAIT_S)


def test_a_folder_without_a_picture_is_a_fault_until_one_comes(watch: list[Watched], tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    watch.append(Watched(LaneSettings("in", "in", camera=f"images:{folder}?fps=100")))
    assert "cannot be opened" in watch[0].next_change().why
    folder.mkdir()
    (folder / "a.png").write_bytes(b"no picture")
    while "holds no picture that can be read" not in watch[0].next_change().why:
        pass
    Image.fromarray(CODE).save(folder / "b.png")
    assert watch[0].next_reading().data.decode() == CARD


def test_a_reader_unplugged_and_plugged_in_again_comes_back(watch: list[Watched], reader: Reader) -> None:
    watch.append(Watched(LaneSettings("in", "in", reader=reader.url)))
    assert watch[0].next_change().state is SourceState.WORKING
    reader.scan(CARD)
    assert watch[0].next_reading().data.decode() == CARD
    reader.unplug()
    fault = watch[0].next_change()
    assert fault.state is SourceState.FAULT
    assert "Plug the reader in again" in fault.why
    assert "no such device" in watch[0].next_change().why
    reader.plug()
    while watch[0].next_change().state is not SourceState.WORKING:
        pass
    reader.scan(CARD)
    reading = watch[0].next_reading()
    assert (reading.data.decode(), reading.method) == (CARD, "serial")


def test_what_a_reader_throws_away_is_counted_and_noticed_once(watch: list[Watched], reader: Reader) -> None:
    watch.append(Watched(LaneSettings("in", "in", reader=f"{reader.url}?max_bytes=100")))
    source = watch[0].source
    assert watch[0].next_change().state is SourceState.WORKING
    assert not source.newly_refused()
    for line in (b"\xff\xfe latin", b"x" * 200, CARD.encode()):
        reader.scan(line)
    watch[0].next_reading()
    assert source.newly_refused()
    assert not source.newly_refused()
    assert (source.snapshot()["refused_binary"], source.snapshot()["refused_oversize"], source.snapshot()["lines"]) == (1, 1, 1)
    reader.unplug()
    assert watch[0].next_change().state is SourceState.FAULT
    assert source.snapshot()["refused_binary"] == 1  # kept past the reopening
    assert not source.newly_refused()


def test_a_code_without_a_line_end_is_noticed_and_noise_is_not(
    watch: list[Watched], reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serial_reader, "_BURST_GAP_S", 0.05)
    watch.append(Watched(LaneSettings("in", "in", reader=reader.url)))
    source = watch[0].source
    assert watch[0].next_change().state is SourceState.WORKING
    for burst, reason, noticed in ((b"\x00\xff", "incomplete", False), (CARD.encode(), "unended", True)):
        reader.send(burst)
        wait_until(lambda reason=reason: f"refused_{reason}" in source.snapshot(), f"{reason} is counted")  # type: ignore[misc]
        assert source.newly_refused() is noticed


def test_a_reader_waits_for_room_in_the_queue_and_loses_nobody(watch: list[Watched], reader: Reader) -> None:
    watch.append(Watched(LaneSettings("in", "in", reader=reader.url), size=2))
    assert watch[0].next_change().state is SourceState.WORKING
    for number in range(20):
        reader.scan(f"line {number}")
    assert [watch[0].next_reading().data for _ in range(20)] == [f"line {number}".encode() for number in range(20)]


def test_a_source_with_a_full_queue_and_nobody_there_still_stops(watch: list[Watched], reader: Reader) -> None:
    watch.append(Watched(LaneSettings("in", "in", reader=reader.url), size=1))
    assert watch[0].next_change().state is SourceState.WORKING
    reader.scan("the queue is full now")
    reader.scan("nobody takes this")
    watch[0].stop()


def test_two_sources_of_one_port_leave_the_first_alone(watch: list[Watched], reader: Reader) -> None:
    watch.append(Watched(LaneSettings("in", "in", reader=reader.url)))
    assert watch[0].next_change().state is SourceState.WORKING
    watch.append(Watched(LaneSettings("out", "out", reader=reader.url)))
    assert "in use by another program" in watch[1].next_change().why
    reader.scan(CARD)
    assert watch[0].next_reading().data.decode() == CARD


def test_a_code_held_before_a_still_view_is_told_again_in_time_for_the_held_window_and_no_more(watch: list[Watched]) -> None:
    began_s = time.monotonic()
    one = told(watch, [Frame(CODE, began_s + number / 100) for number in range(300)], size=400)
    one.wait_for_frames(300)
    at_s = [report.at_s for report in iter_reports(one) if isinstance(report, Reading)]
    gaps_s = [later - before for before, later in pairwise(at_s)]
    assert max(gaps_s) <= 0.2 + 0.02  # the least that gate.held_s may be is 0.5
    assert len(at_s) <= 300 / FORCED_EVERY + 3 / 0.2 + 1


def iter_reports(one: Watched) -> Iterator[Report]:
    with suppress(queue.Empty):
        while True:
            yield one.reports.get(timeout=0)
