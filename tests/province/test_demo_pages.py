"""The demonstration's pages: what it prints lets somebody of each role in, and the gate's people come to the keeper's board."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from page_world import Browser

_ADDRESS = re.compile(r"https://127\.0\.0\.1:(\d+)/")
_FLEET = re.compile(r"operator: https://127\.0\.0\.1:(\d+)/")
_LOGIN = re.compile(r"^  (0100\d{6})  (\S+)  (.+)$")


@contextmanager
def demonstration(folder: Path) -> Iterator[Iterator[str]]:
    """The command, ended as by Ctrl-C; what is yielded are its lines."""
    command = [sys.executable, "-P", "-m", "province", "demo", "--people", "2", "--keep", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as process:
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
