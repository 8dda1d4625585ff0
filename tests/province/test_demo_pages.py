"""The demonstration's pages: what it prints lets somebody of each role in, and the gate's people come to the keeper's board."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from page_world import Browser

_ADDRESS = re.compile(r"https://127\.0\.0\.1:(\d+)/")
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
