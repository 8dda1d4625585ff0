"""The heart of the gate: takes what the lanes report, one at a time, and answers each person after their entry is on disk.

Source: design.md "The way of a record". One thread, one bounded queue; nothing here waits for the network.
"""

from __future__ import annotations

import logging
import queue
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from drivers.indicator import Signal
from edge_agent.entry import Clock, Direction, Kind, Known, Method
from edge_agent.settings import Settings
from firmware.aim import Advice
from firmware.feedback import Feedback
from firmware.gate import Gate, Verdict
from firmware.outbox_care import OutboxCare, Repair
from firmware.person_codes import NotAPersonCode, Person, read_person_bytes
from firmware.person_codes.masking import mask_name, mask_number
from firmware.reading import Reading, Report, SourceChanged, SourceState, Unread
from firmware.recording import Kept, Recording
from firmware.repeat_window import RepeatWindow
from firmware.time_sense import TimeSense
from firmware.trouble import where

log = logging.getLogger(__name__)
_TICK_S = 1.0
_ADVICE = {Advice.CLOSER: Signal.CLOSER, Advice.HOLD_STILL: Signal.HOLD_STILL, Advice.UNREADABLE: Signal.UNREADABLE}
_TRUST = {Clock.UNKNOWN: 0, Clock.RTC: 1, Clock.SYNCHRONISED: 2}


class Consumer:
    """Answers people, one reading at a time.

    Args:
        settings: lanes, times and limits.
        reports: what the lanes report.
        recording: records.
        feedback: answers.
        time_sense: the clock, watched for becoming known.
        repair: see `OutboxCare`.
        tell: publishes live passages; must return at once.
    """

    def __init__(
        self,
        settings: Settings,
        reports: queue.Queue[Report],
        recording: Recording,
        feedback: Feedback,
        time_sense: TimeSense,
        repair: Repair,
        tell: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._directions = {lane.name: Direction(lane.direction) for lane in settings.lanes}
        self._held = {lane.name: RepeatWindow(settings.gate.held_s) for lane in settings.lanes}
        self._reports = reports
        self._gate = Gate(settings.gate.repeat_s)
        self._recording = recording
        self._feedback = feedback
        self._time_sense = time_sense
        self._outbox = OutboxCare(recording, repair, settings.outbox.note_percent, self._settle)
        self._tell = tell
        self._told: dict[str, tuple[SourceState, str]] = {}
        self._clock = time_sense.now().clock
        self._next_tick_s = 0.0
        self.answers: Counter[str] = Counter()

    def take_one(self) -> bool:
        """Handles the next report, or the passing of time when none comes, and says whether a second has passed."""
        try:
            report = self._reports.get(timeout=max(0.0, self._next_tick_s - time.monotonic()))
        except queue.Empty:
            report = None
        try:
            self._handle(report)
        except Exception as error:  # noqa: BLE001 - one code that we stumble over must not close the gate for everybody
            self._stumbled(report, error)
        ticks = time.monotonic() >= self._next_tick_s
        try:
            self._outbox.repair_when_due()
            if ticks:
                self._tick()
        except Exception as error:  # noqa: BLE001 - as above
            self._stumbled(None, error)
        return ticks

    def note(self, kind: Kind, facts: Mapping[str, str | int]) -> None:
        """Records something about the device; when that fails the gate goes on, shows it, and records it as soon as it can."""
        self._outbox.note(kind, facts)

    def not_a_code(self, lane: str) -> None:
        """Answers somebody whose code the reader itself threw away."""
        self._answer(lane, Signal.NOT_A_PERSON_CODE)

    def counters(self) -> dict[str, Any]:
        """How the gate is, for the agent and for tools: counts only, never a person."""
        return {
            "type": "counters",
            "answers": dict(self.answers),
            "sources": self._feedback.sources(),
            "lights": self._feedback.lights(),
            "clock": str(self._clock),
            "outbox_fullness": round(self._outbox.fullness, 4),
            "queue": self._reports.qsize(),
        }

    def _handle(self, report: Report | None) -> None:
        match report:
            case Reading():
                self._read(report)
            case Unread(lane, advice):
                self._answer(lane, _ADVICE[advice])
            case SourceChanged(lane, state, why):
                self._log_source(lane, state, why)
                self._feedback.source_is(lane, state)
                self._settle()
            case None:
                self._outbox.tidy()

    def _log_source(self, lane: str, state: SourceState, why: str) -> None:
        if self._told.get(lane) != (state, why):  # a reader that stays away fails at each reopening: said once
            self._told[lane] = (state, why)
            log.log(logging.WARNING if why else logging.INFO, "lane %s: %s %s", lane, state, why)

    def _stumbled(self, report: Report | None, error: Exception) -> None:
        log.error("unexpected %s; please report it", where(error))
        self.answers["unexpected"] += 1
        if isinstance(report, Reading):
            self._answer(report.lane, Signal.REFUSED)

    def _tick(self) -> None:
        self._next_tick_s = time.monotonic() + _TICK_S
        before, self._clock = self._clock, self._time_sense.now().clock
        if _TRUST[self._clock] > _TRUST[before]:
            self.note(Kind.CLOCK, {"clock": str(self._clock)})
        self._outbox.look()
        self._settle()

    def _settle(self) -> None:
        self._feedback.settle(full=self._outbox.full, broken=self._outbox.broken, note=self._outbox.nearly_full)

    def _answer(self, lane: str, signal: Signal) -> None:
        self._feedback.answer(lane, signal)
        self.answers[str(signal)] += 1

    def _read(self, reading: Reading) -> None:
        if reading.method == "camera" and self._held[reading.lane].saw(reading.data.hex(), reading.at_s):
            return  # the same code, still held up: it has had its answer (a reader sends a line only when it is triggered)
        try:
            person = read_person_bytes(reading.data)
        except NotAPersonCode as refusal:
            log.info("lane %s: not a person code (%s)", reading.lane, refusal.reason)
            self._answer(reading.lane, Signal.NOT_A_PERSON_CODE)
            return
        direction = self._directions[reading.lane]
        if self._gate.judge(person, direction, reading.at_s) is Verdict.ALREADY:
            self._answer(reading.lane, Signal.ALREADY)
            return
        self._record(reading, person, direction)

    def _record(self, reading: Reading, person: Person, direction: Direction) -> None:
        kept = self._outbox.record(lambda: self._recording.passage(person, direction, Known.LANE, Method(reading.method)))
        if kept is None:
            self._answer(reading.lane, Signal.REFUSED)
            return
        self._answer(reading.lane, Signal.ACCEPTED)  # recorded before green: the entry is on disk
        scan_to_green_ms = (time.monotonic() - reading.at_s) * 1000
        self._gate.recorded(person, direction, reading.at_s)
        self._outbox.works_again()
        self._tell(_passage(reading.lane, person, direction, kept, scan_to_green_ms))


def _passage(lane: str, person: Person, direction: Direction, kept: Kept, scan_to_green_ms: float) -> dict[str, Any]:
    """What listeners on this device learn of a passage: masked, and in memory only."""
    return {
        "type": "passage",
        "lane": lane,
        "direction": str(direction),
        "log": kept.recorded.log.hex(),
        "seq": kept.recorded.seq,
        "masked": {"name": mask_name(person.name), "number": mask_number(person.id_number)},
        "green_ms": time.time_ns() // 1_000_000,
        "scan_to_green_ms": round(scan_to_green_ms, 3),
    }
