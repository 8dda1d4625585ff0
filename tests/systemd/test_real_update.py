"""Slots under a real systemd with our units: a trial runs in the services' own sandboxes, is kept by request, given up by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import test_real_systemd
from gate_world import Enrolled, Reader
from real_systemd import Machine, booted

SLOTS = "/var/lib/gate-scanner-slots"
FIRMWARE, AGENT = "gate-firmware.service", "gate-agent.service"
device, reader = test_real_systemd.device, test_real_systemd.reader
# A version that is the package's own in a folder of its own, with a mark by which to tell it
_MAKE = """
mkdir -p {slots}/{name}/bin {slots}/{name}/lib/$(basename $(readlink -f /usr/bin/python3))
for each in gate-firmware gate-agent; do
    printf '#!/bin/sh\\n{line}\\nexec /usr/lib/gate-scanner/current/bin/%s "$@"\\n' $each > {slots}/{name}/bin/$each
    chmod 755 {slots}/{name}/bin/$each
done
touch {slots}/{name}/complete
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, device: Enrolled, reader: Reader) -> Iterator[Machine]:
    with booted(tmp_path_factory.mktemp("machine")) as machine:
        test_real_systemd.set_up(machine, device, reader)
        soon = "[Service]\nRestartSec=0\n"
        for service in (FIRMWARE, AGENT):
            machine.file(f"/run/systemd/system/{service}.d/soon.conf").write_text(soon, encoding="utf-8")
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "start", "gate-update.path", FIRMWARE, AGENT)
        yield machine


def make(machine: Machine, name: str, line: str = "export GATE_MARK=slot") -> None:
    machine.run("sh", "-c", _MAKE.format(slots=SLOTS, name=name, line=line))


def try_it(machine: Machine, name: str, attempt: str) -> None:
    """As root does once a version is made."""
    machine.run("sh", "-c", f"rm -f {SLOTS}/back {SLOTS}/starts; echo {name} {attempt} > {SLOTS}/trial")
    machine.run("systemctl", "--no-block", "restart", FIRMWARE, AGENT)


def until(machine: Machine, condition: str) -> None:
    machine.run("timeout", "50", "sh", "-c", f"until {condition}; do sleep 0.1; done")


def test_a_trial_runs_in_the_sandboxes_and_is_kept_by_request(machine: Machine) -> None:
    make(machine, "good")
    try_it(machine, "good", "a1")
    for service in (AGENT, FIRMWARE):
        pid = f"$(systemctl show --value -p MainPID {service})"
        until(machine, f'[ "$(systemctl is-active {service})" = active ] && grep -qz GATE_MARK=slot /proc/{pid}/environ')
    starts = machine.run("cat", f"{SLOTS}/starts").split()
    assert {"gate-firmware", "gate-agent"} == set(starts)
    machine.run(
        "setpriv", "--reuid", "gate", "--regid", "gate", "--clear-groups", "sh", "-c", "echo good a1 > /run/gate-scanner/update-request"
    )
    until(machine, f"[ ! -e {SLOTS}/trial ]")
    assert machine.run("cat", f"{SLOTS}/current").strip() == "good"
    assert not machine.file("/run/gate-scanner/update-request").exists()


def test_a_version_that_does_not_start_is_given_up_and_the_other_service_goes_back_with_it(machine: Machine) -> None:
    make(machine, "bad", '[ "${0##*/}" != gate-agent ] || exit 1; export GATE_MARK=bad')
    try_it(machine, "bad", "b2")
    until(machine, f"[ ! -e {SLOTS}/trial ]")
    assert machine.run("cat", f"{SLOTS}/back").startswith("b2 crash-loop: gate-agent")
    for service in (AGENT, FIRMWARE):
        pid = f"$(systemctl show --value -p MainPID {service})"
        until(machine, f'[ "$(systemctl is-active {service})" = active ] && ! grep -qz GATE_MARK=bad /proc/{pid}/environ')
    assert machine.run("stat", "--format=%a", f"{SLOTS}/back").strip() == "644"  # the agent tells what is in it


def test_the_starts_of_a_version_in_use_are_counted_in_the_sandboxes_too(machine: Machine) -> None:
    make(machine, "counted")
    machine.run("sh", "-c", f"rm -f {SLOTS}/trial; echo counted > {SLOTS}/current")
    for service in (AGENT, FIRMWARE):
        counted = f"/run/gate-scanner-slots/{service.removesuffix('.service')}"
        before = machine.run("sh", "-c", f"cat {counted} 2>/dev/null || true").split()
        machine.run("systemctl", "restart", service)
        assert len(machine.run("cat", counted).split()) == len(before) + 1


def test_a_trial_that_nobody_ends_is_ended(machine: Machine) -> None:
    make(machine, "lost")
    try_it(machine, "lost", "c3")
    machine.run("systemctl", "start", "gate-update-late.service")
    until(machine, f"[ ! -e {SLOTS}/trial ]")
    assert machine.run("cat", f"{SLOTS}/back").startswith("c3 late:")


def test_the_agents_user_cannot_write_where_versions_are(machine: Machine) -> None:
    user = ["setpriv", "--reuid", "gate", "--regid", "gate", "--clear-groups"]
    machine.run(*user, "sh", "-c", f"! touch {SLOTS}/current 2>/dev/null && ! rm {SLOTS}/back 2>/dev/null")
