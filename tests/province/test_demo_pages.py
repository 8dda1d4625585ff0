"""The demonstration: what it prints lets somebody of each role in, its gate is on the keeper's board, and it leaves nothing running."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from page_world import Browser

_ADDRESS = re.compile(r"https://127\.0\.0\.1:(\d+)/")
_ENDED_S = 30.0
_LOGIN = re.compile(r"^  (0100\d{6})  (\S+)  (.+)$")


def started(folder: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-m", "province", "demo", "--people", "2", "--keep", str(folder), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})


def children(pid: int) -> dict[str, int]:
    """A process's children: pid file descriptors by the name they run under."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, rest = stat.read_text().partition("(")[2].rsplit(")", 1)
            if int(rest.split()[1]) == pid:  # proc_pid_stat(5): state, then the parent
                found[f"{name} {stat.parent.name}"] = os.pidfd_open(int(stat.parent.name))
    return found


@contextmanager
def demonstration(folder: Path) -> Iterator[Iterator[str]]:
    """The command, ended as by Ctrl-C; what is yielded are its lines."""
    with started(folder) as process:
        assert process.stdout is not None
        try:
            yield iter(process.stdout)
        finally:
            process.send_signal(signal.SIGINT)
            process.stdout.read()
            assert process.wait(30) == 0


def test_what_it_prints_lets_each_role_in_and_the_gate_is_on_a_board(tmp_path: Path) -> None:
    with demonstration(tmp_path / "demo") as lines:
        address, logins = 0, dict[str, tuple[str, str]]()
        for line in lines:
            if (found := _ADDRESS.search(line)) is not None:
                address = int(found[1])
            elif (login := _LOGIN.match(line)) is not None:
                logins[login[3]] = (login[1], login[2])
            elif line.startswith("{"):
                break
        assert len(logins) == 7
        for who, (phone, password) in logins.items():
            browser = Browser(address, tmp_path / "demo/province/authority/ca.crt")
            assert browser.post("/vi/login", {"phone": phone, "password": password}).status == 303, who
            home = browser.get("/vi/")
            assert home.status == 200
            if "tracing officer of the district" in who:
                assert "Ca số 1" in home.text
                assert browser.get("/vi/tracing/1").status == 200
            if "keeper" in who:
                assert "Chợ Cốc Lều" in home.text
                board = browser.get("/vi/board/cho-coc-leu").text
                assert board.count('<tr id="p') > 2
                assert "Cổng 1" in board


def test_nothing_that_it_started_outlives_it_even_where_it_is_killed(tmp_path: Path) -> None:
    with started(tmp_path / "demo", "--no-pages") as process:
        assert process.stdout is not None
        assert any(line.startswith("{") for line in iter(process.stdout.readline, ""))
        still = children(process.pid)
        try:
            assert [name.partition(" ")[0] for name in still].count("mosquitto") == 1
            assert len(still) == 4  # and collector, gate and agent
            process.kill()
            for name, child in still.items():
                assert select.select([child], [], [], _ENDED_S)[0], name
        finally:
            for child in still.values():
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(child, signal.SIGKILL)
                os.close(child)
            process.kill()
