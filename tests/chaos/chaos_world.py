"""One province and three gates, every process real, every connection to the broker by way of a network that can be made bad."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from chain_world import _GATE_TOML
from chaos_part import Part
from province_world import founded, free_port
from pty_port import PtyPort
from tcp_proxy import TcpProxy

from edge_agent.enrolment import enrol
from edge_agent.store import outbox_view
from edge_agent.store.outbox import FILE_NAME, Backlog, OutboxError
from edge_agent.wire.topics import DeviceName
from firmware import check_result
from firmware.person_codes import Person, write_person
from province.base.clock import now_ms
from province.base.layout import Layout
from province.joining.enrolling import Place, add_device

GATES = 3
_QUICK = "receipt_timeout_s = 1.0\nkeepalive_s = 5"
_SMALL_DISK = "6m"
_LOOK_S = 0.1


class ChaosGate:
    """A scanner: its state, its reader's port, its two processes, its network."""

    def __init__(self, folder: Path, number: int, layout: Layout, broker_port: int, complain: Callable[[str], None]) -> None:
        self.number = number
        self.name = DeviceName(f"org-{number}", f"gate-{number}")
        self.place = Place(f"Chợ {number}", f"Cổng {number}")
        self.network = TcpProxy(broker_port)
        self.state, self.runtime = folder / "state", folder / "run"
        self.runtime.mkdir(parents=True)
        self.state.mkdir(exist_ok=True)
        self.port = PtyPort()
        self.shown = threading.Event()  # somebody has shown their code since it was cleared
        self.presenting = threading.Lock()  # nobody shows a code between the reader's emptying and the next life
        bundle = folder / "bundle.json"
        add_device(layout, self.name, self.place, ("127.0.0.1", self.network.port), bundle, now_ms())
        enrol.install(enrol.read_bundle(bundle), self.state)
        bundle.unlink()
        check_result.result_file(self.state).touch()  # it has opened before, and so tested itself
        config = folder / "gate.toml"
        text = _GATE_TOML.format(state=self.state, runtime=self.runtime, port=self.port.path)
        config.write_text(text.replace("receipt_timeout_s = 1.0", _QUICK))
        python = (sys.executable, "-m")
        self.firmware = Part(
            f"firmware {number}", (*python, "firmware", "run", "--config", str(config)), folder / "firmware.log", complain,
            listens=True, before_start=self._empty_reader,
        )  # fmt: skip
        self.agent = Part(f"agent {number}", (*python, "edge_agent", "run", "--config", str(config)), folder / "agent.log", complain)

    def _empty_reader(self) -> None:
        with self.presenting:
            self.port.discard()

    def show(self, person: Person, life: int) -> bool:
        """Sends a person's code to the firmware of one life; False when that life is over."""
        with self.presenting:
            if self.firmware.lives != life:
                return False
            self.port.send(write_person(person).encode() + b"\r\n")
            self.shown.set()
            return True

    def backlog(self) -> Backlog | None:
        """What waits in its outbox; None when nobody can tell just now."""
        with suppress(OutboxError, OSError):
            return outbox_view.look_into(self.state / FILE_NAME).backlog
        return None

    def close(self) -> None:
        self.network.close()
        self.port.unplug()


class ChaosWorld:
    """Everything. `complain` notes what must never happen; `troubles` holds it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.troubles: list[str] = []
        self.layout = founded(folder / "province", free_port())
        self.broker_port = self.layout.read_settings().port
        self.network = TcpProxy(self.broker_port)  # the collector's
        stack.callback(self.network.close)
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        assert program, "mosquitto is not installed: apt-get install mosquitto"
        self.broker = Part("broker", (program, "-c", str(self.layout.broker_config)), folder / "mosquitto.log", self.complain)
        address = f"127.0.0.1:{self.network.port}"
        command = (sys.executable, "-m", "province", "collect", str(self.layout.root), "--broker", address, "--verbose")
        self.collector = Part("collector", command, folder / "collector.log", self.complain)
        self.gates: list[ChaosGate] = []
        self.small_disk: Path | None = None
        for number in range(1, GATES + 1):
            home = folder / f"gate-{number}"
            if number == GATES and _mounted(home / "state", stack):
                self.small_disk = home / "state"
            self.gates.append(ChaosGate(home, number, self.layout, self.broker_port, self.complain))
            stack.callback(self.gates[-1].close)

    def complain(self, what: str) -> None:
        self.troubles.append(what)

    def parts(self) -> list[Part]:
        return [self.broker, self.collector, *(part for gate in self.gates for part in (gate.firmware, gate.agent))]

    def networks(self) -> dict[str, TcpProxy]:
        """By the name of their lane."""
        return {"network of collector": self.network, **{f"network {n}": gate.network for n, gate in enumerate(self.gates, 1)}}

    def start(self) -> None:
        """Starts all and waits for the broker; who connects before it is there connects again."""
        for part in self.parts():
            part.start()
        while not _listens(self.broker_port):
            assert not self.broker.wait(_LOOK_S), self.broker.log.read_text()

    def until(self, happened: Callable[[], bool], within_s: float) -> bool:
        """Waits for what another process does and offers no event for; looks again as long as the broker lives."""
        until_s = time.monotonic() + within_s
        while not (met := happened()) and time.monotonic() < until_s:
            self.broker.wait(_LOOK_S)
        return met


def _listens(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


def _mounted(folder: Path, stack: ExitStack) -> bool:
    """Puts a small file system at a folder; False where this user may not."""
    folder.mkdir(parents=True)
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SMALL_DISK}", "tmpfs", str(folder)], capture_output=True, check=False)
    if made.returncode == 0:
        stack.callback(subprocess.run, ["umount", "--lazy", str(folder)], check=False)
        stack.callback(shutil.copytree, folder, folder.with_name("state-at-the-end"))  # for whoever must find out
    return made.returncode == 0


@contextmanager
def chaos_world(folder: Path) -> Iterator[ChaosWorld]:
    """All of it, not started; ended at the end whatever happens."""
    with ExitStack() as stack:
        world = ChaosWorld(folder, stack)
        for part in world.parts():
            stack.callback(part.end, signal.SIGKILL)
        yield world
