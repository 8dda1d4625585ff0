"""The units as systemd reads them: nothing unknown, as closed as we say, and never waiting for a network."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import gate_fixtures
import pytest
from gate_run import Gate
from gate_world import Enrolled, Reader, gate_toml
from manager import Manager

from edge_agent.base.ending import RESTART_STATUS
from edge_agent.commands.executors import RESTART_REQUEST
from firmware.person_codes import write_person
from province.base import secret_files
from province.base.layout import Layout
from province.demo.synthetic import synthetic_people

UNITS = Path(__file__).parents[2] / "systemd"
ALL = sorted(path.name for path in UNITS.glob("gate-*.*"))
SERVICES = [name for name in ALL if name.endswith(".service")]
EXPOSURE = {
    "gate-firmware.service": 15, "gate-agent.service": 10, "gate-province-collect.service": 15, "gate-province-admit.service": 15,
    "gate-province-watch.service": 15, "gate-province-fleet.service": 15, "gate-province-web.service": 15,
    "gate-province-api.service": 15,
    "gate-province-releases.service": 15, "gate-province-reports.service": 15,
    "gate-province-checkin.service": 15, "gate-province-checkin-agent.service": 15,
    "gate-device-restart.service": 20, "gate-update.service": 25, "gate-update-late.service": 10,
}  # fmt: skip

ROOTS_ONLY = {"chown", "fchown"}  # SQLite and the self-test give files to their folder's owner
MAY_BE_REFUSED = {"mbind"}  # OpenBLAS, where numpy loads it: it goes on without

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here: apt install systemd")
enrolled, reader = gate_fixtures.enrolled, gate_fixtures.reader


def analyze(*words: object) -> str:
    done = subprocess.run(["systemd-analyze", *map(str, words)], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def version() -> int:
    return int(re.findall(r"systemd (\d+)", analyze("--version"))[0])


def unit(name: str) -> dict[str, list[str]]:
    """The settings of a unit, each with all its values."""
    settings: dict[str, list[str]] = {}
    for line in (UNITS / name).read_text("utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            settings.setdefault(key, []).append(value)
    return settings


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units, as if our commands were installed: systemd looks for them."""
    for name in ALL:
        text = (UNITS / name).read_text("utf-8")
        (tmp_path / name).write_text(
            re.sub(
                r"(?<=^ExecStart=)/usr/(bin/gate-\w+|share/\S+|lib/gate-\S+)|(?<=^ExecStopPost=-)/usr/bin/gate-\w+|(?<=^ExecStartPre=\+)/usr/share/\S+",
                sys.executable,
                text,
                flags=re.MULTILINE,
            ),
            encoding="utf-8",
        )
    return tmp_path


@needs_systemd
def test_systemd_finds_nothing_wrong(installed: Path) -> None:
    assert analyze("verify", *(installed / name for name in ALL)) == ""


@needs_systemd
@pytest.mark.parametrize("drop_in, least, services", [
    ("gpsd.conf", 252, ["gate-firmware.service"]), ("restart-steps.conf", 254, ["gate-firmware.service", "gate-agent.service"]),
])  # fmt: skip
def test_nor_with_what_may_be_added(installed: Path, drop_in: str, least: int, services: list[str]) -> None:
    if version() < least:
        pytest.skip(f"{drop_in} is for systemd {least} and later, here is {version()}")
    for name in services:
        (installed / f"{name}.d").mkdir()
        shutil.copy(UNITS / "optional" / drop_in, installed / f"{name}.d")
    assert analyze("verify", *(installed / name for name in services)) == ""


@needs_systemd
@pytest.mark.parametrize("name", SERVICES)
def test_it_is_as_closed_as_we_say(name: str) -> None:
    analyze("security", "--offline=yes", f"--threshold={EXPOSURE.get(name, 5)}", UNITS / name)


@needs_systemd
def test_a_gate_with_gpsd_is_hardly_more_open(installed: Path) -> None:
    (installed / "gate-firmware.service.d").mkdir()
    shutil.copy(UNITS / "optional" / "gpsd.conf", installed / "gate-firmware.service.d")
    analyze("security", "--offline=yes", "--threshold=20", installed / "gate-firmware.service")


@pytest.mark.parametrize("name", ["gate-firmware.service", "gate-agent.service"])
def test_people_pass_without_a_network_and_nobody_gives_up(name: str) -> None:
    settings = unit(name)
    ordering = " ".join(settings["After"] + settings.get("Wants", []) + settings.get("Requires", []))
    assert "time-set.target" in ordering
    assert "network" not in ordering
    assert settings["StartLimitIntervalSec"] == ["0"]
    assert settings["Restart"] == ["always"]
    assert settings["SuccessExitStatus"] == [str(RESTART_STATUS)]
    assert int(settings["WatchdogSec"][0]) >= 60


def test_the_agents_request_is_the_file_that_systemd_watches() -> None:
    (watched,) = unit("gate-device-restart.path")["PathExists"]
    assert watched == f"/run/gate-scanner/{RESTART_REQUEST}"
    taken, restarted = unit("gate-device-restart.service")["ExecStart"]
    assert (taken, restarted) == (
        f"/usr/bin/rm {watched}",
        "/usr/bin/systemctl --no-block reboot",
    )  # taken first, or it would restart for ever


def test_both_work_on_the_same_folders_as_the_same_user() -> None:
    firmware, agent = unit("gate-firmware.service"), unit("gate-agent.service")
    for key in ("User", "Group", "StateDirectory", "RuntimeDirectoryPreserve", "LoadCredential"):
        assert firmware[key] == agent[key]
    assert agent["RuntimeDirectory"][0].split()[0] == firmware["RuntimeDirectory"][0]


def test_what_faces_everybody_sees_no_key_of_the_province_but_its_own() -> None:
    layout, state = Layout(Path("/var/lib/gate-province/province")), Path("/var/lib/gate-province/checkin")
    page, agent = unit("gate-province-checkin.service"), unit("gate-province-checkin-agent.service")
    hidden = {Path(value.removeprefix("-")) for value in page["InaccessiblePaths"]}
    assert {folder for folder in secret_files.folders(layout) if folder not in hidden} == {layout.checkin}
    assert not hidden & {layout.root, layout.register, state}
    assert agent["InaccessiblePaths"] == [f"-{layout.root}"]
    assert Path("/var/lib") / agent["StateDirectory"][0] == state
    assert page["PrivateUsers"] == agent["PrivateUsers"] == ["yes"]  # or /proc/PID/root of the others would show it


def test_no_two_of_a_provinces_pages_want_one_port() -> None:
    ports = {}
    for command in ("fleet-page", "web", "api", "checkin"):
        module = {"fleet-page": "fleetpage"}.get(command, command)
        text = (UNITS.parent / "province" / "shell" / f"{module}_command.py").read_text("utf-8")
        (ports[command],) = re.findall(r'add_options\(\w+, "127\.0\.0\.1:(\d+)"\)', text)
    assert len(set(ports.values())) == len(ports), ports


@needs_systemd
def test_the_check_in_page_may_ask_what_stands_in_its_entries() -> None:
    name = "gate-province-checkin.service"
    assert "adjtimex" in allowed_calls(name), "how good the clock is"
    assert "ProtectClock" not in unit(name)
    assert "ProcSubset" not in unit(name), "the boot's id"


@pytest.mark.parametrize("name", SERVICES)
def test_nobody_is_left_in_a_core_file_or_in_swap(name: str) -> None:
    assert unit(name)["LimitCORE"] == unit(name)["MemorySwapMax"] == ["0"]


def test_a_reader_plugged_in_later_is_allowed_because_its_kernel_module_is_there() -> None:
    settings = unit("gate-firmware.service")
    allowed = {value.split()[0].removeprefix("char-") for value in settings["DeviceAllow"]}
    assert {"video4linux", "media", "dma_heap", "gpiochip", "i2c", "ttyACM", "ttyUSB", "ttyAMA", "hidraw", "input", "fb"} <= allowed
    assert not any("watchdog" in value or "mem" in value for value in allowed)
    before = " ".join(settings["After"])
    for module in ("cdc_acm", "usbserial", "i2c_dev", "mc", "videodev"):
        assert f"modprobe@{module}.service" in before
    assert "DeviceAllow" not in unit("gate-agent.service")


def drop_in(file: str) -> configparser.SectionProxy:
    read = configparser.ConfigParser(strict=False, interpolation=None)
    read.read(UNITS / file, encoding="utf-8")
    [section] = read.sections()
    return read[section]


def test_the_log_stays_in_memory_and_is_small() -> None:
    journal = drop_in("journald.conf.d/gate-scanner.conf")
    assert (journal["Storage"], journal["ForwardToSyslog"]) == ("volatile", "no")
    assert int(journal["RuntimeMaxUse"].removesuffix("M")) <= 32


def test_a_kernel_that_hangs_is_started_anew_by_the_hardware() -> None:
    manager = drop_in("system.conf.d/gate-scanner.conf")
    assert 0 < int(manager["RuntimeWatchdogSec"].removesuffix("s")) <= 15  # a Raspberry Pi's counts no further
    assert (manager["CrashReboot"], manager["DumpCore"]) == ("yes", "no")


def test_nobody_else_looks_into_the_state_folder() -> None:
    for name in ("gate-firmware.service", "gate-agent.service"):
        assert (unit(name)["StateDirectory"], unit(name)["StateDirectoryMode"], unit(name)["UMask"]) == (
            ["gate-scanner"],
            ["0700"],
            ["0077"],
        )
    assert "\nd /var/lib/gate-scanner 0700 gate gate -\n" in (UNITS / "tmpfiles.d" / "gate-scanner.conf").read_text("utf-8")


@pytest.mark.parametrize("file, section", [
    ("system.conf.d/gate-scanner.conf", "Manager"), ("journald.conf.d/gate-scanner.conf", "Journal"),
    ("chrony.service.d/gate-scanner.conf", "Service"),
])  # fmt: skip
def test_drop_ins_have_their_one_section(file: str, section: str) -> None:
    read = configparser.ConfigParser(strict=False, interpolation=None)
    read.read(UNITS / file, encoding="utf-8")
    assert read.sections() == [section]


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="systemd-sysusers is not here: apt install systemd")
@pytest.mark.parametrize("file", ["gate-scanner.conf", "gate-province.conf"])
def test_users_can_be_made(file: str, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    made = subprocess.run(
        ["systemd-sysusers", "--dry-run", f"--root={tmp_path}", "-"], input=(UNITS / "sysusers.d" / file).read_text("utf-8"),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert f"Creating user '{'gate' if 'scanner' in file else 'gate-province'}'" in made.stderr


def allowed_calls(name: str) -> set[str]:
    """The system calls that a service may make, as systemd understands its lines."""
    allowed: set[str] = set()
    for line in unit(name)["SystemCallFilter"]:
        named = members(line.removeprefix("~"))
        allowed = allowed - named if line.startswith("~") else allowed | named
    return allowed | members("@default")


def members(words: str) -> set[str]:
    found: set[str] = set()
    for word in words.split():
        lines = analyze("syscall-filter", word).splitlines()[1:] if word.startswith("@") else [word]
        for each in (line.strip() for line in lines):
            found |= members(each) if each.startswith("@") else {each} if each and not each.startswith("#") else set()
    return found


@needs_systemd
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here")
def test_firmware_makes_no_call_that_its_unit_forbids(enrolled: Enrolled, reader: Reader, tmp_path: Path) -> None:
    config = gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url})
    with Manager(tmp_path / "notify") as manager:
        running = Gate(config, within=f'exec strace -f -c -qq -o "{tmp_path}/calls" "$@"', env=manager.environment, first=True)
        try:
            manager.wait_for_first("READY=1")
            reader.scan(write_person(synthetic_people(1)[0]))
            running.out.wait_for("accepted")
            children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text("ascii").split()
            subprocess.run(["kill", children[0]], check=True)
            assert running.process.wait(60) == 0
        finally:
            running.kill()
    called = set(re.findall(r"(\w+)$", (tmp_path / "calls").read_text("ascii"), re.MULTILINE)) - {"total", "syscall"}
    assert {"openat", "fsync", "sendto"} <= called
    assert called - allowed_calls("gate-firmware.service") <= ROOTS_ONLY | MAY_BE_REFUSED
