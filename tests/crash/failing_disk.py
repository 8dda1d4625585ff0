"""Makes the disk fail under a running process of ours, at one call or from one on: strace answers in the kernel's place."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WAIT_S = 20.0


class Hung(AssertionError):
    """strace did not do what was waited for."""


@contextmanager
def failing(pid: int, paths: list[Path], calls: tuple[str, ...], error: str, when: str = "1+") -> Iterator[None]:
    """Lets a running process's calls on some files fail while the block runs; when it ends, the disk is well again.

    Args:
        pid: the process, with all its threads.
        paths: files, and folders by their own name; they need not exist.
        calls: system calls.
        error: the error's name.
        when: which of the calls fail: `3` the third of each kind, `3+` from it on.
    """
    names = [argument for path in paths for argument in ("-P", str(path))]
    wanted = ["-e", f"trace={','.join(calls)}", "-e", f"inject={','.join(calls)}:error={error}:when={when}", "-e", "signal=none"]
    tracer = subprocess.Popen(["strace", "-f", "-o", os.devnull, *names, *wanted, "-p", str(pid)], stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    try:
        while "attached" not in (line := tracer.stderr.readline()):
            if not line:
                raise Hung("strace does not attach")
        yield
    finally:
        tracer.terminate()
        tracer.communicate(timeout=WAIT_S)
