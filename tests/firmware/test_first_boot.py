"""Before it first opens, a gate tests itself: once, in silence, bounded, and it opens whatever comes of it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import gate_fixtures
import pytest
from gate_run import Gate
from gate_world import ROOT, Enrolled, Reader, gate_toml, wait_until

from drivers.indicator import Signal
from drivers.signal_words import shape_and_words
from edge_agent.device.identity import FOLDER, SIGNING_KEY, TLS_KEY
from firmware import check_result
from firmware.configuration import load_settings
from firmware.first_boot import try_once, try_parts
from firmware.verdict import Scope, Verdict

enrolled, reader = gate_fixtures.enrolled, gate_fixtures.reader

WAITS, LOOK_AT_ME = (shape_and_words(signal)[2] for signal in (Signal.WAITING, Signal.WAITING_WITH_FAULT))
STATUS = [sys.executable, "-m", "edge_agent", "status"]
CARD = "001099012345||Nguyễn Văn A|15031999|Nam||10052021"


class Gates:
    """Gates that are gone at the test's end."""

    def __init__(self) -> None:
        self._gates: list[Gate] = []

    def start(self, config: Path, *, first: bool = True) -> Gate:
        self._gates.append(Gate(config, first=first))
        return self._gates[-1]

    def end(self) -> None:
        for gate in self._gates:
            gate.kill()


@pytest.fixture
def gates() -> Iterator[Gates]:
    gates = Gates()
    yield gates
    gates.end()


def test_a_gate_tests_itself_once_tells_its_faults_and_opens(gates: Gates, enrolled: Enrolled, reader: Reader) -> None:
    absent = {"name": "out", "direction": "out", "reader": "serial:/dev/nope"}
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url}, absent)
    gate = gates.start(config)
    gate.err.wait_for('self-test: reader of lane "out": fault')
    gate.err.wait_for("lane in: working")
    reader.scan(CARD)
    gate.out.wait_for("accepted")
    assert gate.stop() == 0
    file = enrolled.state / "check.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = {finding["part"]: finding["verdict"] for finding in json.loads(file.read_text("utf-8"))["findings"]}
    assert (found['reader of lane "in"'], found['reader of lane "out"']) == ("ok", "fault")
    told = [line for line in gate.err.text().splitlines() if "self-test: " in line and ": fault: " in line]
    assert len(told) == list(found.values()).count("fault")
    before = file.stat().st_mtime_ns
    gate = gates.start(config)
    gate.err.wait_for("lane in: working")
    assert gate.stop() == 0
    assert "self-test" not in gate.err.text()
    assert file.stat().st_mtime_ns == before


@pytest.fixture
def member(enrolled: Enrolled) -> Path:
    """The files of a member, away: the device is nobody's."""
    away = enrolled.state.with_name("member")
    enrolled.state.rename(away)
    return away


def join(member: Path, state: Path) -> None:
    """What the agent does on a welcome; the documents come last."""
    for file in sorted(member.iterdir(), key=lambda file: file.is_file()):
        file.rename(state / file.name)


def found_in(state: Path) -> tuple[Scope, dict[str, Verdict]]:
    result = check_result.kept(state)
    return result.scope, {finding.part: finding.verdict for finding in result.findings}


def test_a_device_that_is_nobodys_tests_its_parts_then_waits_and_tests_the_rest_when_it_has_joined(
    gates: Gates, enrolled: Enrolled, member: Path, reader: Reader
) -> None:
    gate = gates.start(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url}))
    gate.out.wait_for(WAITS)
    scope, found = found_in(enrolled.state)
    assert (scope, found["identity"], found['reader of lane "in"']) == (Scope.PARTS, Verdict.SKIPPED, Verdict.OK)
    assert not {"keyring", "certificate", "clock", "broker"} & found.keys()
    assert LOOK_AT_ME not in "".join(gate.out.lines)
    reader.unplug()
    gate.out.wait_for("fault")
    join(member, enrolled.state)
    gate.out.wait_for("joined")
    gate.err.wait_for(str(enrolled.state / "check.json"), 2)
    assert gate.stop() == 0
    scope, joined = found_in(enrolled.state)
    assert (scope, joined["identity"], joined["keyring"], joined["clock"]) == (Scope.WHOLE, Verdict.OK, Verdict.OK, Verdict.OK)
    assert joined['reader of lane "in"'] is Verdict.OK  # from before: it was not tested twice
    gate = gates.start(enrolled.state.parent / "gate.toml")
    gate.out.wait_for("fault")
    assert gate.stop() == 0
    assert "self-test" not in gate.err.text()


def test_a_part_at_fault_shows_while_the_device_waits_and_a_start_tests_it_anew_until_it_is_well(
    gates: Gates, enrolled: Enrolled, member: Path, reader: Reader, tmp_path: Path
) -> None:
    assert member.is_dir()
    button = tmp_path / "absent" / "button"
    late = Reader(tmp_path / "late", plugged=False)
    lanes = {"name": "in", "direction": "in", "reader": reader.url}, {"name": "out", "direction": "out", "reader": late.url}
    config = gate_toml(enrolled, *lanes, more=f'[[input]]\nname = "key"\nrole = "keeper"\nswitch = "fifo:{button}"\n')
    gate = gates.start(config)
    gate.err.wait_for('self-test: reader of lane "out": fault')
    gate.err.wait_for("self-test: input[0].switch: fault")
    gate.out.wait_for(LOOK_AT_ME)
    told = subprocess.run([*STATUS, "--config", config], capture_output=True, text=True, cwd=ROOT, check=False).stdout
    assert "2 at fault; what needs an identity is tested when it has joined" in told
    assert "          input[0].switch: " in told
    reader.scan("GATE1:T:" + "A" * 64)
    gate.out.wait_for("identify")  # its ticket is read all the same
    late.plug()
    gate.err.wait_for("lane out: working")
    assert WAITS not in "".join(gate.out.lines)  # the contact is still away
    assert gate.stop() == 0
    button.parent.mkdir()
    gate = gates.start(config)
    gate.out.wait_for(WAITS)
    assert gate.stop() == 0
    assert set(found_in(enrolled.state)[1].values()) <= {Verdict.OK, Verdict.NOTE, Verdict.SKIPPED}
    gate = gates.start(config)
    gate.out.wait_for(WAITS)
    assert gate.stop() == 0
    assert "self-test" not in gate.err.text()
    late.unplug()


def test_a_reader_that_comes_late_ends_the_look_at_me(
    gates: Gates, enrolled: Enrolled, member: Path, reader: Reader, tmp_path: Path
) -> None:
    assert member.is_dir()
    late = Reader(tmp_path / "late", plugged=False)
    lanes = {"name": "in", "direction": "in", "reader": reader.url}, {"name": "out", "direction": "out", "reader": late.url}
    gate = gates.start(gate_toml(enrolled, *lanes))
    gate.out.wait_for(LOOK_AT_ME)
    late.plug()
    gate.err.wait_for("lane out: working")
    gate.out.wait_until(lambda: WAITS in gate.out.lines[-1])
    assert gate.stop() == 0
    late.unplug()


def test_a_key_that_others_could_read_before_the_first_start_is_noted(gates: Gates, enrolled: Enrolled, reader: Reader) -> None:
    (enrolled.state / FOLDER / SIGNING_KEY).chmod(0o666)
    (enrolled.state / FOLDER / TLS_KEY).touch(0o600)
    gate = gates.start(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url}))
    gate.out.wait_for("ready")
    assert gate.stop() == 0
    [told] = [finding for finding in check_result.kept(enrolled.state).findings if finding.part == "private files"]
    assert (told.verdict, told.detail.partition(":")[0]) == (Verdict.NOTE, "signing.key has mode 666")


def never_answers(tmp_path: Path) -> str:
    """The URL of a module that is asked for its state and says nothing: its test takes seconds."""
    ours, theirs = os.openpty()
    (tmp_path / "mute").symlink_to(os.ttyname(theirs))
    assert ours >= 0
    return f"serial:{tmp_path / 'mute'}?module=gm65"


def test_a_test_that_takes_too_long_is_ended_and_that_is_its_result(
    gates: Gates, enrolled: Enrolled, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = load_settings(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": never_answers(tmp_path)}))
    try_once(settings, threading.Event(), at_most_s=0.3)
    [finding] = check_result.kept(enrolled.state).findings
    assert (finding.part, finding.detail) == ("self-test", "not done within 0.3 s")
    assert "not done within 0.3 s" in caplog.text
    after = gates.start(settings.source, first=False)  # the lock is free again
    after.out.wait_for("starting")
    assert after.stop() == 0


def test_a_part_that_hangs_before_the_ticket_is_told_and_the_rest_is_tested_after_it(enrolled: Enrolled, tmp_path: Path) -> None:
    settings = load_settings(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": never_answers(tmp_path)}))
    assert try_parts(settings, threading.Event(), at_most_s=0.3) == {"self-test"}
    assert found_in(enrolled.state) == (Scope.PARTS, {"self-test": Verdict.FAULT})
    try_once(settings, threading.Event())
    scope, found = found_in(enrolled.state)
    assert (scope, found["identity"], found["self-test"]) == (Scope.WHOLE, Verdict.OK, Verdict.FAULT)
    assert 'reader of lane "in"' not in found


def test_a_gate_told_to_stop_or_killed_while_it_tests_itself_leaves_nobody_behind(gates: Gates, enrolled: Enrolled, tmp_path: Path) -> None:
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": never_answers(tmp_path)})
    gate = gates.start(config)
    gate.err.wait_for("the gate tests itself")
    wait_until(lambda: who_tests(config) is not None, "the self-test runs")
    assert gate.stop() == 0
    assert who_tests(config) is None
    assert not check_result.result_file(enrolled.state).exists()  # the next start tests
    gate = gates.start(config)
    wait_until(lambda: who_tests(config) is not None, "the self-test runs")
    gate.kill()
    wait_until(lambda: who_tests(config) is None, "the self-test went with its gate")


def who_tests(config: Path) -> str | None:
    """The process that tests with this configuration."""
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"firmware.first_boot" in words and str(config).encode() in words:
            return process.parent.name
    return None


def test_a_result_that_cannot_be_kept_keeps_no_gate_shut(gates: Gates, enrolled: Enrolled, reader: Reader) -> None:
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url})
    (enrolled.state / "check.json.new").mkdir()  # where it would be written first
    gate = gates.start(config)
    gate.err.wait_for("self-test: fault: no result")
    gate.out.wait_for("ready")
    assert gate.stop() == 0
