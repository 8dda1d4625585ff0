"""`gate-firmware check`: a plain verdict on each part, and what to do next."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from checked_world import certify, check, verdicts
from gate_world import Enrolled, Reader, RunningGate, SpyIndicator, add_test_drivers, gate_toml, now_ms
from hypothesis import given
from hypothesis import strategies as st
from real_broker import Authority, Broker, free_port
from sealed_examples import filled, scribbled_at

from drivers.errors import Unplugged
from drivers.indicator import Signal
from edge_agent.identity import FOLDER, SIGNING_KEY
from edge_agent.process_lock import ProcessLock
from edge_agent.settings import InputSettings, LaneSettings, VehicleSettings
from firmware import board_checks, self_test, state_checks
from firmware.__main__ import main
from firmware.check_table import WIDTH, rows
from firmware.disk_checks import check_disk
from firmware.verdict import Finding, Verdict

CARD = "001099012345||Nguyễn Văn A|15031999|Nam||10052021"
AUTHORITY = Authority()
ROOT = Path(__file__).parents[2]
ON_A_SERVER = {"power", "heat"}  # which tells neither


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("broker"), AUTHORITY)
    broker.start()
    yield broker
    broker.end()


@pytest.fixture
def enrolled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Enrolled:
    add_test_drivers(monkeypatch)
    mounts = tmp_path / "mountinfo"  # the tests may run in memory, where a gate must not
    mounts.write_text("22 1 254:0 / / rw - ext4 /dev/root rw\n")
    monkeypatch.setattr(state_checks, "check_disk", partial(check_disk, mountinfo=mounts))
    enrolled = Enrolled(tmp_path / "state", tmp_path / "run")
    certify(enrolled, AUTHORITY, free_port())
    return enrolled


@pytest.fixture
def public() -> Iterator[Enrolled]:
    """A device in a folder that every user may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        enrolled = Enrolled(Path(folder) / "state", Path(folder) / "run")
        certify(enrolled, AUTHORITY, free_port())
        yield enrolled


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path / "tty")
    yield reader
    reader.unplug()


def test_a_gate_that_is_well(
    enrolled: Enrolled, reader: Reader, broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    certify(enrolled, AUTHORITY, broker.port)
    config = gate_toml(
        enrolled,
        {"name": "in", "direction": "in", "reader": reader.url},
        {"name": "out", "direction": "out", "camera": f"simulated:{tmp_path / 'fifo'}?size=320x240&fps=5", "indicator": "spy:out"},
    )
    exit_code, found = check(config, capsys)
    seen = {part: verdict for part, verdict in verdicts(found).items() if part not in ON_A_SERVER}
    assert seen.pop("certificate") == "note", found  # a test's certificate has an hour left
    assert (exit_code, set(seen.values())) == (0, {"ok"}), found
    assert list(found) == [
        "configuration", "identity", "board", "power", "heat", "memory", "keyring", "certificate", "private files", "clock", "runtime",
        "disk", "outbox", "disk speed", "broker", "decoders", 'camera of lane "out"', 'reader of lane "in"', 'indicator of lane "in"',
        'indicator of lane "out"',
    ]  # fmt: skip
    assert "320 x 240" in found['camera of lane "out"']["detail"]
    assert "frames a second, brightness" in found['camera of lane "out"']["detail"]
    assert "45 days left from today" in found["keyring"]["detail"]
    assert "cho-lon/gate-1" in found["identity"]["detail"]
    assert " ms" in found["disk speed"]["detail"]
    assert f"127.0.0.1:{broker.port} lets us in" in found["broker"]["detail"]
    assert Signal.ACCEPTED in SpyIndicator.by_name["out"].shown
    assert not list(enrolled.state.glob("check*"))
    assert not enrolled.outbox.exists()  # a test makes no outbox


def test_without_a_network_people_pass_and_it_is_noted(enrolled: Enrolled, reader: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url})
    exit_code, found = check(config, capsys)
    assert (exit_code, verdicts(found)["broker"]) == (0, "note")
    assert "nothing listens" in found["broker"]["detail"]
    _exit_code, found = check(config, capsys, "--offline")
    assert (verdicts(found)["broker"], found["broker"]["detail"]) == ("skipped", "--offline")


def test_a_province_that_does_not_know_us_is_a_fault(
    enrolled: Enrolled, reader: Reader, broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger = Authority("another")
    stranger.certificate = AUTHORITY.certificate  # we trust the broker, it does not trust us
    certify(enrolled, stranger, broker.port)
    exit_code, found = check(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url}), capsys)
    assert (exit_code, verdicts(found)["broker"]) == (1, "fault")
    assert "does not accept our certificate" in found["broker"]["detail"]


def test_the_table_says_what_to_do_next(enrolled: Enrolled, capsys: pytest.CaptureFixture[str]) -> None:
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": "serial:/dev/nope"})
    assert main(["check", "--config", str(config), "--offline"]) == 1
    shown = capsys.readouterr().out
    assert "✔ keyring                    ok       number 1, 45 days left from today\n" in shown
    assert "✘ reader of lane \"in\"        fault    'serial:/dev/nope' cannot be opened (no such device)" in shown
    assert "→ plug the reader in and check the URL 'serial:/dev/nope'" in shown
    assert "MỜI QUA" in shown
    assert shown.endswith("1 fault and 1 note: see → for what to do\n")


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@given(st.builds(Finding, part=WORDS, verdict=st.sampled_from(Verdict), detail=WORDS, todo=WORDS))
def test_the_table_fits_its_columns_and_steers_no_terminal(finding: Finding) -> None:
    lines = rows(finding)
    assert all(len(line) <= WIDTH and line.isprintable() for line in lines)
    assert str(finding.verdict) in " ".join(lines)


def test_a_wrong_configuration_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(tmp_path / "none.toml"), "--json"]) == 2
    [finding] = json.loads(capsys.readouterr().out)
    assert (finding["part"], finding["verdict"]) == ("configuration", "fault")
    (tmp_path / "gate.toml").write_text("[gate]\nrepeat_s = 0\nlamp = 1\n")
    assert main(["check", "--config", str(tmp_path / "gate.toml")]) == 2
    shown = capsys.readouterr().out
    assert "gate.repeat_s: 0" in shown
    assert "gate.lamp: not a setting" in shown


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


def test_a_state_folder_that_is_none_is_a_fault(enrolled: Enrolled, reader: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    enrolled.state = enrolled.state.parent / "file"
    enrolled.state.touch()
    exit_code, found = check(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url}), capsys, "--offline")
    assert (exit_code, verdicts(found)["disk"]) == (1, "fault")
    assert f"{enrolled.state} is not a folder" in found["disk"]["detail"]


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


CHECKING_AS_NOBODY = """
import os, sys
import firmware.self_test, firmware.reader_checks, firmware.check_command, serial.tools.list_ports, drivers.serial_reader
import drivers.console_indicator, edge_agent.broker_probe
from firmware.__main__ import main
os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(main())
"""


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


def test_the_epilogue_names_every_key_and_verdict() -> None:
    from firmware.check_command import _EPILOG  # noqa: PLC0415 - the schema that machines go by

    for word in ("part", "verdict", "detail", "todo", "format", "software", "wall_ms", "well", "findings", *Verdict):
        assert f'"{word}"' in _EPILOG


def test_a_broker_check_that_hangs_holds_nobody_up(
    enrolled: Enrolled, reader: Reader, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = threading.Event()
    monkeypatch.setattr(self_test, "_BROKER_S", 0.05)
    monkeypatch.setattr(self_test, "check_broker", lambda _endpoint: hanging.wait())
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url})
    exit_code, found = check(config, capsys)
    hanging.set()
    assert (exit_code, found["broker"]["verdict"], found["broker"]["detail"]) == (0, "note", "no answer within 0.05 s")


def test_without_its_libraries_a_camera_is_skipped_and_the_rest_tested(
    enrolled: Enrolled, reader: Reader, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "firmware.camera_checks", None)  # as when libzbar0 is missing
    lanes = ({"name": "in", "direction": "in", "camera": f"images:{tmp_path}"}, {"name": "out", "direction": "out", "reader": reader.url})
    exit_code, found = check(gate_toml(enrolled, *lanes), capsys, "--offline")
    assert exit_code == 1
    assert "libzbar0" in found["decoders"]["todo"]
    assert (verdicts(found)['camera of lane "in"'], verdicts(found)['reader of lane "out"']) == ("skipped", "ok")


def test_the_test_code_from_its_drawing_to_the_answer(enrolled: Enrolled, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test-code", str(tmp_path / "code.png")]) == 0
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "camera": f"images:{tmp_path / 'code.png'}"})
    assert main(["check", "--config", str(config), "--offline", "--ask"]) == 0
    told = capsys.readouterr()
    assert "hold up the test code" in told.err
    assert '✔ test code at lane "in"     ok       read, 12.0 pixels a module' in told.out


def test_on_a_raspberry_pi_the_board_is_looked_at(
    enrolled: Enrolled, reader: Reader, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = board_checks.Machine
    monkeypatch.setattr(board_checks, "Machine", lambda: here(model="Raspberry Pi 3 Model B Rev 1.2", processor="armv7l"))
    exit_code, found = check(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url}), capsys, "--offline")
    assert (exit_code, verdicts(found)["board"]) == (1, "fault")
    assert "64-bit" in found["board"]["todo"]
    assert "groups" in found
