"""Sets the stage of the demonstration: a real province, broker, collector, agent and gate, each a process of its own on this machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from edge_agent.device.control import ControlClient
from edge_agent.wire.sealing import Suite
from edge_agent.wire.topics import DeviceName
from province.accounts.account import Role
from province.base.clock import now_ms
from province.base.errors import ProvinceError
from province.base.layout import Layout, Settings
from province.demo.living import populate
from province.demo.living_accounts import Login, add_accounts
from province.demo.living_case import open_case
from province.demo.living_fleet import Speaking
from province.demo.living_reports import make_reports, tell_figures
from province.joining.enrolling import Place, add_device
from province.trust.founding import found

NAME = DeviceName("cho-coc-leu", "cong-1")
_READY_S = 30.0
_END_S = 10.0
_POLL_S = 0.05
_NEIGHBOURS = 500
_OTHER_PEOPLE = 1000  # added to the seed: whoever passes the gate is none of those whose days were made up
_PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))

_GATE_TOML = """\
[device]
state = "{root}/device"
runtime = "{root}/run"
clock = "system"
memory = true

[gate]
indicator = "console:?colour={colour}"

[outbox]
keep_free_mb = 0

[[lane]]
name = "in"
direction = "in"
camera = "simulated:{root}/view?fps=30&seed={seed}"
"""


class StageError(ProvinceError):
    """A part of the demonstration did not start; the message says which and what it said last."""


def _program(name: str, package: str) -> str:
    found = shutil.which(name, path=_PLACES)
    if found is None:
        raise StageError(f"the demonstration needs {name}. Install it: apt install {package}")
    return found


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stage:
    """The running parts; leaving the context ends them all.

    Args:
        root: an empty folder for everything.
        seed: of the simulated view, and of the district that lives around the gate.
        colour: whether the gate's light may use terminal colours.
        pages: whether a district lives around the gate, and the province's pages show it.

    Attributes:
        address: of the pages; empty without them.
        fleet_address: of the fleet's page; empty without them.
        logins: how somebody of each role comes in there.
    """

    def __init__(self, root: Path, *, seed: int, colour: bool, pages: bool = False) -> None:
        self.root = root
        self.view = root / "view"
        self.runtime = root / "run"
        self.layout = Layout(root / "province")
        self._seed = seed
        self._colour = colour
        self._pages = pages
        self.address, self.fleet_address, self.logins = "", "", dict[str, Login]()
        self._speaking: Speaking
        self._undo = ExitStack()
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self.gate: subprocess.Popen[str]
        self.collector: subprocess.Popen[str]

    def __enter__(self) -> Self:
        try:
            self._set()
        except BaseException:
            self._undo.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._undo.close()

    def _set(self) -> None:
        mosquitto = _program("mosquitto", "mosquitto")
        self._setpriv = _program("setpriv", "util-linux")
        port = free_port()
        settings = Settings("Tỉnh thử nghiệm", ("127.0.0.1", "localhost"), port, "127.0.0.1", Suite.XWING, 45)
        found(self.root / "province", settings, now_ms())
        if self._pages:
            living = populate(self.layout, now_ms(), people=_NEIGHBOURS, seed=self._seed + _OTHER_PEOPLE)
            self.logins = add_accounts(self.layout, now_ms())
            tell_figures(self.layout, living.days[0], self.logins["reporter"].id, now_ms())
            make_reports(self.layout, living.days, now_ms())
            open_case(self.layout, living, self.logins["tracer"], now_ms())
            self._speaking = Speaking(self.layout, living.scanners, now_ms)
        bundle = self.root / "bundle.json"
        add_device(self.layout, NAME, Place("Chợ Cốc Lều", "Cổng 1"), ("127.0.0.1", port), bundle, now_ms())
        self.runtime.mkdir()
        config = self.root / "gate.toml"
        config.write_text(
            _GATE_TOML.format(root=self.root, seed=self._seed, colour="always" if self._colour else "never"), encoding="utf-8"
        )
        self._start("broker", mosquitto, "-c", str(self.layout.broker_config))
        self._await("broker", lambda: _listens(port))
        enrol = self.python("edge_agent", "enrol", str(bundle), "--config", str(config))
        subprocess.run(enrol, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
        self.collector = self._start("collector", *self.python("province", "collect", str(self.layout.root), "--events"))
        self._await("collector", lambda: "connected to the broker" in self._log("collector"))
        self.gate = self._start("gate", *self.python("firmware", "run", "--config", str(config)))
        self._start("agent", *self.python("edge_agent", "run", "--config", str(config)))
        self._await("gate", self._gate_answers)
        self._await("agent", lambda: "connected to the broker" in self._log("agent"))
        if self._pages:
            self._serve_pages()

    def _serve_pages(self) -> None:
        """The pages, the fleet's page, and the services by which both stay true; nobody sets up a second step for two minutes."""
        folder, ports = str(self.layout.root), {"web": free_port(), "fleet-page": free_port()}
        self.address, self.fleet_address = (f"https://127.0.0.1:{port}/" for port in ports.values())
        one_step = [word for role in Role for word in ("--password-only", str(role))]
        listen = {name: ("--listen", f"127.0.0.1:{port}") for name, port in ports.items()}
        self._start("watch", *self.python("province", "watch", folder, "--no-home-assistant"))
        self._start("reports", *self.python("province", "report", "serve", folder))
        self._start("fleet-page", *self.python("province", "fleet-page", folder, *listen["fleet-page"], "--password-only"))
        self._start("web", *self.python("province", "web", folder, *listen["web"], "--fleet-page", self.fleet_address, *one_step))
        self._await("watch", lambda: "connected to the broker" in self._log("watch"))
        self._await("reports", lambda: "makes reports" in self._log("reports"))
        for name, port in ports.items():
            self._await(name, lambda port=port: _listens(port))  # type: ignore[misc]  # of no argument, all the same
        self._speaking.start()
        self._undo.callback(self._speaking.stop)

    @staticmethod
    def python(package: str, *arguments: str) -> list[str]:
        """The command line of one of our own commands, in this environment."""
        return [sys.executable, "-P", "-m", package, *arguments]  # -P: a folder named like a package may lie where we were started

    def agent_status(self) -> list[str]:
        """The command line that asks how the device is."""
        return self.python("edge_agent", "status", "--json", "--config", str(self.root / "gate.toml"))

    def _start(self, name: str, *command: str) -> subprocess.Popen[str]:
        log = self._undo.enter_context((self.root / f"{name}.log").open("w", encoding="utf-8"))
        # whatever ends us, even SIGKILL, ends them: the kernel sees to it (prctl(2), PR_SET_PDEATHSIG)
        tied = (self._setpriv, "--pdeathsig", "TERM", *command)
        process = subprocess.Popen(  # noqa: S603 - our own commands and the broker found on PATH
            tied, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True, start_new_session=True
        )
        self._undo.callback(_end, process)
        self._processes[name] = process
        return process

    def _await(self, name: str, ready: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + _READY_S
        while not ready():
            if time.monotonic() > deadline_s or self._processes[name].poll() is not None:
                last_line = (self._log(name).strip().splitlines() or ["nothing"])[-1]
                raise StageError(f"the {name} did not start. It said last: {last_line}")
            time.sleep(_POLL_S)  # another process offers no event for "now I listen"

    def _log(self, name: str) -> str:
        return (self.root / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def _gate_answers(self) -> bool:
        if not self.view.is_fifo():
            return False
        try:
            ControlClient(self.runtime).close()
        except OSError:
            return False
        return True


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
