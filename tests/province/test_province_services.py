"""The province's services under a service manager; the broker may be away."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from manager import Manager
from province_world import ROOT, WAIT_S, founded, free_port


@pytest.mark.parametrize(
    "command, status",
    [("collect", "collects from "), ("admit", "the door is open on port "), ("web", "https://"), ("report serve", "every report is made")],
)
def test_it_is_ready_fed_and_says_that_it_stops_without_a_broker(tmp_path: Path, command: str, status: str) -> None:
    layout = founded(tmp_path / "province", free_port())
    where = ["--listen", f"127.0.0.1:{free_port()}"] if command == "web" else []
    with Manager(tmp_path / "notify") as manager:
        process = subprocess.Popen(
            [sys.executable, "-m", "province", *command.split(), str(layout.root), *where],
            cwd=ROOT,
            env=manager.environment,
            stderr=subprocess.DEVNULL,
        )
        try:
            manager.wait_for_first("READY=1")
            manager.wait_for_first("WATCHDOG=1")
            process.terminate()
            assert process.wait(WAIT_S) == 0
        finally:
            process.kill()
            process.wait(WAIT_S)
    assert any(each.startswith(status) for each in manager.statuses)
    assert "STOPPING=1" in manager.heard
