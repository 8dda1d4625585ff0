"""The heart of the gate: takes what the parts report, one at a time, and sees to what time brings: clock, outbox, lights.

Source: design.md "The way of a record". One thread, one bounded inbox; nothing here waits for the network.
"""

from __future__ import annotations

import logging
import queue
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from drivers.indicator import Signal
from edge_agent.base.trouble import where
from edge_agent.device.settings import Settings
from edge_agent.device.station_words import Verdict, WhyRefused, declared_message
from edge_agent.wire.entry import Clock, Kind
from edge_agent.wire.keyring import day_of
from firmware.aim import Advice
from firmware.allowance import Facts
from firmware.attendant import Attendant
from firmware.desk import Desk
from firmware.directions import LaneRule
from firmware.feedback import Feedback
from firmware.gate import Gate
from firmware.gate_rules import rules_of
from firmware.gate_state import GateState
from firmware.happenings import Happenings
from firmware.inbox import Inbox
from firmware.judgement import Moment
from firmware.noted import Noted
from firmware.outbox_care import OutboxCare, Repair
from firmware.reader_tests import ReaderTests
from firmware.reading import Declared, Pulse, Reading, Report, SourceChanged, Switched, TripOrder, Unread
from firmware.recording import Recording
from firmware.said_once import SaidOnce
from firmware.setting_up import SettingUp
from firmware.time_sense import TimeSense
from firmware.watched_trust_list import WatchedTrustList

log = logging.getLogger(__name__)
_TICK_S = 1.0
_ADVICE = {Advice.CLOSER: Signal.CLOSER, Advice.HOLD_STILL: Signal.HOLD_STILL, Advice.UNREADABLE: Signal.UNREADABLE}
_BUTTONS = ("direction", "keeper", "setup")
_TRUST = {Clock.UNKNOWN: 0, Clock.RTC: 1, Clock.SYNCHRONISED: 2}


@dataclass(frozen=True, slots=True)
class Parts:
    """What the consumer works with.

    Attributes:
        recording: records.
        feedback: answers.
        time_sense: the clock, watched for becoming known.
        gate_state: whether an operator has closed the gate.
        happenings: what the contacts mean.
        setting_up: when a ticket is obeyed.
        tests: of readers.
    """

    recording: Recording
    feedback: Feedback
    time_sense: TimeSense
    gate_state: GateState
    happenings: Happenings
    setting_up: SettingUp
    tests: ReaderTests


class Consumer:
    """Handles one report at a time.

    Args:
        settings: lanes, times and limits.
        reports: what lanes and contacts report.
        parts: what it works with.
        repair: see `OutboxCare`.
        tell: publishes live passages; must return at once.

    Raises:
        TrustListError: the list of those who may sign health passes cannot be read any more.
    """

    def __init__(
        self,
        settings: Settings,
        reports: Inbox,
        parts: Parts,
        repair: Repair,
        tell: Callable[[Mapping[str, Any]], object],
    ) -> None:
        self._reports = reports
        self._feedback = parts.feedback
        self._time_sense = parts.time_sense
        self._gate_state = parts.gate_state
        self._happenings = parts.happenings
        self._tests = parts.tests
        self._outbox = OutboxCare(parts.recording, repair, settings.outbox.note_percent, self._settle)
        self._gate = Gate(rules_of(settings.gate, settings.lanes))
        self._trust = WatchedTrustList(Path(settings.gate.trust_list) if settings.gate.trust_list else None)
        self._attendant = Attendant(
            self._gate,
            self._trust,
            settings.gate.held_s,
            self._outbox,
            self.moment,
            self._answer,
            tell,
            parts.setting_up.take,
        )
        self._desk = Desk(self._gate, self._outbox, self.moment, tell)
        self._keeps_out = (False, False)  # the outbox, the hours or a command
        self._said, self._noted = SaidOnce("lane"), Noted()
        self._stumbling: dict[str, str] = {}  # where the steps of each second stumble now, by step
        self._look_at_clock()
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
        self._step("repair", self._outbox.repair_when_due)
        if ticks:
            self._tick()
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
            "wall_ms": self._wall_ms,
            "outbox": self._outbox.counters(),
            "outbox_fullness": round(self._outbox.fullness, 4),
            "queue": self._reports.qsize(),
            "gate": "closed"
            if self._gate_state.closed
            else "out-of-hours"
            if self._gate.is_shut(self.moment(time.monotonic()))
            else "open",
            "presence": self._gate.presence(),
            "sent_to_keeper": dict(self._gate.sent_to_keeper),
            "reader_test": self._tests.lane,
            "reader_tested_s": self._tests.last_hour_s,
            **self._noted.told(),
        }

    def moment(self, at_s: float) -> Moment:
        """What the gate needs to know at a time, monotonic seconds; its wall time is at most a second old."""
        return Moment(at_s, None if self._clock is Clock.UNKNOWN else self._wall_ms, self._gate_state.closed)

    @property
    def lanes(self) -> Mapping[str, LaneRule]:
        """The gate's lanes, by name."""
        return self._gate.rules.lanes

    @property
    def has_trips(self) -> bool:
        """Whether there are trips that an operator may order."""
        return self._happenings.has_trips

    def today(self, at_s: float) -> date | None:
        """The day in Vietnam; None while the clock is not trusted."""
        wall_ms = self.moment(at_s).wall_ms
        return None if wall_ms is None else day_of(wall_ms)

    def _handle(self, report: Report | None) -> None:
        match report:
            case Reading() | Unread() | Declared():
                self._somebody(report)
            case Switched(name):
                if report.is_press and self._happenings.role(name) in _BUTTONS:
                    self._gate.pressed(name, report.at_s)  # means nothing where it is the set-up button
                    self._attendant.look_again(report.at_s)
                self._happened(self._happenings.switched(report))
                self._settle()
            case TripOrder():
                self._happened(self._happenings.ordered(report, time.monotonic()))
            case SourceChanged(lane, state, why):
                self._said.say(lane, state, why)
                self._noted.source_is(lane, why)
                self._feedback.source_is(lane, state)
                self._settle()
            case Pulse(arrived):
                self._outbox.look()
                arrived()
            case None:
                self._outbox.tidy()

    def _somebody(self, report: Reading | Unread | Declared) -> None:
        match report:
            case Reading(lane, at_s=at_s) if self._tests.takes(lane, at_s):
                if self._tests.shown(report):
                    self._answer(lane, Signal.TESTED)
            case Reading():
                self._attendant.attend(report)
            case Unread(lane, advice):
                self._answer(lane, _ADVICE[advice])
            case Declared():
                self._desk.take(report)

    def _happened(self, events: Sequence[Facts]) -> None:
        for facts in events:
            self.note(Kind.EVENT, facts)

    def _stumbled(self, report: Report | None, error: Exception) -> None:
        log.error("unexpected %s; please report it", where(error))
        self.answers["unexpected"] += 1
        if isinstance(report, Reading):
            self._answer(report.lane, Signal.REFUSED)
        if isinstance(report, Declared):
            report.answer(declared_message(report.declaration.ref, Verdict.REFUSED, WhyRefused.UNEXPECTED))

    def _step(self, name: str, work: Callable[[], None]) -> None:
        """Does what comes round again and again; where it stumbles, the other steps are done all the same, and it is said once."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - what one step stumbles over must not keep the gate from the others
            self.answers["unexpected"] += 1
            if self._stumbling.get(name) != (trouble := where(error)):
                self._stumbling[name] = trouble
                log.error("unexpected %s; please report it", trouble)  # noqa: TRY400 - a traceback could hold data
        else:
            self._stumbling.pop(name, None)

    def _tick(self) -> None:
        self._next_tick_s = time.monotonic() + _TICK_S
        self._step("clock", self._see_clock)
        self._step("gate", lambda: self._gate.tidy(self.moment(time.monotonic())))
        self._step("happenings", lambda: self._happened(self._happenings.tick(time.monotonic())))
        self._step("trust", self._trust.look_again)
        self._step("outbox", self._outbox.look)
        self._step("tests", self._tests.tidy)
        self._step("lights", self._settle)

    def _see_clock(self) -> None:
        before = self._clock
        self._look_at_clock()
        if _TRUST[self._clock] > _TRUST[before]:
            self.note(Kind.CLOCK, {"clock": str(self._clock)})

    def _look_at_clock(self) -> None:
        now = self._time_sense.now()
        self._clock, self._wall_ms = now.clock, now.wall_ms

    def _settle(self) -> None:
        now = self.moment(time.monotonic())
        self._feedback.quiet(self._gate.rules.quiet(now.wall_ms))
        self._feedback.inside(self._gate.presence()["inside"] if self._gate.rules.counts else None)
        note = self._outbox.nearly_full or self._happenings.tampered
        shut = self._gate.shut_lanes(now) | ({tested} if (tested := self._tests.lane) is not None else frozenset())
        self._feedback.settle(full=self._outbox.full, broken=self._outbox.broken, note=note, shut=shut)
        before, self._keeps_out = self._keeps_out, (self._outbox.full or self._outbox.broken, bool(shut))
        if any(was and not still for was, still in zip(before, self._keeps_out, strict=True)):
            self._attendant.look_again()

    def _answer(self, lane: str, signal: Signal, opens: bool = False) -> None:
        self._feedback.answer(lane, signal, opens=opens)
        self._noted.answered(lane, signal)
        self.answers[str(signal)] += 1
