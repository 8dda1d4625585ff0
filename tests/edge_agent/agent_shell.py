"""`gate-agent` as a process of its own: a command and what it says, and `run` with its log read as it comes."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from real_broker import Config, bundle, config, write_bundle
from sealed_examples import WAIT_S
from uplink_world import AUTHORITY

ROOT = Path(__file__).parents[2]
AGENT = [sys.executable, "-m", "edge_agent"]


def gate_agent(*words: object, command: Sequence[str] = AGENT) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*command, *map(str, words)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    return config(tmp_path)


def enrolled(settings: Config, port: int) -> Config:
    done = gate_agent("enrol", write_bundle(settings.file.parent, bundle(AUTHORITY, port)), "--config", settings.file)
    assert done.returncode == 0, done.stderr
    return settings


class Running:
    """`gate-agent run`, its log read as it comes."""

    def __init__(self, settings: Config) -> None:
        self.process = subprocess.Popen([*AGENT, "run", "--config", str(settings.file)], stderr=subprocess.PIPE, text=True, cwd=ROOT)
        self._lines: list[str] = []
        self._more = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._more:
                self._lines.append(line)
                self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()

    def until(self, text: str) -> None:
        with self._more:
            assert self._more.wait_for(lambda: self._ended or text in self.log(), WAIT_S), self.log()
            assert text in self.log(), self.log()

    def log(self) -> str:
        return "".join(self._lines)

    def end(self, how: signal.Signals = signal.SIGTERM, within_s: float = 5.0) -> int:
        self.process.send_signal(how)
        code = self.process.wait(within_s)
        self._reader.join(WAIT_S)
        assert "Traceback" not in self.log()
        return code


@contextmanager
def running(settings: Config) -> Iterator[Running]:
    agent = Running(settings)
    try:
        yield agent
    finally:
        if agent.process.poll() is None:
            agent.process.kill()
        agent.process.wait(WAIT_S)
        agent._reader.join(WAIT_S)
        assert agent.process.stderr is not None
        agent.process.stderr.close()
