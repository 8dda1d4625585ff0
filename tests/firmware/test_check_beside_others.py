"""`gate-firmware check` where it is not alone or not at home: beside a running gate, and as another user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import checked_world
import gate_fixtures
import pytest
from checked_world import AUTHORITY, certify, check, verdicts
from gate_world import ROOT, Enrolled, Reader, RunningGate, SpyIndicator, gate_toml
from real_broker import free_port
from sealed_examples import filled, scribbled_at

from drivers.indicator import Signal
from edge_agent.base.process_lock import ProcessLock
from edge_agent.device.settings import InputSettings, LaneSettings, VehicleSettings

enrolled, reader = checked_world.enrolled, gate_fixtures.reader
CARD = "001099012345||Nguyễn Văn A|15031999|Nam||10052021"
CHECKING_AS_NOBODY = """
import os, sys
import firmware.self_test, firmware.reader_checks, firmware.check_command, serial.tools.list_ports, drivers.serial_reader
import drivers.console_indicator, edge_agent.device.broker_probe
from firmware.__main__ import main
os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(main())
"""


@pytest.fixture
def public() -> Iterator[Enrolled]:
    """A device in a folder that every user may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        enrolled = Enrolled(Path(folder) / "state", Path(folder) / "run")
        certify(enrolled, AUTHORITY, free_port())
        yield enrolled


def test_while_a_gate_runs_its_devices_are_left_alone(enrolled: Enrolled, reader: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    lanes = [{"name": "in", "direction": "in", "reader": reader.url}, {"name": "out", "direction": "out", "reader": "serial:/dev/nope"}]
    door, position = InputSettings("door", "door", f"fifo:{enrolled.state.parent / 'door'}"), "nmea:/dev/nope-gps"
    more = f'[[input]]\nname = "door"\nrole = "door"\nswitch = "{door.switch}"\n[vehicle]\nposition = "{position}"\n'
    config = gate_toml(enrolled, *lanes, more=more)
    settings = enrolled.settings(*(LaneSettings(lane["name"], lane["direction"], reader=lane["reader"]) for lane in lanes))
    settings = replace(settings, inputs=(door,), vehicle=VehicleSettings(position=position))
    # what `run` holds, and RunningGate does not
    lock = ProcessLock(enrolled.state / "firmware.lock", "gate-firmware")
    with RunningGate(enrolled, settings):
        light = SpyIndicator.by_name["gate"]
        light.wait_for(Signal.ATTENTION)
        before = enrolled.sealed()
        exit_code, found = check(config, capsys, "--ask")
        assert f"(process {os.getpid()})" in found["running gate"]["detail"]
        assert found['reader of lane "in"']["detail"] == "in use by the running gate: working"
        assert found['indicator of lane "in" and "out"']["verdict"] == "skipped"
        assert found['reader of lane "out"']["detail"] == "in use by the running gate, which reports a fault"
        assert found["input[0].switch"]["detail"] == "in use by the running gate: working"
        assert found["vehicle.position"]["verdict"] == "fault"
        assert exit_code == 1
        assert found["outbox"]["detail"].startswith(f"{len(before)} waiting")
        reader.scan(CARD)
        light.wait_for(Signal.ACCEPTED)
        assert Signal.REFUSED not in light.shown
    lock.release()
    exit_code, found = check(config, capsys)
    assert "running gate" not in found


def test_a_lock_that_cannot_be_tried_is_said(enrolled: Enrolled, reader: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    (enrolled.state / "firmware.lock").mkdir()
    exit_code, found = check(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url}), capsys)
    assert exit_code == 1
    assert (verdicts(found)["running gate"], verdicts(found)['reader of lane "in"']) == ("fault", "skipped")


def check_as_nobody(config: Path) -> dict[str, dict[str, str]]:
    done = subprocess.run(
        [sys.executable, "-c", CHECKING_AS_NOBODY, "check", "--config", str(config), "--offline", "--json"],
        capture_output=True, text=True, cwd=ROOT, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    return {finding["part"]: finding for finding in json.loads(done.stdout)}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_told_whom_to_be(public: Enrolled) -> None:
    filled(public.outbox, 1, scribbled_at)
    public.state.chmod(0o700)
    found = check_as_nobody(gate_toml(public, {"name": "in", "direction": "in", "reader": "serial:/dev/nope"}))
    for part in ("identity", "outbox", "running gate"):
        assert found[part]["verdict"] == "fault"
        assert "gate's user" in found[part]["todo"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_state_folder_that_cannot_be_written_is_read_all_the_same(public: Enrolled) -> None:
    filled(public.outbox, 2, scribbled_at)
    for path in (public.state, *public.state.rglob("*")):
        os.chown(path, 65534, 65534)
        path.chmod(0o500 if path.is_dir() else 0o400)
    found = check_as_nobody(gate_toml(public, {"name": "in", "direction": "in", "reader": "serial:/dev/nope"}))
    assert found["outbox"]["detail"].startswith("2 waiting")
    seen = {part: finding["verdict"] for part, finding in found.items()}
    assert (seen["identity"], seen["keyring"], seen["private files"]) == ("ok", "ok", "ok")
    assert (seen["disk speed"], seen["running gate"]) == ("fault", "fault")
