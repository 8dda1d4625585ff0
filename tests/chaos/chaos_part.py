"""A process of the chain that is killed, halted and started again by one thread while others watch what it says."""

from __future__ import annotations

import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from province_world import ROOT

_END_S = 60.0  # an end that was asked for; nothing waits so long but a failure
_YOUNG_S = 20.0  # so young it may still be importing, and end by SIGTERM before it listens to it
Line = tuple[int, str | None]  # of the process's how-manieth life; None: the life is over


class Part:
    """A command and its present process, if it runs.

    Args:
        name: in the picture and in complaints.
        command: what to run.
        log: takes what it says.
        complain: told what must not happen: that it ended by itself, or does not end.
        listens: whether its lines go to `lines` instead of the log.
        before_start: called before each start, while the process is surely gone.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        complain: Callable[[str], None],
        *,
        listens: bool = False,
        before_start: Callable[[], None] = lambda: None,
    ) -> None:
        self.name, self.log = name, log
        self.lines: queue.SimpleQueue[Line] = queue.SimpleQueue()
        self.lives = 0
        self._command, self._complain, self._listens, self._before_start = command, complain, listens, before_start
        self._process: subprocess.Popen[str] | None = None
        self._started_s = 0.0
        self._ending = False
        self._watcher = threading.Thread()

    def start(self) -> None:
        """Starts it, unless it runs."""
        if self.runs():
            return
        self.lives += 1  # first: from here on nobody takes it for the life before
        self._before_start()
        with self.log.open("a") as log:
            out = subprocess.PIPE if self._listens else log
            self._process = subprocess.Popen(list(self._command), stdout=out, stderr=log, text=True, cwd=ROOT)
        self._ending, self._started_s = False, time.monotonic()
        self._watcher = threading.Thread(target=self._watch, args=(self._process, self.lives), name=f"watch-{self.name}")
        self._watcher.start()

    def runs(self) -> bool:
        """Whether there is a process, halted or not."""
        return self._process is not None and self._process.poll() is None

    def end(self, how: signal.Signals) -> None:
        """Ends it by SIGTERM or SIGKILL, unless it has ended, and complains when it does not end as it should."""
        process = self._process
        if process is None or not self.runs():
            return
        self._ending = True
        process.send_signal(how)
        try:
            code = process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._complain(f"{self.name} did not end within {_END_S:g} s of {how.name}")
            process.kill()
            code = process.wait(_END_S)
        self._watcher.join(_END_S)
        good = {-how} if how is signal.SIGKILL or time.monotonic() - self._started_s < _YOUNG_S else set()
        if code not in good | ({0} if how is signal.SIGTERM else set()):
            self._complain(f"{self.name} ended with {code} after {how.name}; see {self.log.name}")

    def halt(self) -> None:
        """SIGSTOP."""
        if self._process is not None and self.runs():
            self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        if self._process is not None and self.runs():
            self._process.send_signal(signal.SIGCONT)

    def wait(self, seconds: float) -> bool:
        """Waits for its end, so long at most; says whether it has ended."""
        try:
            return self._process is None or self._process.wait(seconds) is not None
        except subprocess.TimeoutExpired:
            return False

    def _watch(self, process: subprocess.Popen[str], life: int) -> None:
        if process.stdout is not None:
            with process.stdout:
                for line in process.stdout:
                    self.lines.put((life, line.strip()))
        code = process.wait()
        if not self._ending:
            self._complain(f"{self.name} ended by itself with {code}; see {self.log.name}")
        self.lines.put((life, None))
