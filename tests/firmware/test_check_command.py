"""`gate-firmware check`: a plain verdict on each part, and what to do next."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import checked_world
import gate_fixtures
import pytest
from checked_world import AUTHORITY, certify, check, verdicts
from gate_world import Enrolled, Reader, SpyIndicator, gate_toml
from hypothesis import given
from hypothesis import strategies as st
from real_broker import Authority, Broker

from drivers.indicator import Signal
from edge_agent.base import private_files
from edge_agent.device.identity import FOLDER, SIGNING_KEY, TLS_KEY
from firmware import board_checks, self_test
from firmware.__main__ import main
from firmware.check_table import WIDTH, rows
from firmware.verdict import Finding, Verdict

enrolled, reader = checked_world.enrolled, gate_fixtures.reader
ON_A_SERVER = {"power", "heat"}  # which tells neither
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("broker"), AUTHORITY)
    broker.start()
    yield broker
    broker.end()


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


def test_a_clock_that_stands_before_the_keyring_makes_no_fault_of_a_good_broker(
    enrolled: Enrolled, reader: Reader, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its certificate is of a time to which this clock has not come: as at 1970, where the agent connects all the same (decision 0062)."""
    days = 30 * 86_400_000
    authority = Authority()
    authority.ahead = timedelta(milliseconds=days)
    later = Broker(tmp_path / "broker", authority)
    authority.ahead = timedelta()  # the broker's own clock is right, and so is our certificate
    certify(enrolled, authority, later.port)
    later.start()
    try:
        config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url})
        _exit_code, found = check(config, capsys)
        assert (verdicts(found)["broker"], "not yet valid" in found["broker"]["detail"]) == ("fault", True)
        enrolled.offer(enrolled.province.keyring(2, issued_ms=time.time_ns() // 1_000_000 + days))
        _exit_code, found = check(config, capsys)
        assert verdicts(found)["broker"] == "ok", found["broker"]
    finally:
        later.end()


def test_the_table_says_what_to_do_next(enrolled: Enrolled, capsys: pytest.CaptureFixture[str]) -> None:
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": "serial:/dev/nope"})
    assert main(["check", "--config", str(config), "--offline"]) == 1
    shown = capsys.readouterr().out
    assert "✔ keyring                    ok       number 1, 45 days left from today\n" in shown
    assert "✘ reader of lane \"in\"        fault    'serial:/dev/nope' cannot be opened (no such device)" in shown
    assert "→ plug the reader in and check the URL 'serial:/dev/nope'" in shown
    assert "MỜI QUA" in shown
    assert shown.endswith("1 fault and 1 note: see → for what to do\n")


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


def test_the_epilogue_names_every_key_and_verdict() -> None:
    from firmware.check_command import _EPILOG  # noqa: PLC0415 - the schema that machines go by

    for word in ("part", "verdict", "detail", "todo", "format", "software", "wall_ms", "well", "findings", *Verdict):
        assert f'"{word}"' in _EPILOG


def test_a_broker_check_that_hangs_holds_nobody_up(
    enrolled: Enrolled, reader: Reader, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = threading.Event()
    monkeypatch.setattr(self_test, "_BROKER_S", 0.05)
    monkeypatch.setattr(self_test, "check_broker", lambda _identity, _state: hanging.wait())
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


@pytest.mark.parametrize("name, part", [(SIGNING_KEY, "identity"), (TLS_KEY, "certificate")])
def test_a_key_that_only_the_services_are_given_is_no_fault(
    enrolled: Enrolled, reader: Reader, capsys: pytest.CaptureFixture[str], name: str, part: str
) -> None:
    (enrolled.state / FOLDER / name).write_bytes(private_files.note(f"gate-scanner.{name}"))
    exit_code, found = check(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url}), capsys)
    assert (exit_code, verdicts(found)[part], verdicts(found)["broker"]) == (0, "note", "skipped"), found
    assert "systemd credential" in found[part]["detail"]
    assert not any("enrol" in found[each]["todo"] for each in (part, "broker"))
