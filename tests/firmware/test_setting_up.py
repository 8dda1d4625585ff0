"""Which codes a gate obeys, and when: a ticket after a press of the set-up button, and nothing else, ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import gate_fixtures
import pytest
from gate_bench import CARD, Bench
from gate_world import WAIT_S, Enrolled, Reader, RunningGate, SpyIndicator, wait_until
from parts_world import Contact, surrounded

from drivers.indicator import Signal
from drivers.switch import Change
from edge_agent.device import control
from edge_agent.device.settings import InputSettings, LaneSettings
from firmware import inputs
from firmware import setting_up as setting_up_of
from firmware.inbox import Inbox
from firmware.setting_up import NOBODY_S, WINDOW_S, SettingUp

enrolled, bench = gate_fixtures.enrolled, gate_fixtures.bench

TICKET = "GATE1:T:" + "A" * 64
OTHERS = ("GATE1:S:CHOCOCLEU", "WIFI:T:WPA;S:cho;P:matkhau;;", "wifi:S:cho;;", "GATE1:X:A")


def test_without_a_press_every_one_of_these_codes_is_no_person_code(bench: Bench) -> None:
    for at_s, code in enumerate((TICKET, *OTHERS)):
        bench.show(code, at_s=10.0 * at_s)
    assert bench.answers() == [Signal.NOT_A_PERSON_CODE] * 5
    assert bench.setting_up.untried() is None
    assert bench.enrolled.passages() == []


def test_after_a_press_a_ticket_is_obeyed_the_others_never_and_people_are_recorded_on(bench: Bench) -> None:
    bench.setting_up.begin()
    for at_s, code in enumerate((*OTHERS, TICKET, CARD)):
        bench.show(code, at_s=10.0 * at_s)
    assert bench.answers() == [*[Signal.NOT_A_PERSON_CODE] * 4, Signal.IDENTIFY, Signal.ACCEPTED]
    assert bench.setting_up.untried() == TICKET
    assert len(bench.enrolled.passages()) == 1


def test_the_ten_minutes_end_by_themselves_and_with_the_ticket_that_works() -> None:
    now_s = [1000.0]
    setting_up = SettingUp(lambda: now_s[0])
    setting_up.begin()
    now_s[0] += WINDOW_S
    assert setting_up.take(TICKET)
    assert not setting_up.tried("GATE1:T:ANOTHER", joined=True)
    assert setting_up.tried(TICKET, joined=False)
    assert setting_up.open
    assert setting_up.take(TICKET)
    assert setting_up.tried(TICKET, joined=True)
    assert not setting_up.open
    assert not setting_up.take(TICKET)
    setting_up.begin()
    assert setting_up.take(TICKET)
    now_s[0] += WINDOW_S + 1
    assert (setting_up.untried(), setting_up.open) == (None, False)


def test_an_agent_that_is_there_is_waited_for_however_long_it_takes_and_each_show_is_answered() -> None:
    now_s = [1000.0]
    setting_up = SettingUp(lambda: now_s[0])
    setting_up.begin()
    assert setting_up.take(TICKET)
    for _second in range(300):  # an operator approves
        now_s[0] += 1
        assert not setting_up.unheard_for_too_long(heard=True)
    for again in range(2):
        seconds = 0
        while not setting_up.unheard_for_too_long(heard=False):
            now_s[0] += 1
            seconds += 1
            assert seconds <= NOBODY_S
        assert seconds == NOBODY_S, again
        assert not setting_up.unheard_for_too_long(heard=False)
        assert setting_up.take(TICKET)


def test_a_gate_without_an_agent_says_that_nobody_was_reached(enrolled: Enrolled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setting_up_of, "NOBODY_S", 0.0)
    reader, button = Reader(tmp_path / "tty"), Contact(tmp_path / "setup")
    lane = LaneSettings("in", "in", reader=reader.url, indicator="spy:in")
    settings = surrounded(enrolled.settings(lane), InputSettings("cài đặt", "setup", button.url))
    with RunningGate(enrolled, settings):
        light = SpyIndicator.by_name["in"]
        wait_until(lambda: reader_works(enrolled), "the reader works")
        button.press()
        light.wait_for(Signal.IDENTIFY)
        reader.scan(TICKET)
        light.wait_for(Signal.NOT_REACHED)
    button.close()
    reader.unplug()


def test_a_text_too_long_to_be_a_ticket_is_not_handed_on() -> None:
    setting_up = SettingUp()
    setting_up.begin()
    assert not setting_up.take("GATE1:T:" + "A" * 2000)


def test_a_press_at_a_running_gate_hands_a_ticket_to_the_agent_until_it_was_tried(enrolled: Enrolled, tmp_path: Path) -> None:
    reader, button = Reader(tmp_path / "tty"), Contact(tmp_path / "setup")
    lane = LaneSettings("in", "in", reader=reader.url, indicator="spy:in")
    settings = surrounded(enrolled.settings(lane), InputSettings("cài đặt", "setup", button.url))
    with RunningGate(enrolled, settings), closing(control.ControlClient(enrolled.runtime, timeout_s=WAIT_S)) as agent:
        light = SpyIndicator.by_name["in"]
        wait_until(lambda: reader_works(enrolled), "the reader works")
        reader.scan(TICKET)
        light.wait_for(Signal.NOT_A_PERSON_CODE)
        button.press()
        light.wait_for(Signal.IDENTIFY)
        reader.scan(TICKET)
        light.wait_for(Signal.IDENTIFY, 2)
        heard: list[str] = []
        while len(heard) < 2:  # it is told again until it was tried
            message = agent.receive()
            assert message is not None
            heard += [text] if (text := control.scanned_ticket(message)) is not None else []
        assert heard == [TICKET, TICKET]
        agent.send(control.tried_message(TICKET, control.Tried.NOT_REACHED))
        light.wait_for(Signal.NOT_REACHED)
        reader.scan(TICKET)
        light.wait_for(Signal.IDENTIFY, 3)
        agent.send(control.tried_message(TICKET, control.Tried.JOINED))
        while (message := agent.receive()) is not None and message.get("set_up") is not False:
            pass  # counters are told each second; those of before the answer say that the ten minutes run
        assert message is not None
        reader.scan("GATE1:T:LATER")
        light.wait_for(Signal.NOT_A_PERSON_CODE, 2)
    button.close()
    reader.unplug()


class Told:
    """A contact that tells these changes and then no more, until it is closed."""

    def __init__(self, *active: bool) -> None:
        self._active, self._closed = active, threading.Event()

    def changes(self) -> Iterator[Change]:
        yield from (Change(active, float(at_s)) for at_s, active in enumerate(self._active))
        self._closed.wait()

    def close(self) -> None:
        self._closed.set()


@pytest.mark.parametrize("changes, pressed", [((True,), False), ((True, False), False), ((True, False, True), True), ((False, True), True)])
def test_a_button_that_is_held_when_the_gate_starts_was_not_pressed(
    monkeypatch: pytest.MonkeyPatch, changes: tuple[bool, ...], pressed: bool
) -> None:
    monkeypatch.setattr(inputs, "open_switch", lambda _url: Told(*changes))
    setting_up, reports = SettingUp(), Inbox()
    button = inputs.Input(InputSettings("cài đặt", "setup", "told:"), reports, setting_up.begin)
    button.kept.start()
    for _ in changes:
        reports.get(timeout=WAIT_S)
    assert setting_up.open is pressed
    button.kept.stop()
    assert button.kept.join(WAIT_S)


def reader_works(enrolled: Enrolled) -> bool:
    counters = control.ask_counters(enrolled.runtime)
    return counters is not None and counters["sources"]["in"] == "working"
