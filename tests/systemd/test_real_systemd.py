"""Our units under a real systemd: they start, work in their sandbox, are started anew when they hang, and stop."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from gate_world import Enrolled, Reader, gate_toml
from real_broker import Authority
from real_systemd import Machine, booted

from firmware.person_codes import write_person
from province.demo.synthetic import synthetic_people

FIRMWARE, AGENT = "gate-firmware.service", "gate-agent.service"
SERIAL_GROUP = 20  # dialout, in every Debian
METRICS = 9437


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with booted(tmp_path_factory.mktemp("machine")) as machine:
        yield machine


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Enrolled:
    folder = tmp_path_factory.mktemp("device")
    return Enrolled(folder / "state", folder / "run")


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    reader = Reader(tmp_path_factory.mktemp("reader") / "tty")
    os.chown(reader.link, -1, SERIAL_GROUP)
    reader.link.chmod(0o660)
    yield reader
    reader.unplug()


@pytest.fixture(scope="module")
def blank(machine: Machine) -> str:
    """What the agent of a device that is nobody's says and sees."""
    blank = '[[lane]]\nname = "in"\ndirection = "in"\nreader = "serial:/dev/ttyACM0"\n'
    machine.file("/etc/gate-scanner/gate.toml").write_text(blank, encoding="utf-8")
    machine.run("systemctl", "start", AGENT)
    root = f"/proc/{machine.show(AGENT, 'MainPID')}/root"
    machine.wait_for(AGENT, "StatusText", "waits")
    state = f"{root}/var/lib/gate-scanner"
    machine.run("timeout", "20", "sh", "-c", f"until [ -e {state}/identity/signing.key ]; do sleep 0.05; done")
    seen = machine.run("ls", root, f"{root}/var", f"{root}/var/lib", f"{root}/run", state, f"{state}/identity")
    status = machine.show(AGENT, "StatusText")
    machine.run("systemctl", "stop", AGENT)
    machine.run("rm", "-r", "/var/lib/gate-scanner/identity")
    return f"{status}\n{seen}"


@pytest.fixture(scope="module")
def installed(machine: Machine, device: Enrolled, reader: Reader, blank: str) -> Machine:
    """The machine with a member's gate on it, and a watchdog of a few seconds."""
    assert blank  # that was before
    set_up(machine, device, reader)
    shutil.copytree(device.state, machine.file("/var/lib/gate-scanner"), dirs_exist_ok=True)
    machine.run("chown", "-R", "gate:gate", "/var/lib/gate-scanner")
    machine.file(f"/run/systemd/system/{FIRMWARE}.d/soon.conf").write_text("[Service]\nWatchdogSec=4\nRestartSec=0\n", encoding="utf-8")
    machine.run("systemctl", "daemon-reload")
    return machine


def set_up(machine: Machine, device: Enrolled, reader: Reader) -> None:
    """Writes the gate's configuration."""
    url = f"serial:{reader.link.readlink()}"
    text = gate_toml(device, {"name": "in", "direction": "in", "reader": url}).read_text("utf-8")
    text = text.replace(str(device.state), "/var/lib/gate-scanner").replace(str(device.runtime), "/run/gate-scanner")
    text += f"[agent]\nprometheus_port = {METRICS}\n"
    machine.file("/etc/gate-scanner/gate.toml").write_text(text, encoding="utf-8")


@pytest.fixture
def gate(installed: Machine) -> Machine:
    """The same, and the gate reads."""
    installed.run("systemctl", "start", FIRMWARE)  # returns when it does
    return installed


def test_the_gate_reads_records_and_answers_in_its_sandbox(gate: Machine, reader: Reader) -> None:
    gate.wait_for(FIRMWARE, "StatusText", "1 of 1 lanes read")
    reader.scan(write_person(synthetic_people(1)[0]))
    gate.run("timeout", "20", "sh", "-c", "tail -n +1 -f /srv/given/firmware.log | grep -m1 accepted")
    process = gate.show(FIRMWARE, "MainPID")
    status = gate.run("cat", f"/proc/{process}/status")
    for line in ("NoNewPrivs:\t1", "Seccomp:\t2", "CapBnd:\t0000000000000000"):
        assert line in status
    assert gate.run("nsenter", f"--target={process}", "--net", "cat", "/proc/net/dev").count(":") == 1  # its own loopback alone


def test_it_is_started_anew_when_it_hangs_and_goes_on(gate: Machine) -> None:
    before, restarts = gate.show(FIRMWARE, "MainPID"), int(gate.show(FIRMWARE, "NRestarts"))
    gate.run("kill", f"-{int(signal.SIGSTOP)}", before)
    gate.wait_for(FIRMWARE, "NRestarts", str(restarts + 1))
    gate.wait_for(FIRMWARE, "StatusText", "1 of 1 lanes read")
    assert gate.show(FIRMWARE, "MainPID") != before
    noted = json.loads(gate.run("cat", "/run/gate-scanner/endings.json"))["counts"]
    assert noted["firmware_watchdog"] >= 1, "the agent tells why"


def test_a_credential_is_given_to_the_service_and_none_is_no_reason_to_fail(gate: Machine) -> None:
    key = gate.file("/var/lib/gate-scanner/identity/signing.key")
    gate.run("install", "-D", "-m", "600", "/var/lib/gate-scanner/identity/signing.key", "/etc/credstore/gate-scanner.signing.key")
    gate.run("systemctl", "restart", FIRMWARE)
    assert gate.show(FIRMWARE, "ActiveState") == "active"
    given = gate.run("ls", f"/run/credentials/{FIRMWARE}")
    assert given.split() == ["gate-scanner.signing.key"]
    assert key.exists()


def test_a_blank_devices_agent_waits_in_a_root_of_its_own(blank: str) -> None:
    assert "waits for an enrolment ticket" in blank
    seen = set(blank.split())
    assert {"usr", "etc", "gate-scanner", "agent.lock", "signing.key"} <= seen
    assert not seen & {"home", "boot", "mnt", "cache", "log"}


def test_it_stops_when_told_and_the_folder_of_the_other_stays(gate: Machine) -> None:
    gate.run("systemctl", "stop", FIRMWARE)
    assert (gate.show(FIRMWARE, "ActiveState"), gate.show(FIRMWARE, "Result")) == ("inactive", "success")
    assert gate.file("/run/gate-scanner").is_dir()


def test_the_agent_sees_its_board_from_its_sandbox(gate: Machine, tmp_path: Path) -> None:
    made, identity = Authority().endpoint(tmp_path, 1, "bus-co/scanner-1"), gate.file("/var/lib/gate-scanner/identity")
    for given, name in ((made.authority_file, "broker-ca.crt"), (made.certificate_file, "tls.crt"), (made.key_file, "tls.key")):
        shutil.copy(given, identity / name)
    gate.run("chown", "-R", "gate:gate", "/var/lib/gate-scanner/identity")
    gate.run("systemctl", "start", AGENT)
    url = f"http://127.0.0.1:{METRICS}/metrics"
    told = gate.run(
        "timeout", "30", "sh", "-c", f"until curl -sf {url} | grep 'gate_scanner_gate.*open'; do sleep 0.1; done; curl -sf {url}"
    )
    for metric in (
        "cpu_busy_percent",
        "memory_available_mb",
        "memory_agent_mb",
        "disk_free_mb",
        "network_kind",
        "uptime_s",
        "outbox_waiting",
    ):
        assert f"\ngate_scanner_{metric}" in told, told
    gate.run("systemctl", "stop", AGENT)
