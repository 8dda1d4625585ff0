"""Records what a process does to the files of one folder: runs it under strace and reads the log back, call by call.

Below Python, SQLite and every library there are only system calls: nothing that reaches a disk can pass by unseen, but for writes
through a memory map. Of ours only SQLite's `-shm` has those, and SQLite builds that file anew; a map of any other file is an error.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CHANGES = (
    "openat", "close", "write", "pwrite64", "ftruncate", "fsync", "fdatasync", "rename", "link", "unlink", "unlinkat", "mkdir", "rmdir",
)  # fmt: skip
# What would change files too and nobody here uses: met in the log, it is an error, since it would not be played back.
_UNKNOWN = (
    "open", "creat", "dup", "dup2", "dup3", "writev", "pwritev", "pwritev2", "truncate", "fallocate", "renameat", "renameat2", "linkat",
    "symlink", "symlinkat", "mkdirat", "copy_file_range", "sendfile", "splice", "sync_file_range", "mmap",
)  # fmt: skip
_LINE = re.compile(rb"(?:\d+ +)?(\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+)(?: .*)?\n?")
_ARGUMENT = re.compile(rb'"((?:\\x[0-9a-f]{2})*)"|([^, ]+)')
_MOST_BYTES = 64 * 1024 * 1024


class CannotTrace(Exception):
    """The process failed, or did something to its files that is not understood."""


@dataclass(frozen=True, slots=True)
class Call:
    """A system call that succeeded: strings are the bytes given to the kernel, all else is text as strace words it."""

    name: str
    arguments: tuple[bytes | str, ...]
    result: int

    def text(self, place: int) -> str:
        """An argument that is text: a path, flags, a number."""
        argument = self.arguments[place]
        return os.fsdecode(argument) if isinstance(argument, bytes) else argument

    def number(self, place: int) -> int:
        """An argument that is a number."""
        return int(self.text(place))

    def data(self) -> bytes:
        """The bytes written."""
        argument = self.arguments[1]
        if not isinstance(argument, bytes) or len(argument) < self.result:
            raise CannotTrace(f"{self.name}: its bytes are not in the log")
        return argument[: self.result]


def _arguments(text: bytes) -> Iterator[bytes | str]:
    for found in _ARGUMENT.finditer(text):
        quoted, word = found.groups()
        yield word.decode() if quoted is None else bytes.fromhex(quoted.replace(b"\\x", b"").decode())


def read_log(log: Path) -> list[Call]:
    """The calls in a log of strace, in order.

    Raises:
        CannotTrace: a line is not understood: a second thread, a signal, a call that is not played back.
    """
    calls = []
    with log.open("rb") as lines:
        for line in lines:
            if b"+++ exited with 0 +++" in line:
                continue
            found = _LINE.fullmatch(line)
            if found is None:
                raise CannotTrace(f"not understood: {line[:200]!r}")
            if (result := int(found[3], 0)) >= 0:
                calls.append(Call(found[1].decode(), tuple(_arguments(found[2])), result))
    return calls


def can_trace() -> bool:
    """Whether this machine lets a process be traced; some containers do not."""
    try:
        return subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def traced(command: list[str], log: Path, environment: dict[str, str]) -> list[Call]:
    """Runs a command with one thread to its end and returns what it did; its standard output holds its marks.

    Raises:
        CannotTrace: it failed, or what it did cannot be played back.
    """
    calls = ",".join((*_CHANGES, *(f"?{name}" for name in _UNKNOWN)))  # ?: not on every processor
    wanted = ["-e", f"trace={calls}", "-e", "signal=none"]
    tracer = ["strace", "-f", "--seccomp-bpf", "-qq", "-xx", "-s", str(_MOST_BYTES), "-o", str(log), *wanted]
    run = subprocess.run([*tracer, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment, check=False)
    if run.returncode:
        raise CannotTrace(f"{' '.join(command)}: ended with {run.returncode}\n{run.stderr}")
    return read_log(log)
