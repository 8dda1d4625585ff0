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
from dataclasses import dataclass, field
from pathlib import Path

from page_world import Browser

_ADDRESS = re.compile(r"https://127\.0\.0\.1:(\d+)/")
_ENDED_S = 30.0
_FLEET = re.compile(r"operator: https://127\.0\.0\.1:(\d+)/")
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


@dataclass
class Told:
    """What the command says before its people have passed: where the pages are, and how to come in, by who somebody is."""

    authority: Path
    port: int = 0
    fleet_port: int = 0
    logins: dict[str, tuple[str, str]] = field(default_factory=dict)

    def read(self, lines: Iterator[str]) -> None:
        for line in lines:
            if (found := _FLEET.search(line)) is not None:
                self.fleet_port = int(found[1])
            elif (found := _ADDRESS.search(line)) is not None:
                self.port = int(found[1])
            elif (login := _LOGIN.match(line)) is not None:
                self.logins[login[3]] = (login[1], login[2])
            elif line.startswith("{"):
                return

    def browser(self, who: str) -> Browser:
        """Of whoever is described so; in."""
        [(phone, password)] = [login for told, login in self.logins.items() if who in told]
        browser = Browser(self.port, self.authority)
        assert browser.post("/vi/login", {"phone": phone, "password": password}).status == 303, who
        assert browser.get("/vi/").status == 200
        return browser


def test_what_it_prints_lets_each_role_in_and_every_page_has_something_to_show(tmp_path: Path) -> None:
    told = Told(tmp_path / "demo/province/authority/ca.crt")
    with demonstration(tmp_path / "demo") as lines:
        told.read(lines)
        assert len(told.logins) == 7
        for who in told.logins:
            told.browser(who)
        _look_as_tracer(told.browser("tracing officer of the district"))
        _look_as_keeper(told.browser("keeper"))
        _look_as_reporter(told.browser("reporter"))
        _look_as_operator(told)


def _look_as_tracer(browser: Browser) -> None:
    assert "Ca số 1" in browser.get("/vi/").text
    case = browser.get("/vi/tracing/1")
    assert case.status == 200
    assert "Vẽ theo tọa độ" in case.text


def _look_as_keeper(browser: Browser) -> None:
    assert "Chợ Cốc Lều" in browser.get("/vi/").text
    board = browser.get("/vi/board/cho-coc-leu").text
    assert board.count('<tr id="p') > 2
    assert "Cổng 1" in board


def _look_as_reporter(browser: Browser) -> None:
    assert "DOCX" in browser.get("/vi/reports/files").text
    assert "chưa có số liệu" not in browser.get("/vi/reports").text
    assert "9.840" in browser.get("/vi/reports/figures").text


def _look_as_operator(told: Told) -> None:
    browser = told.browser("operator")
    assert '<a href="/vi/fleet">' in browser.get("/vi/").text
    there = browser.get("/vi/fleet")
    assert (there.status, there.headers["location"]) == (303, f"https://127.0.0.1:{told.fleet_port}/vi/")
    [(phone, password)] = [login for who, login in told.logins.items() if "operator" in who]
    page = Browser(told.fleet_port, told.authority)
    assert page.login(phone, password).status == 303
    assert "Chợ Cốc Lều" in page.get("/vi/").text


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
