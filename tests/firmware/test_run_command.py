"""`gate-firmware run` as systemd and an installer meet it: a process of its own."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import gate_fixtures
import pytest
from gate_run import RUN, Gate, opened_before
from gate_world import ROOT, WAIT_S, Enrolled, Reader, gate_toml, wait_until
from small_disk import small_disk

from edge_agent.device.control import ask_counters
from edge_agent.wire.entry import Kind, Note
from firmware.person_codes import write_person
from province.demo.synthetic import synthetic_people

enrolled, reader = gate_fixtures.enrolled, gate_fixtures.reader

CARD = "001099012345||Nguyễn Văn A|15031999|Nam||10052021"


@pytest.fixture
def gates() -> Iterator[list[Gate]]:
    started: list[Gate] = []
    yield started
    for gate in started:
        gate.kill()


def run(config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*RUN, "--config", config], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def refused(config: Path, exit_code: int) -> str:
    """What it says when it does not start; always for people, never a traceback."""
    done = run(config)
    assert done.returncode == exit_code, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


def test_a_missing_configuration_is_named_with_what_to_do(tmp_path: Path) -> None:
    said = refused(tmp_path / "none.toml", 2)
    assert f"{tmp_path}/none.toml: no such file" in said
    assert "--config FILE" in said


@pytest.mark.parametrize("text", ["[gate", "lane = ", "\x00", "[gate]\nindicator = '\xff'"])
def test_what_is_no_toml_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "gate.toml").write_text(text, encoding="latin-1")
    assert "not TOML" in refused(tmp_path / "gate.toml", 2)


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text(
        "[device]\nclock = 'sundial'\n[gate]\nrepeat_s = 0\nlamp = 1\n[outbox]\ncapacity_mb = 'much'\n"
        "[[lane]]\nname = 'a'\ndirection = 'up'\n"
        "[[lane]]\nname = 'b'\ndirection = 'in'\ncamera = 'picamera2:'\nreader = 'serial:/dev/x'\n"
        "[[lane]]\nname = 'b'\ndirection = 'in'\n[colour]\n"
    )
    said = refused(tmp_path / "gate.toml", 2)
    for problem in (
        "device.clock: 'sundial'",
        "gate.repeat_s: 0",
        "gate.lamp: not a setting",
        "outbox.capacity_mb: 'much'",
        "lane[0].direction: 'up'",
        "name 'b' has neither camera nor reader, or both",
        "'b' is used twice",
        "colour: not a section",
    ):
        assert problem in said, problem


def test_all_wrong_driver_urls_are_said_at_once_each_with_its_lane(enrolled: Enrolled) -> None:
    config = gate_toml(
        enrolled,
        {"name": "a", "direction": "in", "camera": "picamera3:"},
        {"name": "b", "direction": "in", "reader": "serial:/dev/ttyACM0?bawd=9600", "indicator": "gpio:"},
        gate='indicator = "lamp:"',
    )
    said = refused(config, 2)
    for problem in ("gate.indicator: 'lamp:'", "lane[0].camera: 'picamera3:'", "did you mean baud?", "lane[1].indicator: 'gpio:': no lamp"):
        assert problem in said, problem


def test_one_device_for_two_lanes_is_said(enrolled: Enrolled) -> None:
    config = gate_toml(
        enrolled,
        {"name": "a", "direction": "in", "reader": "serial:/dev/ttyACM0"},
        {"name": "b", "direction": "out", "reader": "serial:/dev/ttyACM0?baud=115200"},
        {"name": "c", "direction": "in", "camera": "picamera2:"},
        {"name": "d", "direction": "out", "camera": "picamera2:?camera=1"},
        {"name": "e", "direction": "out", "camera": "picamera2:?fps=10"},
    )
    said = refused(config, 2)
    assert "lane[1].reader: 'serial:/dev/ttyACM0?baud=115200' is the device of lane[0].reader already" in said
    assert "lane[4].camera: 'picamera2:?fps=10' is the device of lane[2].camera already" in said
    assert said.count("already") == 2


def test_a_device_that_is_not_enrolled_records_nobody_and_says_how_to_enrol(enrolled: Enrolled, reader: Reader) -> None:
    shutil.rmtree(enrolled.state)
    gate = Gate(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url}))
    gate.err.wait_for("not enrolled: nobody is recorded; show an enrolment ticket")
    gate.err.wait_for("lane in: working")
    reader.scan(CARD)
    gate.out.wait_for("refused")
    assert gate.stop() == 0
    assert {file.name for file in enrolled.state.iterdir()} == {"firmware.lock", "check.json"}
    assert "Nguyễn" not in (enrolled.state / "check.json").read_text("utf-8")
    assert "Nguyễn" not in gate.err.text() + gate.out.text()


@pytest.mark.parametrize("torn", ["documents.json", "identity/signing.key"])
def test_a_damaged_identity_is_said(enrolled: Enrolled, torn: str) -> None:
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": "serial:/dev/nope"})
    for file in (*enrolled.state.glob(f"{torn}*"),):
        file.write_bytes(b"torn")
    assert "enrol this device again" in refused(config, 2).lower()


def test_a_second_gate_on_one_folder_is_refused_and_the_first_goes_on(enrolled: Enrolled, reader: Reader, gates: list[Gate]) -> None:
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url})
    gates.append(Gate(config))
    gates[0].out.wait_for("ready")
    said = refused(config, 1)
    assert f"another gate-firmware (process {gates[0].process.pid}) works on this folder; stop it first" in said
    reader.scan(CARD)
    gates[0].out.wait_for("accepted")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_promptly_with_a_close_entry(enrolled: Enrolled, reader: Reader, gates: list[Gate], number: int) -> None:
    gates.append(Gate(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url})))
    gates[0].out.wait_for("ready")
    reader.scan(CARD)
    gates[0].out.wait_for("accepted")
    started_s = time.monotonic()
    assert gates[0].stop(number) == 0
    assert time.monotonic() - started_s < 4.0
    assert enrolled.kinds() == [Kind.BOOT, Kind.PASSAGE, Kind.CLOSE]
    assert isinstance(enrolled.entries()[-1][1], Note)
    assert "closed" in gates[0].out.text()
    assert "Traceback" not in gates[0].err.text()


def test_a_gate_killed_goes_on_in_the_same_log(enrolled: Enrolled, reader: Reader, gates: list[Gate]) -> None:
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url})
    for code in (CARD, write_person(synthetic_people(1)[0])):
        gates.append(Gate(config))
        gates[-1].out.wait_for("ready")
        reader.scan(code)
        gates[-1].out.wait_for("accepted")
        gates[-1].kill()
    assert enrolled.kinds() == [Kind.BOOT, Kind.PASSAGE] * 2
    assert [sealed.header.seq for sealed in enrolled.sealed()] == [1, 2, 3, 4]


@pytest.mark.parametrize("kind", ["camera", "reader"])
def test_an_absent_device_is_a_fault_of_its_lane_until_it_comes(enrolled: Enrolled, tmp_path: Path, gates: list[Gate], kind: str) -> None:
    reader = Reader(tmp_path / "tty", plugged=False)
    pictures = tmp_path / "pictures"
    url = reader.url if kind == "reader" else f"images:{pictures}?fps=20&loop=1"
    gates.append(Gate(gate_toml(enrolled, {"name": "main door", "direction": "in", kind: url})))
    gates[0].out.wait_for("fault")
    gates[0].err.wait_for("lane main door: fault")
    assert any(url.partition("?")[0] in line for line in gates[0].err.lines)
    if kind == "reader":
        reader.plug()
        gates[0].out.wait_for("ready")
        reader.scan(CARD)
    else:
        draw = (
            f"import sys; sys.path.insert(0, {str(ROOT / 'tests/firmware')!r}); from qr_pictures import picture_of; from PIL import Image"
        )
        subprocess.run(
            [sys.executable, "-c", f"{draw}; Image.fromarray(picture_of({CARD!r})).save({str(tmp_path / 'a.png')!r})"], check=True
        )
        (tmp_path / "new").mkdir()
        (tmp_path / "a.png").rename(tmp_path / "new" / "a.png")
        (tmp_path / "new").rename(pictures)  # the whole folder at once: no half-written picture is seen
    gates[0].out.wait_for("accepted")
    reader.unplug()


def test_nobody_reading_the_terminal_stops_nothing(enrolled: Enrolled, reader: Reader, gates: list[Gate]) -> None:
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url})
    gates.append(Gate(config, within='exec "$@" > >(exec true)'))  # whoever reads it leaves at once
    passes(enrolled, reader)
    exit_code = gates[0].stop()
    assert (exit_code, "Traceback" in gates[0].err.text()) == (0, False), gates[0].err.lines


@pytest.mark.parametrize("closed", ["0<&- 1>&- 2>&-", "1>&-", "1>/dev/full", "2>&-"])
def test_a_gate_without_standard_streams_works_and_writes_into_no_file_of_ours(
    enrolled: Enrolled, reader: Reader, gates: list[Gate], closed: str
) -> None:
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url})
    gates.append(Gate(config, "--verbose", within=f'exec "$@" {closed}', env={"PYTHONUNBUFFERED": ""}))
    passes(enrolled, reader)
    exit_code = gates[0].stop()
    assert (exit_code, "Traceback" in gates[0].err.text()) == (0, False), gates[0].err.lines
    assert enrolled.kinds() == [Kind.BOOT, Kind.PASSAGE, Kind.CLOSE]


def passes(enrolled: Enrolled, reader: Reader) -> None:
    """Lets one person pass where no light can be seen: only the outbox tells."""
    wait_until(lambda: (ask_counters(enrolled.runtime) or {}).get("sources") == {"in": "working"}, "the reader is open")
    reader.scan(CARD)
    wait_until(lambda: bool(enrolled.passages()), "the person is recorded")


def test_a_state_folder_that_cannot_be_written_is_said(enrolled: Enrolled, tmp_path: Path, gates: list[Gate]) -> None:
    config = opened_before(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": "serial:/dev/nope"}))
    state = enrolled.state
    shutil.copytree(state, tmp_path / "copy")
    with small_disk(state, "4096k"):
        shutil.copytree(tmp_path / "copy", state, dirs_exist_ok=True)
        subprocess.run(["mount", "-o", "remount,ro", str(state)], check=True)
        gates.append(Gate(config))
        assert gates[0].process.wait(WAIT_S) == 1
    said = gates[0].err.text()
    assert "Traceback" not in said
    assert "Read-only file system" in said
    assert str(state) in said


@pytest.mark.parametrize("room_kb", [0, 1200])
def test_a_full_disk_is_said_and_once_there_is_room_people_pass(
    enrolled: Enrolled, reader: Reader, tmp_path: Path, gates: list[Gate], room_kb: int
) -> None:
    config = opened_before(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url}))
    shutil.copytree(enrolled.state, tmp_path / "copy")
    with small_disk(enrolled.state, "4096k"):
        shutil.copytree(tmp_path / "copy", enrolled.state, dirs_exist_ok=True)
        filler = enrolled.state / "filler"
        filler.write_bytes(bytes(shutil.disk_usage(enrolled.state).free - room_kb * 1024))
        gates.append(Gate(config))
        full = 0
        if room_kb:  # for a few people
            gates[0].out.wait_for("ready")
            for person in synthetic_people(900):
                reader.scan(write_person(person))
            gates[0].out.wait_for("refused")
            full = 1
        gates[0].out.wait_for("full")
        gates[0].err.wait_for("full" if not full else "free")
        filler.unlink()
        gates[0].out.wait_for("ready", 1 + full)
        before = sum("accepted" in line for line in gates[0].out.lines)
        reader.scan(CARD)
        gates[0].out.wait_for("accepted", before + 1)
        assert gates[0].stop() == 0
    assert "Traceback" not in gates[0].err.text()


def test_nobody_is_named_in_logs_state_runtime_or_terminal(enrolled: Enrolled, tmp_path: Path, reader: Reader, gates: list[Gate]) -> None:
    people = synthetic_people(60)
    fifo = tmp_path / "gate.fifo"
    config = gate_toml(
        enrolled,
        {"name": "in", "direction": "in", "reader": f"{reader.url}?max_bytes=300"},
        {"name": "seen", "direction": "out", "camera": f"simulated:{fifo}?size=640x480"},
    )
    gates.append(Gate(config, "--verbose", env={"PYTHONDEVMODE": "1"}))
    gates[0].err.wait_for("lane seen: working")
    gates[0].err.wait_for("lane in: working")
    for person in people:
        code = write_person(person)
        reader.scan(code)
        reader.scan(code[: len(code) // 2] + "\x07")
        reader.scan(code.replace("|", "/"))
        reader.scan(code.encode("utf-16"))
        reader.scan(code * 10)
    gates[0].out.wait_for("accepted", 60)
    with fifo.open("w", encoding="utf-8") as view:
        for person in people[:3]:
            view.write(write_person(person) + "\n")
        view.write("x" + write_person(people[3]) * 40 + "\n")  # does not fit any code
    gates[0].out.wait_for("accepted", 61)
    held = [file for folder in (enrolled.state, enrolled.runtime) for file in folder.rglob("*") if file.is_file()]
    assert {"outbox.sqlite", "outbox.sqlite-wal"} <= {file.name for file in held}
    kept = b"".join(file.read_bytes() for file in held)
    assert gates[0].stop() == 0
    said = (gates[0].out.text() + gates[0].err.text()).encode()
    kept += b"".join(file.read_bytes() for file in enrolled.state.rglob("*") if file.is_file())
    assert b"not a person code" in said
    for person in people:
        for secret in (person.id_number, person.name, person.old_id, person.phone, person.qid):
            if secret:
                assert secret.encode() not in said
                assert secret.encode() not in kept
                assert secret.encode("utf-16-le") not in kept
