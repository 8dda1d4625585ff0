"""`gate-agent gate` and the control socket against a running gate: closed, open, told, and kept through a restart."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import gate_fixtures
import pytest
from gate_world import ROOT, WAIT_S, Enrolled, Reader, RunningGate, SpyIndicator, gate_toml, wait_until

from drivers.indicator import Signal
from edge_agent.device.control import ControlClient, ask, ask_counters
from edge_agent.device.settings import LaneSettings
from firmware import gate_state
from firmware.person_codes import write_person
from province.demo.synthetic import synthetic_people

enrolled, reader = gate_fixtures.enrolled, gate_fixtures.reader


def gate_agent(config: Path, what: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge_agent", "gate", what, "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=60)


def test_a_gate_closed_by_command_stays_closed_until_it_is_opened(enrolled: Enrolled, reader: Reader) -> None:
    lane = {"name": "in", "direction": "in", "reader": reader.url}
    config = gate_toml(enrolled, lane)
    one, other = map(write_person, synthetic_people(2))
    configured = enrolled.settings(LaneSettings(**lane))
    with RunningGate(enrolled, configured):
        SpyIndicator.by_name["gate"].wait_for(Signal.READY)
        assert gate_agent(config, "status").stdout == "open\n"
        closed = gate_agent(config, "close")
        assert (closed.returncode, closed.stdout.split(":")[0]) == (0, "closed by command")
        reader.scan(one)
        SpyIndicator.by_name["gate"].wait_for(Signal.NOT_OPEN)
        SpyIndicator.by_name["gate"].wait_for(Signal.SHUT)
    with RunningGate(enrolled, configured):
        SpyIndicator.by_name["gate"].wait_for(Signal.SHUT)  # which may be shown before the reader is open
        wait_until(lambda: (ask_counters(enrolled.runtime) or {}).get("sources") == {"in": "working"}, "the reader is open")
        reader.scan(one)
        SpyIndicator.by_name["gate"].wait_for(Signal.NOT_OPEN)
        assert gate_agent(config, "open").stdout == "open\n"
        reader.scan(other)
        SpyIndicator.by_name["gate"].wait_for(Signal.ACCEPTED)
        wait_until(lambda: (ask_counters(enrolled.runtime) or {})["presence"]["inside"] == 1, "one is inside")
    assert len(enrolled.passages()) == 1
    nobody = gate_agent(config, "status")
    assert nobody.returncode == 1
    assert "start it with `gate-firmware run`" in nobody.stderr


def test_a_state_that_cannot_be_stored_is_refused_and_changes_nothing(
    enrolled: Enrolled, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url})
    with RunningGate(enrolled, enrolled.settings(LaneSettings("in", "in", reader=reader.url))):
        SpyIndicator.by_name["gate"].wait_for(Signal.READY)
        monkeypatch.setattr(gate_state, "FILE_NAME", "no-such-folder/gate.json")
        refused = gate_agent(config, "close")
        assert refused.returncode == 1
        assert "the gate is as before" in refused.stderr
        assert (ask_counters(enrolled.runtime) or {})["gate"] == "open"


def test_counters_and_answers_find_their_asker_among_other_messages(enrolled: Enrolled, reader: Reader) -> None:
    with RunningGate(enrolled, enrolled.settings(LaneSettings("in", "in", reader=reader.url))):
        SpyIndicator.by_name["gate"].wait_for(Signal.READY)
        with closing(ControlClient(enrolled.runtime, WAIT_S)) as listener:
            assert ask(enrolled.runtime, "close", ("done", "refused")) == {"type": "done"}
            heard: dict[str, Any] = {}
            while heard.get("gate") != "closed":  # told to every listener each second
                heard = listener.receive() or {}
        assert ask(enrolled.runtime, "open-sesame", ("done", "refused")) == {
            "type": "refused",
            "why": "not a request this firmware knows",
        }
    assert ask(enrolled.runtime, "close", ("done", "refused")) is None
