"""A file that the agent's user lays down restarts the device, once, under a real systemd; nothing else that user lays there does."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_systemd import START_S, Machine, booted

from edge_agent.commands.executors import RESTART_REQUEST

PATH, SERVICE = "gate-device-restart.path", "gate-device-restart.service"
AS_GATE = ("setpriv", "--reuid=gate", "--regid=gate", "--clear-groups")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with booted(tmp_path) as machine:
        for name in (PATH, SERVICE):
            machine.run("cp", f"/srv/gate-scanner/systemd/{name}", "/run/systemd/system/")
            drop_in = machine.file(f"/run/systemd/system/{name}.d")
            drop_in.mkdir()
            (drop_in / "here.conf").write_text("[Unit]\nDefaultDependencies=no\n", encoding="utf-8")
        yield machine


def until_ended(first: int) -> None:
    """Waits until the machine is no more: its first process ends, as it does where there is no hardware to restart."""
    assert select.select([first], [], [], START_S)[0], "it was not restarted"


def test_the_file_restarts_the_device(machine: Machine) -> None:
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", PATH)
    machine.run(*AS_GATE, "touch", "/run/gate-scanner/anything")
    assert machine.show(SERVICE, "ActiveState") == "inactive"
    first = os.pidfd_open(machine._pid)
    try:
        machine.run(*AS_GATE, "touch", f"/run/gate-scanner/{RESTART_REQUEST}")
        until_ended(first)
    finally:
        os.close(first)


def test_it_is_taken_away_before_anything_is_restarted(machine: Machine) -> None:
    taken = "[Service]\nExecStart=\nExecStart=/usr/bin/rm /run/gate-scanner/restart-device\nExecStart=/usr/bin/true\n"
    machine.file(f"/run/systemd/system/{SERVICE}.d/harmless.conf").write_text(taken, encoding="utf-8")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", PATH)
    machine.run(*AS_GATE, "touch", f"/run/gate-scanner/{RESTART_REQUEST}")
    machine.run("timeout", "20", "sh", "-c", f"while [ -e /run/gate-scanner/{RESTART_REQUEST} ]; do sleep 0.02; done")
    machine.wait_for(SERVICE, "Result", "success")
    machine.wait_for(SERVICE, "ActiveState", "inactive")
