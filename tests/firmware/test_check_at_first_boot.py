"""`gate-firmware check --first-boot`: silent, asking nobody, told by the lights and kept in a file."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import checked_world
import gate_fixtures
import pytest
from checked_world import check, verdicts
from gate_world import Enrolled, Reader, SpyIndicator, gate_toml, now_ms

from drivers.errors import Unplugged
from drivers.indicator import Signal
from edge_agent.device.identity import FOLDER, SIGNING_KEY
from firmware.__main__ import main

enrolled, reader = checked_world.enrolled, gate_fixtures.reader


def first_boot(enrolled: Enrolled, config: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, object]]:
    exit_code, found = check(config, capsys, "--first-boot", "--offline")
    file = enrolled.state / "check.json"
    kept = json.loads(file.read_text("utf-8"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert kept["findings"] == list(found.values())
    return exit_code, kept


def test_at_first_boot_it_is_silent_and_the_lights_tell_the_result(
    enrolled: Enrolled, reader: Reader, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[Signal] = []
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url}, gate='indicator = "spy:gate"')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SpyIndicator, "show", lambda _self, signal: shown.append(signal))
        exit_code, kept = first_boot(enrolled, config, capsys)
    assert shown == [Signal.STARTING, Signal.CLOSED, Signal.READY, Signal.CLOSED]
    assert (exit_code, kept["format"], kept["well"]) == (0, "gate-scanner-check/1", True)
    assert abs(int(str(kept["wall_ms"])) - now_ms()) < 60_000
    reader.unplug()
    shown.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SpyIndicator, "show", lambda _self, signal: shown.append(signal))
        exit_code, kept = first_boot(enrolled, config, capsys)
    assert shown == [Signal.STARTING, Signal.CLOSED, Signal.FAULT, Signal.CLOSED]
    assert (exit_code, kept["well"]) == (1, False)


def test_at_first_boot_a_light_that_fails_and_a_file_that_cannot_be_written_are_said(
    enrolled: Enrolled, reader: Reader, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url}, gate='indicator = "spy:gate"')
    monkeypatch.setattr(SpyIndicator, "show", lambda *_: (_ for _ in ()).throw(Unplugged("the wire is off")))
    (enrolled.state / "check.json").mkdir()
    assert main(["check", "--config", str(config), "--first-boot", "--offline"]) == 1
    told = capsys.readouterr()
    assert told.out.count("the wire is off") == 2
    assert "check.json: cannot be written" in told.err


def test_at_first_boot_nobody_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["check", "--first-boot", "--ask"])
    assert ended.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def test_keys_that_were_open_to_others_are_noted_though_they_are_closed_now(
    enrolled: Enrolled, reader: Reader, capsys: pytest.CaptureFixture[str]
) -> None:
    key = enrolled.state / FOLDER / SIGNING_KEY
    key.chmod(0o666)
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url})
    _exit_code, found = check(config, capsys, "--first-boot", "--offline")
    told = found["private files"]
    assert (told["verdict"], "signing.key has mode 666" in told["detail"]) == ("note", True)
    assert "take its keys for known" in told["todo"]
    assert told in json.loads((enrolled.state / "check.json").read_text("utf-8"))["findings"]
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert verdicts(check(config, capsys, "--offline")[1])["private files"] == "ok"
