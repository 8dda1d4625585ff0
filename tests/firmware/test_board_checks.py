"""What the self-test says of the machine: Raspberry Pis as they are set up right and wrong, and this one."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.catalogue import check_camera_url, check_indicator_url, check_reader_url
from firmware.board_checks import Machine, check_board, check_groups, check_heat, check_memory, check_power
from firmware.verdict import Verdict

APT, PIP = Path("/usr/lib/python3/dist-packages"), Path("/srv/gate/.venv/lib/python3.11/site-packages")
CAMERA = [check_camera_url("picamera2:")]
PARTS = [*CAMERA, check_reader_url("serial:/dev/ttyACM0"), check_indicator_url("gpio:?green=17")]
PI = Machine(
    model="Raspberry Pi 4 Model B Rev 1.5",
    processor="aarch64",
    bits=64,
    python=Path("/usr/bin/python3").resolve(),
    packages={"numpy": APT / "numpy/__init__.py", "picamera2": APT / "picamera2/__init__.py"},
)


def test_a_pi_set_up_right_is_well() -> None:
    finding = check_board(PI, PARTS)
    assert finding.verdict is Verdict.OK
    assert "Raspberry Pi 4 Model B Rev 1.5: aarch64, 64-bit" in finding.detail


@pytest.mark.parametrize(
    "machine, words, todo",
    [
        (replace(PI, processor="armv7l", bits=32), "not 64-bit", "64-bit"),
        (replace(PI, bits=32), "not 64-bit", "64-bit"),  # a 64-bit kernel under a 32-bit system
        (replace(PI, python=Path("/usr/local/bin/python3.13")), "not the system's interpreter", "make setup"),
        (replace(PI, packages={**PI.packages, "numpy": PIP / "numpy/__init__.py"}), f"numpy is not apt's ({PIP}/numpy)", "uninstall numpy"),
        (replace(PI, packages={**PI.packages, "numpy": None}), "numpy is not apt's (none)", "numpy"),
        (replace(PI, packages={**PI.packages, "picamera2": None}), "picamera2 is not there", "apt-get install python3-picamera2"),
        (replace(PI, packages={**PI.packages, "picamera2": PIP / "picamera2/__init__.py"}), "picamera2 is not apt's", "pip uninstall"),
    ],
)
def test_a_pi_set_up_wrong_is_a_fault_with_the_cure(machine: Machine, words: str, todo: str) -> None:
    finding = check_board(machine, PARTS)
    assert finding.verdict is Verdict.FAULT
    assert words in finding.detail
    assert todo in finding.todo


def test_without_its_own_camera_a_pi_may_have_any_numpy() -> None:
    machine = replace(PI, packages={"numpy": PIP / "numpy/__init__.py", "picamera2": None})
    assert check_board(machine, PARTS[1:]).verdict is Verdict.OK


def test_what_is_no_pi_is_not_held_to_it() -> None:
    finding = check_board(replace(PI, model="", processor="x86_64", packages={"numpy": None, "picamera2": None}), PARTS)
    assert (finding.verdict, "not a Raspberry Pi: x86_64" in finding.detail) == (Verdict.OK, True)


def test_this_machine_tells_of_itself() -> None:
    import numpy as np  # noqa: PLC0415 - where it really comes from

    here = Machine()
    assert here.packages["numpy"] == Path(np.__file__)
    assert here.python == Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    assert (here.processor, here.bits) == (os.uname().machine, 64)


def test_groups_that_are_missing_are_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getgrouplist", lambda _name, group: [group])
    monkeypatch.setattr("os.geteuid", lambda: 1)  # `daemon`, whom every system has
    finding = check_groups(PI, PARTS, tmp_path)
    assert finding is not None
    assert (finding.verdict, finding.detail) == (Verdict.NOTE, "daemon is not in dialout, gpio, render, video")
    assert "usermod -aG dialout,gpio,render,video daemon" in finding.todo
    monkeypatch.setattr("grp.getgrgid", lambda _number: type("Group", (), {"gr_name": "dialout"}))
    enough = check_groups(PI, PARTS[1:2], tmp_path)
    assert enough is not None
    assert (enough.verdict, enough.detail) == (Verdict.OK, "daemon is in dialout")
    assert check_groups(PI, [check_indicator_url("console:")], tmp_path) is None
    assert check_groups(replace(PI, model=""), PARTS, tmp_path) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root asks for another")
def test_root_asks_for_the_user_whose_the_state_is(tmp_path: Path) -> None:
    own = check_groups(PI, PARTS, tmp_path)
    assert own is not None
    assert own.verdict is Verdict.OK  # root needs no group
    os.chown(tmp_path, 65534, 65534)
    nobody = check_groups(PI, PARTS, tmp_path)
    assert nobody is not None
    assert "nobody is not in" in nobody.detail


def told(root: Path, file: str, text: str) -> Path:
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return root


@pytest.mark.parametrize(
    "bits, verdict, words",
    [
        ("0", Verdict.OK, "enough"),
        ("50000", Verdict.NOTE, "since the last start: too little voltage, slowed down"),
        ("50005", Verdict.FAULT, "now: too little voltage, slowed down"),
    ],
)
def test_power_is_judged_by_what_the_firmware_says(tmp_path: Path, bits: str, verdict: Verdict, words: str) -> None:
    finding = check_power(told(tmp_path, "sys/devices/platform/soc/soc:firmware/get_throttled", f"{bits}\n"))
    assert finding.verdict is verdict
    assert words in finding.detail


def test_heat_and_memory_are_noted_when_they_run_out(tmp_path: Path) -> None:
    hot = check_heat(told(tmp_path, "sys/class/thermal/thermal_zone0/temp", "82345\n"))
    assert (hot.verdict, hot.detail) == (Verdict.NOTE, "82 °C")
    assert check_heat(told(tmp_path, "sys/class/thermal/thermal_zone0/temp", "45000\n")).verdict is Verdict.OK
    assert check_memory(told(tmp_path, "proc/meminfo", "MemTotal: 1 kB\nMemAvailable:   90000 kB\n")).verdict is Verdict.NOTE
    assert check_memory(told(tmp_path, "proc/meminfo", "MemAvailable: 900000 kB\n")).detail == "900 MB free"


def test_what_a_machine_does_not_tell_is_not_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for finding in (check_power(tmp_path), check_heat(tmp_path), check_memory(told(tmp_path, "proc/meminfo", "?"))):
        assert (finding.verdict, finding.detail) == (Verdict.SKIPPED, "this machine does not tell")
