"""`gate-firmware run` under a service manager: ready when it reads, fed while its consumer works, silent when it is stuck."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import gate_fixtures
import pytest
from gate_run import RUN, Gate, opened_before
from gate_world import ROOT, WAIT_S, Enrolled, Reader, gate_toml
from manager import Manager

from firmware.person_codes import write_person
from province.demo.synthetic import synthetic_people

enrolled, reader = gate_fixtures.enrolled, gate_fixtures.reader


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with Manager(tmp_path / "notify") as manager:
        yield manager


@contextmanager
def gate(config: Path, manager: Manager) -> Iterator[Gate]:
    running = Gate(config, env=manager.environment)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.kill()


def test_it_is_ready_when_it_reads_fed_while_it_works_and_says_that_it_stops(enrolled: Enrolled, reader: Reader, manager: Manager) -> None:
    [person] = synthetic_people(1)
    with gate(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url}), manager) as running:
        manager.wait_for_first("READY=1")
        reader.scan(write_person(person))
        running.out.wait_for("accepted")
        manager.wait_for("WATCHDOG=1", 2)
        assert running.stop() == 0
    assert manager.heard.index("READY=1") < manager.heard.index("WATCHDOG=1")
    assert "open; 1 of 1 lanes read; outbox 0% full; clock synchronised" in manager.statuses or any(
        "lanes read" in s for s in manager.statuses
    )
    assert manager.heard[-2:] == ["STOPPING=1", "STATUS=stopping"]
    told = "\n".join(manager.heard)
    assert person.name not in told
    assert person.id_number not in told


def test_with_one_lane_of_two_away_the_feed_goes_on(enrolled: Enrolled, reader: Reader, manager: Manager, tmp_path: Path) -> None:
    lanes = [
        {"name": "in", "direction": "in", "reader": reader.url},
        {"name": "out", "direction": "out", "reader": f"serial:{tmp_path}/none"},
    ]
    with gate(gate_toml(enrolled, *lanes), manager) as running:
        running.err.wait_for("lane out: fault")
        manager.wait_for("WATCHDOG=1", 2)
        assert any("1 of 2 lanes read" in status for status in manager.statuses)
        assert running.stop() == 0


def test_a_consumer_that_is_stuck_is_fed_no_more_and_again_when_it_goes_on(enrolled: Enrolled, reader: Reader, manager: Manager) -> None:
    people = synthetic_people(1)
    out, into = os.pipe()
    fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, 4096)
    config = opened_before(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url}))
    environment = {**os.environ, **manager.environment}
    with subprocess.Popen([*RUN, "--config", str(config)], cwd=ROOT, stdout=into, stderr=subprocess.DEVNULL, env=environment) as process:
        manager.wait_for_first("WATCHDOG=1")
        ours = os.open(f"/proc/self/fd/{into}", os.O_WRONLY | os.O_NONBLOCK)
        with suppress(BlockingIOError):
            while True:
                os.write(ours, b"\n")  # a terminal that takes no more: whoever answers on it waits
        reader.scan(write_person(people[0]))
        manager.wait_until_it_would_restart()
        os.close(into)
        os.close(ours)
        os.read(out, 4096)
        manager.wait_for("WATCHDOG=1", 2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0
        os.close(out)


def test_a_device_that_is_nobodys_is_ready_for_its_ticket(tmp_path: Path, reader: Reader, manager: Manager) -> None:
    config = tmp_path / "gate.toml"
    device = f'[device]\nstate = "{tmp_path}/state"\nruntime = "{tmp_path}/run"\nmemory = true\n'
    config.write_text(f'{device}[[lane]]\nname = "in"\ndirection = "in"\nreader = "{reader.url}"\n', encoding="utf-8")
    with gate(config, manager) as running:
        manager.wait_for_first("READY=1")
        assert manager.statuses[-1] == "waits for an enrolment ticket"
        manager.wait_for("WATCHDOG=1", 2)
        assert running.stop() == 0


def test_where_it_hung_is_told_by_file_and_line_alone(enrolled: Enrolled, reader: Reader, manager: Manager) -> None:
    config = opened_before(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url}))
    environment = {**os.environ, **manager.environment, "PYTHONFAULTHANDLER": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "firmware", "run", "--config", str(config)], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        manager.wait_for_first("WATCHDOG=1")
        process.send_signal(signal.SIGABRT)  # what systemd sends when its patience ends
        assert process.stderr is not None
        told = process.stderr.read()
    assert process.returncode == -signal.SIGABRT
    assert "consumer.py" in told or "inbox.py" in told
