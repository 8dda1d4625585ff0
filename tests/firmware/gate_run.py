"""`gate-firmware run` as a process of its own, with what it writes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from gate_world import ROOT, WAIT_S

from edge_agent.device.identity import FOLDER

RUN = [sys.executable, "-m", "firmware", "run"]


class Stream:
    """What a process writes, line by line."""

    def __init__(self, source: IO[str]) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._source = source
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        with self._source:
            for line in self._source:
                with self._changed:
                    self.lines.append(line)
                    self._changed.notify_all()

    def wait_for(self, words: str, count: int = 1) -> None:
        with self._changed:
            met = self._changed.wait_for(lambda: sum(words in line for line in self.lines) >= count, WAIT_S)
            assert met, f"no {words!r} in {self.lines}"

    def wait_until(self, met: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(met, WAIT_S), f"never came to it: {self.lines}"

    def text(self) -> str:
        self._thread.join(WAIT_S)
        return "".join(self.lines)


def opened_before(config: Path) -> Path:
    """Has a member's gate look as if it had opened before, and so tested itself."""
    state = Path(tomllib.loads(config.read_text("utf-8"))["device"]["state"])
    result = state / "check.json"
    if (state / FOLDER).is_dir() and not result.exists():
        result.touch()
    return config


class Gate:
    """`gate-firmware run` as a process, perhaps within a shell's words: `exec "$@"` stands for it; one that opened before."""

    def __init__(self, config: Path, *options: str, within: str = "", env: Mapping[str, str] | None = None, first: bool = False) -> None:
        if not first:
            opened_before(config)
        before = ["bash", "-c", within, "bash"] if within else []
        self.process = subprocess.Popen(
            [*before, *RUN, "--config", str(config), *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.out, self.err = Stream(self.process.stdout), Stream(self.process.stderr)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(WAIT_S)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(WAIT_S)
        self.out.text()
        self.err.text()
