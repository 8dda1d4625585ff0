"""A consumer on the test bench: a real outbox, real keys, a light that remembers, clocks in the test's hands."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import count
from typing import Any

from gate_world import DAY_MS, Enrolled, SpyIndicator, now_ms

from drivers import system_clock
from drivers.indicator import Signal
from drivers.patterns import PATTERNS
from edge_agent.device.settings import LaneSettings, Settings
from edge_agent.device.stored_keyring import WatchedKeyring
from edge_agent.wire.entry import Clock
from firmware.consumer import Consumer, Parts
from firmware.feedback import Feedback
from firmware.gate_state import GateState
from firmware.gatehouse import open_recorder
from firmware.inbox import Inbox
from firmware.person_codes import Person, write_person
from firmware.reader_tests import ReaderTests
from firmware.reading import Method as ReadBy
from firmware.reading import Reading, Report, SourceChanged, SourceState
from firmware.recording import Recording
from firmware.setting_up import SettingUp
from firmware.surroundings import Surroundings
from firmware.time_sense import TimeSense
from province.demo.synthetic import synthetic_people

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
        self.reports = Inbox()
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
        boot = system_clock.boot_id()
        self.setting_up = SettingUp()
        self.surroundings = Surroundings(self.settings, self.reports, boot, self.sense.now, {})
        self.recording = Recording(who, open_recorder(self.settings)[0], keyring, self.sense, boot, self.surroundings)
        self.gate_state = GateState(enrolled.state)
        happenings = self.surroundings.happenings
        self.tests = ReaderTests([lane.name for lane in self.settings.lanes], self.settings.gate.held_s)
        parts = Parts(self.recording, self.feedback, self.sense, self.gate_state, happenings, self.setting_up, self.tests)
        self.consumer = Consumer(self.settings, self.reports, parts, self.repair, self.told.append)

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
        self.consumer._next_tick_s = self.consumer._outbox._repair_at_s = 0.0
        self.take(SourceChanged("in", SourceState.WORKING))

    def answers(self) -> list[Signal]:
        return [signal for signal in self.light.shown if not PATTERNS[signal].is_state]

    def state(self) -> Signal:
        return [signal for signal in self.light.shown if PATTERNS[signal].is_state][-1]

    def close(self) -> None:
        self.feedback.close()
        self.recording.recorder.close()


def codes(count: int, seed: int = 1) -> list[tuple[Person, str]]:
    return [(person, write_person(person)) for person in synthetic_people(count, seed)]
