"""A whole chain of real processes to test: broker, collector, agent, firmware with a serial reader on a pseudo-terminal."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from province_world import ROOT, Broker, Collecting, founded, free_port
from pty_port import PtyPort

from drivers.patterns import PATTERNS
from drivers.signal_words import shape_and_words
from edge_agent.device.control import ControlClient
from edge_agent.wire.topics import DeviceName
from firmware.person_codes import Person, write_person
from province.base.clock import now_ms
from province.base.layout import Layout
from province.joining.enrolling import Place, add_device
from province.keys.keystore import Keystore
from province.records import views
from province.store import database

WAIT_S = 30.0
GATE_1, NOBODY = DeviceName("bus-co", "gate-1"), DeviceName("no", "body")
ANSWERS = {shape_and_words(signal)[2] for signal, pattern in PATTERNS.items() if not pattern.is_state}  # as the console prints them
_GATE_TOML = """\
[device]
state = "{state}"
runtime = "{runtime}"
clock = "system"
memory = true

[gate]
indicator = "console:?colour=never"
held_s = 0.5

[outbox]
keep_free_mb = 0

[agent]
receipt_timeout_s = 1.0

[[lane]]
name = "in"
direction = "in"
reader = "serial:{port}"
"""


class Process:
    """One of our commands as a process that can be killed and started again."""

    def __init__(self, log: Path, *command: str) -> None:
        self._log = log
        self._command = (sys.executable, "-m", *command)
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self.lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def start(self) -> None:
        with self._log.open("a") as log:
            process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT)
        self._process = process
        self._reader = threading.Thread(target=self._read, args=(process,))
        self._reader.start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.put(line.strip())

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def end(self, how: signal.Signals = signal.SIGTERM) -> int | None:
        """Ends the process with a signal and returns its exit code; None when it does not run."""
        process, self._process = self._process, None
        if process is None or self._reader is None:
            return None
        process.send_signal(how)
        code = process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        assert process.stdout is not None
        process.stdout.close()
        return code

    def wait_until_logged(self, text: str) -> None:
        """Waits for a line of the process's log."""
        self.until(lambda: text in self.log(), repr(text))

    def until(self, happened: Callable[[], object], what: str) -> None:
        """Waits for something the process does that offers no event."""
        assert self._process is not None
        deadline_s = time.monotonic() + WAIT_S
        while not happened():
            assert time.monotonic() < deadline_s, f"never came to {what}: {self.log()}"
            with suppress(subprocess.TimeoutExpired):  # so long it runs: wait for it a moment and look again
                raise AssertionError(f"ended with {self._process.wait(0.02)}: {self.log()}")

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""


class Gate:
    """A scanner: its state folder, its serial port, its two processes."""

    def __init__(self, folder: Path, name: DeviceName) -> None:
        self.name = name
        self.state = folder / "state"
        self.greens: list[tuple[bytes, int]] = []
        self.runtime = folder / "run"
        self.runtime.mkdir(parents=True)
        self.port = PtyPort()
        self.config = folder / "gate.toml"
        self.config.write_text(_GATE_TOML.format(state=self.state, runtime=self.runtime, port=self.port.path))
        self.firmware = Process(folder / "firmware.log", "firmware", "run", "--config", str(self.config))
        self.agent = Process(folder / "agent.log", "edge_agent", "run", "--config", str(self.config))

    @classmethod
    @contextmanager
    def bare(cls, folder: Path, name: DeviceName = NOBODY) -> Iterator[Self]:
        """Another scanner that belongs to nobody."""
        gate = cls(folder, name)
        try:
            yield gate
        finally:
            gate.close()

    def enrol(self, layout: Layout) -> None:
        """Makes it a member by a bundle."""
        bundle = self.config.parent / "bundle.json"
        add_device(layout, self.name, Place("Chợ", "Cổng"), ("127.0.0.1", layout.read_settings().port), bundle, now_ms())
        subprocess.run(
            [sys.executable, "-m", "edge_agent", "enrol", str(bundle), "--config", str(self.config)],
            check=True,
            cwd=ROOT,
            capture_output=True,
        )
        bundle.unlink()

    def open(self) -> None:
        """Starts firmware and waits until it reads."""
        self.firmware.start()
        self.await_line("ready")
        threading.Thread(target=self._note_greens, args=(ControlClient(self.runtime),), daemon=True).start()

    def _note_greens(self, client: ControlClient) -> None:
        """Notes each entry that firmware says it has answered with green, until firmware ends."""
        with closing(client), suppress(OSError):
            for message in client.messages():
                if message["type"] == "passage":
                    self.greens.append((bytes.fromhex(message["log"]), message["seq"]))

    def await_line(self, words: str) -> None:
        while not self.firmware.lines.get(timeout=WAIT_S).endswith(words):
            pass

    def present(self, person: Person, patience_s: float = WAIT_S) -> str | None:
        """Holds a person's code to the reader and returns the answer, None when the gate died instead."""
        while not self.firmware.lines.empty():
            self.firmware.lines.get()
        self.port.send(write_person(person).encode() + b"\r\n")
        waited_s = 0.0
        while waited_s < patience_s:
            try:
                line = self.firmware.lines.get(timeout=0.1)
            except queue.Empty:
                if not self.firmware.runs():
                    return None
                waited_s += 0.1
                continue
            answer = line.rpartition(" · ")[2]
            if answer in ANSWERS:
                return answer
        raise AssertionError(f"no answer within {patience_s} s: {self.firmware.log()}")

    def pass_by(self, people: list[Person]) -> None:
        """Lets people pass who all get a green light."""
        for person in people:
            assert self.present(person) == "accepted", self.firmware.log()

    def waiting(self) -> int:
        """How many entries have no receipt yet."""
        asked = subprocess.run(
            [sys.executable, "-m", "edge_agent", "status", "--json", "--config", str(self.config)],
            capture_output=True, text=True, check=False, cwd=ROOT,
        )  # fmt: skip
        return int(json.loads(asked.stdout)["outbox"]["waiting"])

    def close(self) -> None:
        self.firmware.end()
        self.agent.end()
        self.port.unplug()


@dataclass
class Chain:
    """Everything, the gate not yet started."""

    folder: Path
    layout: Layout
    broker: Broker
    gate: Gate
    stack: ExitStack
    collecting: Collecting | None = None
    admitting: Process | None = None

    def admit(self) -> None:
        """Opens the door by which scanners join."""
        self.admitting = Process(self.folder / "admit.log", "province", "admit", str(self.layout.root), "--verbose")
        self.stack.callback(self.admitting.end)
        self.admitting.start()
        self.admitting.wait_until_logged("connected to the broker")

    def collect(self) -> None:
        """Starts the collector."""
        self.collecting = Collecting(self.layout)
        self.collecting.__enter__()

    def stop_collecting(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.collecting is not None:
            self.collecting.process.send_signal(how)
            self.collecting.__exit__()
            self.collecting = None

    def wait_until_receipted(self) -> None:
        """Waits until the gate keeps nothing any more."""
        assert self.collecting is not None
        deadline = threading.Event()
        timer = threading.Timer(2 * WAIT_S, deadline.set)
        timer.start()
        while (waiting := self.gate.waiting()) and not deadline.is_set():
            pass  # asking takes a third of a second: another process's state offers no event
        timer.cancel()
        assert waiting == 0, f"{waiting} never receipted\n{self.gate.agent.log()[-2000:]}\n{self.collecting.log()[-2000:]}"

    def passages_of(self, people: list[Person]) -> list[int]:
        """How often the register holds each person."""
        keystore = Keystore(self.layout.keystore)
        with closing(database.connect(self.layout.register)) as connection:
            return [views.count_passages(connection, keystore, person.id_number) for person in people]

    def times_registered(self, entries: list[tuple[bytes, int]]) -> list[int]:
        """How often the register holds each entry, by log and number."""
        with closing(database.connect(self.layout.register)) as connection:
            query = "SELECT count(*) FROM entry WHERE log = ? AND seq = ? AND status = 'registered'"
            return [int(connection.execute(query, entry).fetchone()[0]) for entry in entries]

    def count_passages(self) -> int:
        with closing(database.connect(self.layout.register)) as connection:
            return int(connection.execute("SELECT count(*) FROM entry WHERE kind = 'passage'").fetchone()[0])

    def logs(self) -> list[views.LogState]:
        with closing(database.connect(self.layout.register)) as connection:
            return views.logs(connection)

    def alerts(self) -> list[Any]:
        with closing(database.connect(self.layout.register)) as connection:
            return list(views.alerts(connection))


@contextmanager
def chain(folder: Path, *, enrolled: bool = True, name: DeviceName = GATE_1) -> Iterator[Chain]:
    """A founded province with a broker object and a gate, enrolled unless told otherwise; nothing runs yet."""
    layout = founded(folder / "province", free_port())
    with ExitStack() as stack:
        world = Chain(folder, layout, Broker(layout), Gate(folder / "gate", name), stack)
        if enrolled:
            world.gate.enrol(layout)
        stack.callback(world.broker.stop)
        stack.callback(world.stop_collecting)
        stack.callback(world.gate.close)
        yield world
