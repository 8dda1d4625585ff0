"""Before it first opens, a gate tests itself: once, in silence, bounded, and it opens whatever comes of it."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import gate_fixtures
import pytest
from gate_run import Gate
from gate_world import Enrolled, Reader, gate_toml, wait_until

from edge_agent.identity import FOLDER, SIGNING_KEY, TLS_KEY
from firmware import check_result
from firmware.configuration import load_settings
from firmware.first_boot import try_once
from firmware.verdict import Verdict

enrolled, reader = gate_fixtures.enrolled, gate_fixtures.reader

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


def test_a_device_that_belongs_to_nobody_tests_itself_when_it_has_joined(gates: Gates, enrolled: Enrolled, reader: Reader) -> None:
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url})
    member = enrolled.state.with_name("member")
    enrolled.state.rename(member)
    gate = gates.start(config)
    gate.err.wait_for("not enrolled")
    gate.err.wait_for("lane in: working")
    assert not (enrolled.state / "check.json").exists()
    (member / FOLDER).rename(enrolled.state / FOLDER)
    for file in member.iterdir():  # the documents come last, as with a ticket
        file.rename(enrolled.state / file.name)
    gate.out.wait_for("ready")
    assert gate.stop() == 0
    found = {finding.part: finding for finding in check_result.kept(enrolled.state)}
    assert (found["identity"].verdict, found['result on indicator of lane "in"'].verdict) == (Verdict.OK, Verdict.OK)


def test_a_key_that_others_could_read_before_the_first_start_is_noted(gates: Gates, enrolled: Enrolled, reader: Reader) -> None:
    (enrolled.state / FOLDER / SIGNING_KEY).chmod(0o666)
    (enrolled.state / FOLDER / TLS_KEY).touch(0o600)
    gate = gates.start(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url}))
    gate.out.wait_for("ready")
    assert gate.stop() == 0
    [told] = [finding for finding in check_result.kept(enrolled.state) if finding.part == "private files"]
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
    [finding] = check_result.kept(enrolled.state)
    assert (finding.part, finding.detail) == ("self-test", "not done within 0.3 s")
    assert "not done within 0.3 s" in caplog.text
    after = gates.start(settings.source, first=False)  # the lock is free again
    after.out.wait_for("starting")
    assert after.stop() == 0


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
