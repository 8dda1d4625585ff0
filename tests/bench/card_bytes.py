"""What an entry costs the card over its whole life: recorded, sent, receipted, forgotten, its room used again.

Counted by the kernel below the file system (sectors written to a loop device with an ext4 of its own), since what a program
writes and what reaches the card differ by whole blocks and the file system's journal. Without the right to mount, the kernel's
count of pages made dirty (`/proc/self/io`) stands in for it and is said to be that.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from measures import Measure, at_most

from edge_agent.store.forwarder import Forwarder
from edge_agent.store.recorder import Recorder
from edge_agent.wire.receipt import Range, Status

_SEALED_BYTES = 1947  # of a usual passage: `make bench ARGS=recording`
_ENTRIES = 1000
_RECEIPTED_AT_ONCE = {"one by one": 1, "ten at a time": 10, "a hundred at a time": 100}
_BAR = 8.0
_SECTOR_BYTES = 512


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def _disk(folder: Path) -> Iterator[tuple[Path, Callable[[], int], str]]:
    """A folder, what tells the bytes written below it so far, and how that is counted."""
    with ExitStack() as undo:
        try:
            image, mounted = folder / "image", folder / "disk"
            mounted.mkdir()
            with image.open("wb") as file:
                file.truncate(256 * 1024 * 1024)
            _run("mkfs.ext4", "-q", "-F", str(image))
            device = _run("losetup", "--find", "--show", str(image))
            undo.callback(_run, "losetup", "--detach", device)
            _run("mount", device, str(mounted))
            undo.callback(_run, "umount", str(mounted))
        except (OSError, subprocess.CalledProcessError):
            undo.close()
            yield folder, _dirtied_bytes, "pages made dirty"
            return
        yield mounted, lambda: _written_bytes(Path(device).name), "written to the device"


def _written_bytes(device: str) -> int:
    os.sync()
    return int(Path(f"/sys/block/{device}/stat").read_text(encoding="ascii").split()[6]) * _SECTOR_BYTES


def _dirtied_bytes() -> int:
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def _lives(path: Path, at_once: int) -> None:
    recorder, forwarder = Recorder(path, 10**9), Forwarder(path)
    for number in range(1, _ENTRIES + 1):
        recorded = recorder.append(lambda _spot: os.urandom(_SEALED_BYTES))
        if number % at_once == 0:
            forwarder.forget(recorded.log, Range(number - at_once + 1, number, recorded.hash, Status.REGISTERED))
            forwarder.settle()
    forwarder.close()
    recorder.close()


def measure() -> list[Measure]:
    """The figures."""
    figures = []
    for name, at_once in _RECEIPTED_AT_ONCE.items():
        with tempfile.TemporaryDirectory() as folder, _disk(Path(folder)) as (disk, written_bytes, how):
            before = written_bytes()
            _lives(disk / "outbox.sqlite", at_once)
            times = (written_bytes() - before) / (_ENTRIES * _SEALED_BYTES)
        figures.append(at_most(f"an entry's life, receipted {name}, {how}", times, "x sealed bytes", _BAR))
    return figures
