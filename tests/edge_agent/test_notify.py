"""What is said to systemd, on a real socket."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from manager import Manager

from edge_agent.base.notify import Beat, Notifier, of_this_process


@pytest.mark.parametrize("abstract", [False, True])
def test_the_manager_hears_ready_alive_and_stopping(tmp_path: Path, abstract: bool) -> None:
    with Manager(tmp_path / "notify", abstract=abstract) as manager:
        notifier = Notifier.of(manager.environment, 7)
        notifier.ready("open")
        notifier.status("open")
        notifier.status("closed")
        notifier.alive()
        notifier.stopping()
        manager.wait_for_first("STATUS=stopping")
    assert manager.heard == ["READY=1", "STATUS=open", "STATUS=closed", "WATCHDOG=1", "STOPPING=1", "STATUS=stopping"]


def test_a_long_step_is_announced_and_its_end_too(tmp_path: Path) -> None:
    with Manager(tmp_path / "notify") as manager:
        notifier = Notifier.of(manager.environment, 7)
        notifier.may_take(600)
        notifier.alive()
        notifier.ready()
        for _ in range(2):
            notifier.may_take(600)
        notifier.may_take(1)  # which it has anyway
        notifier.alive()
        notifier.alive()
        notifier.stopping()
        manager.wait_for_first("STATUS=stopping")
    before, after = ["EXTEND_TIMEOUT_USEC=600000000", "EXTEND_TIMEOUT_USEC=60000000"], ["WATCHDOG_USEC=600000000"] * 2
    assert manager.heard[:-2] == [*before, "READY=1", "STATUS=", *after, "WATCHDOG_USEC=3000000", "WATCHDOG=1", "WATCHDOG=1"]


@pytest.mark.parametrize("environment, beat_s", [
    ({}, None),
    ({"WATCHDOG_USEC": "8000000"}, None),
    ({"NOTIFY_SOCKET": "/nowhere"}, 5.0),
    ({"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "8000000"}, 2.0),
    ({"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "8000000", "WATCHDOG_PID": "7"}, 2.0),
    ({"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "8000000", "WATCHDOG_PID": "8"}, 5.0),
    ({"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "soon"}, 5.0),
    ({"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "0"}, 5.0),
])  # fmt: skip
def test_how_often_depends_on_who_listens(environment: dict[str, str], beat_s: float | None) -> None:
    assert Notifier.of(environment, 7).beat_s == beat_s


def test_without_a_manager_nothing_happens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setattr(socket, "socket", None)  # whoever made one would fail
    silent = of_this_process()
    silent.ready("open")
    Beat(silent)()
    silent.stopping()
    monkeypatch.undo()
    Notifier(str(tmp_path / "gone"), 3.0).ready("open")


def test_a_manager_that_reads_nothing_keeps_nobody_waiting(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "notify"))
        notifier = Notifier(str(tmp_path / "notify"), 3.0)
        notifier.ready()
        for _ in range(2000):  # far more than a socket holds
            notifier.alive()


def test_a_loop_is_told_of_as_often_as_the_manager_wants_to_hear(tmp_path: Path) -> None:
    now_s = [100.0]
    with Manager(tmp_path / "notify", 4.0) as manager:
        beat = Beat(Notifier.of(manager.environment, 7), lambda: now_s[0])
        beat.notifier.ready()
        for _ in range(10):
            beat()
            now_s[0] += 0.5
        beat.notifier.stopping()
        manager.wait_for_first("STOPPING=1")
    assert manager.count("WATCHDOG=1") == 5
