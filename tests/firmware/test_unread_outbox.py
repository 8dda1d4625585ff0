"""A damaged outbox of which the card does not give a sector: the gate is red for half a minute at most, and decides nothing before."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest
from gate_world import Enrolled, Reader, RunningGate, SpyIndicator, add_test_drivers

from drivers.indicator import Signal
from edge_agent.device.settings import LaneSettings
from edge_agent.store.outbox import DAMAGE_NOTE
from edge_agent.wire.entry import Kind
from firmware import gatehouse
from firmware.person_codes import write_person
from province.demo.synthetic import synthetic_people


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """While set, a part of every file that salvage reads is not given."""
    real, bad = os.pread, threading.Event()

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        if bad.is_set() and offset < 20_480 and offset + size > 12_288:
            raise OSError(errno.EIO, "Input/output error")
        return real(descriptor, size, offset)

    monkeypatch.setattr("edge_agent.store.pages.os.pread", pread)
    monkeypatch.setattr(gatehouse, "_LOOK_AGAIN_S", 0.05)
    return bad


@pytest.mark.parametrize("how", ["at the start", "while it is open"])
@pytest.mark.parametrize("for_good", [False, True], ids=["for a moment", "for good"])
def test_what_the_card_does_not_give_is_waited_for_and_then_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unread: threading.Event, how: str, for_good: bool
) -> None:
    add_test_drivers(monkeypatch)
    monkeypatch.setattr(gatehouse, "_UNREAD_IS_LOST_S", 0.2 if for_good else 1e9)
    enrolled = Enrolled(tmp_path / "state", tmp_path / "run")
    reader = Reader(tmp_path / "reader")
    configured = enrolled.settings(LaneSettings("in", "in", reader=reader.url, indicator="spy:in"))
    people = synthetic_people(13)

    def let_pass(light: SpyIndicator, some: range) -> None:
        for place in some:
            before = light.count(Signal.ACCEPTED)
            reader.scan(write_person(people[place]))
            light.wait_for(Signal.ACCEPTED, before + 1)

    def note_damage() -> None:
        unread.set()
        enrolled.outbox.with_name(enrolled.outbox.name + DAMAGE_NOTE).touch()

    with RunningGate(enrolled, configured):
        light = SpyIndicator.by_name["in"]
        light.wait_for(Signal.READY)
        let_pass(light, range(12))
        if how == "while it is open":
            note_damage()
            light.wait_for(Signal.FAULT)
            if not for_good:
                unread.clear()
            light.wait_for(Signal.READY, 2)
            assert Signal.REFUSED not in light.shown, "the agent's note is seen before anybody comes"
            let_pass(light, range(12, 13))
    if how == "at the start":
        note_damage()
        if not for_good:
            threading.Timer(0.3, unread.clear).start()
        with RunningGate(enrolled, configured):
            light = SpyIndicator.by_name["in"]
            assert light.shown[1] is Signal.FAULT
            light.wait_for(Signal.READY)
            let_pass(light, range(12, 13))
    reader.unplug()
    assert Kind.SALVAGE in enrolled.kinds()
    there = {passage.person.id_number for passage in enrolled.passages()}
    missing = {person.id_number for person in people} - there
    assert len(missing) in (range(1, 9) if for_good else range(1))
