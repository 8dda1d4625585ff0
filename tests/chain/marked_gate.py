"""A gate with all its readers and its agent as real processes under a real broker, everything they write kept in one folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from gate_run import Stream, opened_before
from marked import Marked, write_trusted
from pty_port import PtyPort
from real_broker import Broker, Config, bundle, config, write_bundle
from sealed_examples import WAIT_S
from uplink_world import AUTHORITY

from drivers.patterns import PATTERNS
from drivers.signal_words import shape_and_words

ROOT = Path(__file__).parents[2]
ANSWERS = tuple(f"· {shape_and_words(signal)[2]}" for signal, pattern in PATTERNS.items() if not pattern.is_state)


class Running:
    """One of our programs; what it says is kept in a file of its own when it has ended."""

    def __init__(self, folder: Path, name: str, words: Sequence[str], environment: Mapping[str, str]) -> None:
        self._file = folder / f"{name}.said"
        self.process = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            errors="surrogateescape", env={**os.environ, **environment},
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.out, self.err = Stream(self.process.stdout), Stream(self.process.stderr)

    def answers(self) -> int:
        return sum(line.rstrip().endswith(ANSWERS) for line in self.out.lines)

    def seen_from_outside(self) -> bytes:
        """What everybody on the machine may read of the process: its arguments; and its own user: its environment."""
        place = Path("/proc") / str(self.process.pid)
        return (place / "cmdline").read_bytes() + (place / "environ").read_bytes()

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(how)
        self.process.wait(WAIT_S)
        text = f"{self.out.text()}\n{self.err.text()}"
        with self._file.open("a", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)


class MarkedGate:
    """The gate, its folders and its broker, in `folder`.

    Attributes:
        folder: everything that the device writes is here: state, runtime, temporary files, home, what it said.
    """

    def __init__(self, folder: Path, people: Marked, *, camera: bool = True) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        for name in ("tmp", "home"):
            (folder / name).mkdir()
        self.broker = Broker(folder.parent / "broker", AUTHORITY)
        self.port = PtyPort()
        self.fifo = folder.parent / "view.fifo"
        self.settings: Config = config(folder)
        trusted = write_trusted(folder.parent / "trusted.json", people)
        text = self.settings.file.read_text().partition("[[lane]]")[0].replace("[agent]", 'clock = "system"\n[agent]')
        text += (
            f'[outbox]\nkeep_free_mb = 0\n[gate]\nindicator = "console:?colour=never"\nheld_s = 0.5\nhealth_pass = "asked"\n'
            f'trust_list = "{trusted}"\n[[lane]]\nname = "in"\ndirection = "in"\nreader = "serial:{self.port.path}"\n'
        )
        text += f'[[lane]]\nname = "view"\ndirection = "in"\ncamera = "simulated:{self.fifo}?fps=15"\n' if camera else ""
        self.settings.file.write_text(text, "utf-8")
        self._environment = {"TMPDIR": str(folder / "tmp"), "HOME": str(folder / "home")}

    def enrol(self) -> None:
        self.run("edge_agent", "enrol", str(write_bundle(self.folder.parent, bundle(AUTHORITY, self.broker.port))))

    def run(self, program: str, *words: str) -> int:
        """Runs a command to its end and returns its exit code."""
        running = self._start(f"{program}-{words[0]}", ["-m", program, *words, "--config", str(self.settings.file)])
        code = running.process.wait(WAIT_S)
        running.end()
        return code

    @contextmanager
    def running(self, program: str, *before: str, form: str = "journal") -> Iterator[Running]:
        """A service while it runs, perhaps with other words before the program's."""
        opened_before(self.settings.file)
        words = [*(before or ("-m",)), program, "run", "--verbose", "--config", str(self.settings.file)]
        running = self._start(f"{program}-{form}", words, GATE_LOG=form)
        try:
            yield running
        finally:
            running.end()

    def _start(self, name: str, words: Sequence[str], **more: str) -> Running:
        return Running(self.folder, name, words, {**self._environment, **more})

    def show(self, gate: Running, data: bytes) -> None:
        """Sends a line by the reader, and waits for the answer."""
        before = gate.answers()
        self.port.send(data.replace(b"\r", b"").replace(b"\n", b"") + b"\r\n")
        gate.out.wait_until(lambda: gate.answers() > before)

    def hold_up(self, gate: Running, text: str) -> None:
        """Shows a code to the camera, and waits for the answer."""
        before = gate.answers()
        self.fifo.write_text(f"{text}\n", "utf-8")
        gate.out.wait_until(lambda: gate.answers() > before)
        self.fifo.write_text("\n", "utf-8")

    def close(self) -> None:
        self.broker.end()
        self.port.unplug()
