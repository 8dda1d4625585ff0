"""What an installer sees of a device that is nobody's yet: that it waits, whether it can read, and what came of each ticket."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import gate_fixtures
import pytest
from gate_world import WAIT_S, Enrolled, Reader, SpyIndicator, wait_until

from drivers.indicator import Signal
from edge_agent.device.control import ControlClient, Tried, ask_counters, came_of, scanned_ticket, tried_message
from edge_agent.device.identity import Identity
from edge_agent.device.settings import LaneSettings
from firmware import setting_up
from firmware.setting_up import SIGNALS
from firmware.unenrolled import Unenrolled

enrolled, reader = gate_fixtures.enrolled, gate_fixtures.reader
TICKET, LATER = "GATE1:T:" + "A" * 64, "GATE1:T:" + "B" * 64


class Waiting:
    """A device that waits, in a thread, with its state folder out of the way."""

    def __init__(self, enrolled: Enrolled, url: str) -> None:
        self.member = enrolled.state.with_name("member")
        enrolled.state.rename(self.member)
        enrolled.state.mkdir()
        self.state, self.stopping = enrolled.state, threading.Event()
        self.found: list[Identity | None] = []
        self._gate = Unenrolled(enrolled.settings(LaneSettings("in", "in", reader=url)), self.stopping)
        self.light = SpyIndicator.by_name["gate"]
        self._thread = threading.Thread(target=lambda: self.found.append(self._gate.wait()))
        self._thread.start()

    def join_province(self) -> None:
        """What the agent does on a welcome; the documents come last."""
        for file in sorted(self.member.iterdir(), key=lambda file: file.is_file()):
            shutil.move(file, self.state / file.name)

    def ended(self) -> bool:
        self._thread.join(WAIT_S)
        return not self._thread.is_alive()


@pytest.fixture
def waiting(enrolled: Enrolled, reader: Reader) -> Iterator[Waiting]:
    waiting = Waiting(enrolled, reader.url)
    yield waiting
    waiting.stopping.set()
    assert waiting.ended()


def scan(waiting: Waiting, reader: Reader, agent: ControlClient, text: str, count: int) -> None:
    """Shows a ticket until the agent has it."""
    reader.scan(text)
    waiting.light.wait_for(Signal.IDENTIFY, count)
    while (message := agent.receive()) is not None and scanned_ticket(message) != text:
        pass


def test_what_came_of_a_ticket_is_one_answer_each_and_the_device_waits_on(waiting: Waiting, reader: Reader, enrolled: Enrolled) -> None:
    waiting.light.wait_for(Signal.WAITING)
    wait_until(lambda: (ask_counters(enrolled.runtime) or {}).get("sources") == {"in": "working"}, "the reader works")
    with closing(ControlClient(enrolled.runtime, WAIT_S)) as agent:
        failures = [tried for tried in Tried if tried is not Tried.JOINED]
        for count, tried in enumerate(failures, start=1):
            text = f"{TICKET}{count}"
            scan(waiting, reader, agent, text, count)
            agent.send(tried_message(text, tried))
            waiting.light.wait_for(SIGNALS[tried])
        assert waiting.light.count(Signal.WAITING) == 1
        scan(waiting, reader, agent, LATER, len(failures) + 1)
        agent.send(tried_message(TICKET, Tried.REFUSED))  # of a ticket that was overtaken by a later one
        agent.send(tried_message(LATER, Tried.JOINED))
        waiting.join_province()
        waiting.light.wait_for(Signal.JOINED)
    assert waiting.ended()
    assert [str(one.name) for one in waiting.found if one is not None] == ["cho-lon/gate-1"]
    assert waiting.light.count(Signal.TICKET_REFUSED) == 1


def test_a_ticket_that_no_agent_takes_is_answered_and_kept_for_the_agent_that_comes(
    waiting: Waiting, reader: Reader, enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setting_up, "NOBODY_S", 0.0)
    waiting.light.wait_for(Signal.WAITING)
    wait_until(lambda: (ask_counters(enrolled.runtime) or {}).get("sources") == {"in": "working"}, "the reader works")
    reader.scan(TICKET)
    waiting.light.wait_for(Signal.NOT_REACHED)
    with closing(ControlClient(enrolled.runtime, WAIT_S)) as agent:
        heard = agent.receive()
        assert heard is not None
        assert scanned_ticket(heard) == TICKET
        agent.send(tried_message(TICKET, Tried.REFUSED))
        waiting.light.wait_for(Signal.TICKET_REFUSED)
    assert waiting.light.count(Signal.NOT_REACHED) == 1


def test_without_a_reader_it_is_at_fault_and_waits_when_there_is_one(enrolled: Enrolled, tmp_path: Path) -> None:
    reader = Reader(tmp_path / "later", plugged=False)
    waiting = Waiting(enrolled, reader.url)
    waiting.light.wait_for(Signal.FAULT)
    reader.plug()
    waiting.light.wait_for(Signal.WAITING, 2)
    waiting.stopping.set()
    assert waiting.ended()
    assert waiting.found == [None]
    reader.unplug()


@pytest.mark.parametrize("message", [{}, {"tried": None}, {"tried": "maybe"}, {"tried": ["joined"]}, {"joined": True}])
def test_what_cannot_be_understood_of_the_agent_is_a_failure(message: dict[str, object]) -> None:
    assert came_of(message) is Tried.FAILED
