"""`gate-firmware check`: a plain verdict on each part, and what to do next."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gpiozero
import numpy as np
import pytest
from gate_world import BLANK, DAY_MS, Enrolled, Reader, RunningGate, SpyIndicator, ToldCamera, add_test_drivers, gate_toml, now_ms
from gpiozero.pins.mock import MockFactory
from PIL import Image

from drivers.errors import Unplugged
from drivers.indicator import Signal
from edge_agent.outbox import FILE_NAME
from edge_agent.settings import LaneSettings, OutboxSettings
from firmware import device_checks, zbar
from firmware.__main__ import main
from firmware.state_checks import check_clock, check_commit, check_disk, check_keyring, check_outbox, check_state, read_keyring
from firmware.verdict import Finding, Verdict

CARD = "001099012345||Nguyễn Văn A|15031999|Nam||10052021"


@pytest.fixture
def enrolled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Enrolled:
    add_test_drivers(monkeypatch)
    return Enrolled(tmp_path / "state", tmp_path / "run")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path / "tty")
    yield reader
    reader.unplug()


def check(config: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, dict[str, Any]]]:
    exit_code = main(["check", "--config", str(config), "--json", *options])
    findings = json.loads(capsys.readouterr().out)
    assert all(set(finding) == {"part", "verdict", "detail", "todo"} for finding in findings)
    assert all(bool(finding["todo"]) == (finding["verdict"] == "fault") for finding in findings)
    return exit_code, {finding["part"]: finding for finding in findings}


def verdicts(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {part: finding["verdict"] for part, finding in found.items()}


def test_a_gate_that_is_well(enrolled: Enrolled, reader: Reader, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = gate_toml(
        enrolled,
        {"name": "in", "direction": "in", "reader": reader.url},
        {"name": "out", "direction": "out", "camera": f"simulated:{tmp_path / 'fifo'}?size=320x240", "indicator": "spy:out"},
    )
    exit_code, found = check(config, capsys)
    assert (exit_code, set(verdicts(found).values())) == (0, {"ok"}), found
    assert list(found) == [
        "configuration", "identity", "keyring", "clock", "disk", "outbox", "commit", "decoders",
        'reader of lane "in"', 'camera of lane "out"', 'indicator of lane "in"', 'indicator of lane "out"',
    ]  # fmt: skip
    assert "320 x 240" in found['camera of lane "out"']["detail"]
    assert "frames a second, brightness" in found['camera of lane "out"']["detail"]
    assert "45 days left from today" in found["keyring"]["detail"]
    assert "cho-lon/gate-1" in found["identity"]["detail"]
    assert " ms" in found["commit"]["detail"]
    assert Signal.ACCEPTED in SpyIndicator.by_name["out"].shown
    assert not list(enrolled.state.glob("check-*"))
    assert not enrolled.outbox.exists()  # a test makes no outbox


def test_the_table_says_what_to_do_next(enrolled: Enrolled, capsys: pytest.CaptureFixture[str]) -> None:
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": "serial:/dev/nope"})
    assert main(["check", "--config", str(config)]) == 1
    shown = capsys.readouterr().out
    assert "✔ keyring                  ok" in shown
    assert "✘ reader of lane \"in\"      fault    'serial:/dev/nope' cannot be opened (no such device)" in shown
    assert "→ plug the reader in and check the URL 'serial:/dev/nope'; ports seen here: " in shown
    assert "MỜI QUA" in shown
    assert shown.endswith("1 fault: see → for what to do\n")


def test_a_wrong_configuration_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(tmp_path / "none.toml"), "--json"]) == 2
    [finding] = json.loads(capsys.readouterr().out)
    assert (finding["part"], finding["verdict"]) == ("configuration", "fault")
    (tmp_path / "gate.toml").write_text("[gate]\nrepeat_s = 0\nlamp = 1\n")
    assert main(["check", "--config", str(tmp_path / "gate.toml")]) == 2
    shown = capsys.readouterr().out
    assert "gate.repeat_s: 0" in shown
    assert "gate.lamp: not a setting" in shown


def test_not_enrolled_is_a_fault_with_what_to_do(enrolled: Enrolled, reader: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url})
    for file in enrolled.state.glob("documents.json*"):
        file.unlink()
    exit_code, found = check(config, capsys)
    assert exit_code == 1
    assert "show it an enrolment ticket" in found["identity"]["todo"]
    assert (verdicts(found)["keyring"], verdicts(found)['reader of lane "in"']) == ("skipped", "ok")  # the rest is tested all the same
    enrolled.state.rename(enrolled.state.with_name("away"))
    exit_code, found = check(config, capsys)
    assert exit_code == 1
    assert verdicts(found)["disk"] == "fault"
    assert not enrolled.state.exists()


def test_while_a_gate_runs_its_devices_are_left_alone(enrolled: Enrolled, reader: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    lanes = [{"name": "in", "direction": "in", "reader": reader.url}, {"name": "out", "direction": "out", "reader": "serial:/dev/nope"}]
    config = gate_toml(enrolled, *lanes)
    settings = enrolled.settings(*(LaneSettings(lane["name"], lane["direction"], reader=lane["reader"]) for lane in lanes))
    from edge_agent.process_lock import ProcessLock  # noqa: PLC0415 - what `run` holds, and RunningGate does not

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


@pytest.mark.parametrize(
    "days_on, verdict, words",
    [(0, Verdict.OK, "45 days"), (37, Verdict.OK, "8 days"), (38, Verdict.FAULT, "7 days"), (60, Verdict.FAULT, "undated key")],
)
def test_keys_that_run_out_are_said_in_time(enrolled: Enrolled, days_on: int, verdict: Verdict, words: str) -> None:
    keyring = read_keyring(enrolled.state, enrolled.identity().root)
    finding = check_keyring(keyring, now_ms() + days_on * DAY_MS)
    assert finding.verdict is verdict
    assert words in finding.detail


def test_a_torn_keyring_is_a_fault(enrolled: Enrolled) -> None:
    root = enrolled.identity().root
    for file in enrolled.state.glob("documents.json*"):
        file.write_bytes(b"torn")
    assert check_keyring(read_keyring(enrolled.state, root), now_ms()).verdict is Verdict.FAULT
    assert {finding.part: finding.verdict for finding in check_state(enrolled.settings(), now_ms())}["identity"] is Verdict.FAULT


def test_a_clock_before_the_keyring_is_certainly_wrong(enrolled: Enrolled) -> None:
    enrolled.offer(enrolled.province.keyring(2, issued_ms=now_ms() + DAY_MS))
    finding = check_clock(enrolled.settings(), read_keyring(enrolled.state, enrolled.identity().root))
    assert finding.verdict is Verdict.FAULT
    assert "certainly wrong" in finding.detail


def test_too_little_room_is_a_fault(enrolled: Enrolled) -> None:
    assert check_disk(enrolled.state, OutboxSettings(keep_free_mb=0)).verdict is Verdict.OK
    assert check_disk(enrolled.state, OutboxSettings(keep_free_mb=1_000_000)).verdict is Verdict.FAULT
    assert check_disk(enrolled.state / "none", OutboxSettings()).verdict is Verdict.FAULT


def test_a_damaged_outbox_is_a_fault_and_is_left_as_it_is(enrolled: Enrolled) -> None:
    enrolled.outbox.write_bytes(b"not an outbox " * 1000)
    finding = check_outbox(enrolled.state, OutboxSettings())
    assert finding.verdict is Verdict.FAULT
    assert "salvages" in finding.todo
    assert enrolled.outbox.read_bytes() == b"not an outbox " * 1000
    enrolled.outbox.unlink()
    (enrolled.state / FILE_NAME).mkdir()
    assert check_outbox(enrolled.state, OutboxSettings()).verdict is Verdict.FAULT


def test_a_folder_that_cannot_be_written_is_a_fault() -> None:
    finding = check_commit(Path("/proc"))
    assert finding.verdict is Verdict.FAULT
    assert "check the disk" in finding.todo


def look(*views: object, frame_s: float = 5.0) -> Finding:
    ToldCamera.plans["camera"] = [list(views)] if not isinstance(views[0], Exception) else [views[0]]
    ToldCamera.opened.clear()
    return device_checks.check_camera(LaneSettings("in", "in", camera="told:camera"), frame_s)


@pytest.mark.usefixtures("enrolled")
def test_what_a_camera_shows_is_judged() -> None:
    assert "brightness 200 of 255" in look(BLANK, BLANK, frame_s=0.1).detail
    black, white = look(*[np.zeros_like(BLANK)] * 2, frame_s=0.1), look(*[np.full_like(BLANK, 255)] * 2, frame_s=0.1)
    assert (black.verdict, white.verdict) == (Verdict.FAULT, Verdict.FAULT)
    assert ("lens cap" in black.todo, "exposure_us" in white.todo) == (True, True)


@pytest.mark.usefixtures("enrolled")
@pytest.mark.parametrize(
    "trouble, words",
    [
        (Unplugged("no camera here"), "no camera here"),
        (RuntimeError(CARD), "unexpected RuntimeError"),
        (MemoryError(), "unexpected MemoryError"),
    ],
)
def test_a_camera_in_trouble_is_a_fault(trouble: Exception, words: str) -> None:
    opening, looking = look(trouble), look(BLANK, trouble)
    for finding in (opening, looking):
        assert finding.verdict is Verdict.FAULT
        assert words in finding.detail
        assert "Nguyễn" not in repr(asdict(finding))


@pytest.mark.usefixtures("enrolled")
def test_a_camera_without_a_frame_does_not_hold_up_the_rest() -> None:
    ToldCamera.plans["camera"] = [[]]
    finding = device_checks.check_camera(LaneSettings("in", "in", camera="told:camera"), 0.1)
    assert finding.detail == "it opens, but no frame came within 0.1 s"
    assert "it stalls" in look(BLANK, frame_s=0.2).detail


def test_pictures_are_a_camera_too(tmp_path: Path) -> None:
    Image.fromarray(BLANK).save(tmp_path / "a.png")
    finding = device_checks.check_camera(LaneSettings("in", "in", camera=f"images:{tmp_path}"))
    assert (finding.verdict, finding.detail) == (Verdict.OK, "320 x 240, a single frame, brightness 200 of 255")
    absent = device_checks.check_camera(LaneSettings("in", "in", camera="images:/nowhere"))
    assert absent.verdict is Verdict.FAULT


def test_an_old_zbar_is_said_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    assert device_checks.check_decoders().verdict is Verdict.OK
    monkeypatch.setattr(zbar, "_CONFIG_BINARY", 4711)
    finding = device_checks.check_decoders()
    assert finding.verdict is Verdict.FAULT
    assert "libzbar0" in finding.todo


def test_asked_for_a_code_a_reader_is_tested_with_it_and_nothing_of_it_is_shown(reader: Reader) -> None:
    prompted: list[str] = []

    def somebody_scans(words: str) -> None:
        prompted.append(words)
        reader.scan(CARD)

    finding = device_checks.check_reader(LaneSettings("in", "in", reader=reader.url), somebody_scans)
    assert (finding.verdict, finding.detail) == (Verdict.OK, f"opens; a code of {len(CARD.encode())} bytes came")
    assert "scan any code now" in prompted[0]


def test_a_reader_that_sends_nothing_or_noise_is_a_fault(reader: Reader) -> None:
    lane = LaneSettings("in", "in", reader=reader.url)
    assert "no code came within 0.1 s" in device_checks.check_reader(lane, lambda _words: None, 0.1).detail
    noise = device_checks.check_reader(lane, lambda _words: reader.scan(b"\xff\xfe\x01"), 0.3)
    assert "no text" in noise.detail
    assert "baud" in noise.todo


def test_a_reader_that_somebody_holds_is_a_fault(reader: Reader) -> None:
    lane = LaneSettings("in", "in", reader=reader.url)
    held = threading.Event()

    def check_again(_words: str) -> None:
        assert "in use by another program" in device_checks.check_reader(lane, None).detail
        held.set()

    device_checks.check_reader(lane, check_again, 0.1)
    assert held.is_set()


@pytest.mark.usefixtures("enrolled")
def test_lights_are_played_and_their_troubles_said(monkeypatch: pytest.MonkeyPatch) -> None:
    factory = MockFactory()
    monkeypatch.setattr(gpiozero.Device, "pin_factory", factory)
    assert device_checks.check_indicator("light", "gpio:?green=17").verdict is Verdict.OK
    lit = [state.state for state in factory.pin(17).states]
    assert True in lit
    assert not lit[-1]
    factory.reset()
    monkeypatch.setattr(SpyIndicator, "show", lambda *_: (_ for _ in ()).throw(Unplugged("the wire is off")))
    finding = device_checks.check_indicator("light", "spy:one")
    assert (finding.verdict, finding.detail) == (Verdict.FAULT, "the wire is off")
