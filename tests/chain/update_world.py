"""A gate whose software is updated: both services under a supervisor that plays systemd, with the real `slots` script, root's part and all.

The versions are wheels of this very tree with another version's name in them, and where a test wants it with a fault.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from chain_world import WAIT_S, Chain, Gate, chain
from province_world import ROOT, Broker, cli, free_port, json_lines
from update_served import Served, wheel

from drivers.patterns import PATTERNS
from drivers.signal_words import shape_and_words
from edge_agent.device.control import ask_counters
from edge_agent.update.slots import Slots
from firmware.person_codes import Person, write_person

SLOTS_SCRIPT = ROOT / "debian" / "slots"
PYTHON = Path("/usr/bin/python3")
NAME = "bus-co/gate-1"
_RESTART_S = 0.2
_ANSWERS = {shape_and_words(signal)[2] for signal, pattern in PATTERNS.items() if not pattern.is_state}

CRASHES = {"edge_agent/shell/run_command.py": ('"""Runs the agent', 'raise SystemExit(1)\n    """Runs the agent')}
BLIND = {"drivers/serial_reader.py": ("from __future__ import annotations", "from __future__ import annotations\n\nraise OSError('no')")}


class Service:
    """One of the two services: started through `slots`, started anew whenever it ends."""

    def __init__(self, machine: Machine, name: str) -> None:
        self.name, self._machine = name, machine
        self.lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.starts = 0
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        machine = self._machine
        while not self._ending.is_set():
            machine.slots("start", self.name)
            program = f"{machine.slots('which').strip()}/bin/{self.name}"
            with (machine.folder / f"{self.name}.log").open("ab") as log, self._lock:
                if self._ending.is_set():
                    return
                self._process = subprocess.Popen(
                    [program, "run", "--config", str(machine.gate.config)],
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    env=machine.environment,
                )
            self.starts += 1
            self._ready.set()
            assert self._process.stdout is not None
            for line in self._process.stdout:
                self.lines.put(line.strip())
            self._process.wait()
            self._process.stdout.close()
            self._ending.wait(_RESTART_S)

    def kill(self, how: signal.Signals = signal.SIGTERM) -> None:
        self._ready.clear()
        with self._lock:
            if self._process is not None:
                self._process.send_signal(how)

    def restart(self) -> None:
        """As `systemctl try-restart`: back when the next one was begun."""
        self.kill()
        self._ready.wait(WAIT_S)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        self._ending.set()
        self.kill(how)
        if self._thread.is_alive():
            self._thread.join(WAIT_S)


class Machine:
    """What systemd and root do at this gate: services, the path unit, `systemctl` for the script."""

    def __init__(self, folder: Path, gate: Gate) -> None:
        self.folder, self.gate = folder, gate
        self.slots_folder = folder / "slots"
        self.slots_folder.mkdir()
        self.of = Slots(self.slots_folder, folder / "wheels")
        for name in ("tools", "deps", "base/bin", "wheels"):
            (folder / name).mkdir(parents=True)
        self._lay_out()
        self.environment = os.environ | {
            "GATE_SLOTS": str(self.slots_folder), "GATE_RUNTIME": str(gate.runtime), "GATE_BASE": str(folder / "base"),
            "GATE_WHEELS": str(folder / "wheels"), "GATE_TRIAL": str(folder / "trial.py"), "PYTHONPATH": str(folder / "deps"),
            "PATH": f"{folder / 'tools'}:{os.environ['PATH']}", "PYTHONWARNINGS": "default", "PYTHONDONTWRITEBYTECODE": "1",
            "GATE_CONFIG": str(gate.config), "GATE_UPDATE_BYTES_PER_S": "100000000",
        }  # fmt: skip
        self._ending = threading.Event()
        self._helpers: list[threading.Thread] = []
        self._roots: list[subprocess.Popen[str]] = []
        self.powered = False

    def _lay_out(self) -> None:
        """What stands for Debian: its packages, the package's own version, `systemctl`, the trial of a version."""
        for found in Path(sysconfig.get_path("purelib")).iterdir():
            if not found.name.startswith(("gate_scanner", "__editable__", "_virtualenv")) and found.suffix != ".pth":
                (self.folder / "deps" / found.name).symlink_to(found)
        for name, module in (("gate-firmware", "firmware"), ("gate-agent", "edge_agent")):
            self._script(f"base/bin/{name}", f'PYTHONPATH="{ROOT}:$PYTHONPATH" exec {sys.executable} -m {module} "$@"')
        asked = self.folder / "systemctl.sock"
        connect = f"import socket,sys;s=socket.socket(socket.AF_UNIX);s.connect('{asked}')"
        client = f"{connect};s.sendall(' '.join(sys.argv[1:]).encode()+b'\\n');s.recv(1)"
        self._script("tools/systemctl", f'exec {PYTHON} -I -c "{client}" "$@"')
        (self.folder / "trial.py").write_text(
            f"import runpy, sys\nsys.path.insert(0, {str(self.folder / 'deps')!r})\nsys.argv = ['trial']\n"
            "import firmware.run_command, edge_agent.shell.run_command, zxingcpp\n"
        )
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(asked))
        self._server.listen()

    def _script(self, name: str, line: str) -> None:
        file = self.folder / name
        file.write_text(f"#!/bin/sh\n{line}\n")
        file.chmod(0o755)

    def slots(self, *words: str) -> str:
        """Runs the script as root does, until the power goes."""
        with (self.folder / "slots.log").open("a") as log:
            log.write(f"{' '.join(words)}\n")
            log.flush()
            running = subprocess.Popen(
                [str(SLOTS_SCRIPT), *words], stdout=subprocess.PIPE, stderr=log, text=True, env=self.environment, start_new_session=True
            )
            self._roots.append(running)
            said, _ = running.communicate(timeout=300)
            self._roots.remove(running)
        return said

    def power_on(self) -> None:
        """Starts both services and what watches for requests."""
        assert not self.powered
        self.powered = True
        self._ending.clear()
        (self.gate.runtime / "update-request").unlink(missing_ok=True)  # memory
        self.firmware, self.agent = Service(self, "gate-firmware"), Service(self, "gate-agent")
        self._helpers = [threading.Thread(target=work) for work in (self._watch_requests, self._answer_systemctl)]
        for helper in self._helpers:
            helper.start()
        self.agent.start()
        self.firmware.start()

    def power_off(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Everything ends at once."""
        if not self.powered:
            return
        self.powered = False
        self._ending.set()
        for running in list(self._roots):
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(self.folder / "systemctl.sock"))
        self.agent.end(how)
        self.firmware.end(how)
        for helper in self._helpers:
            helper.join(WAIT_S)

    def _watch_requests(self) -> None:
        file = self.gate.runtime / "update-request"
        while not self._ending.wait(0.05):  # as gate-update.path; inotify would be more than a test needs
            if file.exists():
                self.slots("request")

    def _answer_systemctl(self) -> None:
        while True:
            asking, _ = self._server.accept()
            with asking:
                if self._ending.is_set():
                    return
                words = asking.makefile().readline().split()
                services = [service for service in (self.agent, self.firmware) if f"{service.name}.service" in words]
                if "--no-block" in words:
                    for service in services:
                        threading.Thread(target=service.restart, daemon=True).start()
                else:
                    for service in services:
                        service.restart()
                with suppress(OSError):
                    asking.sendall(b".")

    def close(self) -> None:
        self.power_off(signal.SIGTERM)
        self._server.close()

    def software(self) -> str:
        """The version that firmware says it is, empty while it says nothing."""
        return str((ask_counters(self.gate.runtime) or {}).get("software", ""))

    def log(self) -> str:
        return "\n".join(f"── {file.name}\n{file.read_text(errors='replace')[-3000:]}" for file in sorted(self.folder.glob("*.log")))

    def until(self, happened: Callable[[], object], what: str, within_s: float = 2 * WAIT_S) -> None:
        """Waits for something that offers no event."""
        over = threading.Event()
        timer = threading.Timer(within_s, over.set)
        timer.start()
        while not happened():
            assert not over.wait(0.05), f"never came to {what}: {self.log()}"
        timer.cancel()

    def present(self, person: Person) -> str:
        """Shows a code until there is an answer, as people do: a gate that starts anew loses what was shown meanwhile."""
        lines = self.firmware.lines
        for _ in range(40):
            while not lines.empty():
                lines.get()
            self.gate.port.send(write_person(person).encode() + b"\r\n")
            with suppress(queue.Empty):
                while True:
                    answer = lines.get(timeout=2.0).rpartition(" · ")[2]
                    if answer in _ANSWERS:
                        return answer
        raise AssertionError(f"no answer: {self.log()}")


class UpdateWorld:
    """The whole: province with broker, collector and releases; a gate on a machine."""

    def __init__(self, made: Chain, folder: Path) -> None:
        self.chain = made
        self.machine = Machine(folder / "machine", made.gate)
        self.port = free_port()
        self.accepted = 0  # updates that a test has counted
        self.served = Served(made.layout, self.port)

    def release(self, version: str, faults: Mapping[str, tuple[str, str]] | None = None, *, well_s: int = 2, within_s: int = 60) -> str:
        """Signs a release of this tree, and returns its name."""
        folder = self.machine.folder / f"release-{version}"
        folder.mkdir()
        wheel(folder, version, faults)
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        added = cli(
            "release", "add", self.chain.layout.root, folder, "--architecture", "amd64", "--python", python, "--json", "--well-s", well_s,
            "--within-s", within_s,
        )  # fmt: skip
        assert added.returncode == 0, added.stderr
        return str(json_lines(added.stdout)[0]["release"])

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.port}/"

    def order(self, release: str, address: str | None = None, wait_s: float = 120) -> dict[str, Any]:
        """Orders it as an operator does, and returns what is said last."""
        words = ["--argument", release, "--argument", address or self.address, "--yes", "--json", "--wait", str(wait_s)]
        done = subprocess.run(
            [sys.executable, "-m", "province", "command", "update", str(self.chain.layout.root), NAME, *words],
            capture_output=True, text=True, cwd=ROOT, check=False, timeout=wait_s + 60,
        )  # fmt: skip
        told = json_lines(done.stdout)
        assert told, done.stderr + self.machine.log()
        return told[-1]

    def last_word(self) -> dict[str, Any]:
        """What the device says of the last command now."""
        done = cli("command", "again", self.chain.layout.root, NAME, "--yes", "--json", "--wait", "8")
        told = json_lines(done.stdout)
        return told[-1] if told else {}


@contextmanager
def update_world(folder: Path) -> Iterator[UpdateWorld]:
    """Everything runs, on the package's own version."""
    with chain(folder) as made, ExitStack() as stack:
        made.broker.start()
        made.collect()
        (folder / "machine").mkdir()
        world = UpdateWorld(made, folder)
        stack.callback(world.served.stop)
        stack.callback(world.machine.close)
        world.machine.power_on()
        world.machine.until(world.machine.software, "an open gate")
        made.wait_until_receipted()
        yield world


__all__ = ["BLIND", "CRASHES", "Broker", "UpdateWorld", "json", "update_world", "wheel"]
