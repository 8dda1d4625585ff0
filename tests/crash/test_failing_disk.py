"""Read, write, fsync and name errors at any call of any store: nothing promised is lost, and all works when the disk is well again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import pytest
from aftermath import Broken, Promised, check_documents, check_keyring, check_outbox
from crash_device import STATE
from failing_disk import failing
from sealed_examples import PERSON, WAIT_S
from system_calls import can_trace

pytestmark = pytest.mark.skipif(not can_trace(), reason="this machine does not let a process be traced")
RAM = "/dev/shm"  # noqa: S108 - a folder of its own is made in it
CALLS = {
    "reads": ("read", "pread64"),
    "writes": ("write", "pwrite64", "ftruncate"),
    "fsyncs": ("fsync", "fdatasync"),
    "names": ("openat", "rename", "link", "unlink"),
    "looks": ("newfstatat", "fstat", "statx"),
}
STORES = {
    "outbox": (["outbox.sqlite", "outbox.sqlite-wal", "outbox.sqlite-damaged"], check_outbox),
    "documents": (["documents.json", "documents.json.new", "documents.json.previous"], check_documents),
    "gate state": (["gate.json", "gate.json.new", "gate.json.previous"], check_documents),
    "keyring": (["documents.json", "documents.json.new", "documents.json.previous"], check_keyring),
}
WHEN = ["1", "3", "2+"]  # the first, the third, all from the second on
FAULTS = [("EIO", calls) for calls in CALLS] + [("ENOSPC", "writes"), ("EROFS", "names")]


class Worker:
    """The process whose children meet the faults."""

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("failing_worker.py"))]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1, env=environment
        )

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def said(self, what: str, heard: list[dict[str, Any]]) -> dict[str, Any]:
        """Reads on until something is said."""
        assert self.process.stdout is not None
        while True:
            line = self.process.stdout.readline()
            assert line, "the worker ended"
            heard.append(json.loads(line))
            assert heard[-1]["what"] not in {"unexpected", "ended"} or what == "ended", heard[-1]
            if heard[-1]["what"] == what:
                return heard[-1]

    def close(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=WAIT_S)


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Callable[[], Path]]:
    """New folders, in memory where there is such a disk: that an fsync fails takes no real one."""
    with TemporaryDirectory(dir=RAM if os.access(RAM, os.W_OK) else tmp_path) as parent:
        yield lambda: Path(mkdtemp(dir=parent))


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.close()


def trial(worker: Worker, store: str, folder: Path, error: str, calls: str, when: str) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []
    worker.tell(json.dumps([store, str(folder)]))
    pid = worker.said("child", heard)["pid"]
    worker.said("half", heard)
    state = folder / STATE
    with failing(pid, [state, *(state / name for name in STORES[store][0])], CALLS[calls], error, when):
        worker.tell("go")
        worker.said("half", heard)
    worker.tell("go")
    worker.said("ended", heard)
    return heard


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("error, calls", FAULTS, ids=lambda value: value)
def test_whatever_call_fails_nothing_promised_is_lost_and_all_works_again(
    worker: Worker, folders: Callable[[], Path], store: str, error: str, calls: str
) -> None:
    failed = 0
    for when in WHEN:
        folder = folders()
        heard = trial(worker, store, folder, error, calls, when)
        assert heard[-1]["code"] == 0, (when, heard[-2:])
        done = next(mark["done"] for mark in heard if mark.get("half") == "well" and "done" in mark)
        assert all(done[2:]), f"{when}: works again only after {done}"
        promises = Promised()
        for mark in heard:
            promises.hear(mark)
        try:
            STORES[store][1](folder, promises)
        except Broken as broken:
            raise AssertionError(f"{when}: {broken}") from broken
        errors = [mark["text"] for mark in heard if mark["what"] == "error"]
        failed += bool(errors)
        for text in errors:
            assert str(folder) in text, f"{when}: does not name what failed: {text}"
        assert PERSON.name not in json.dumps(heard, ensure_ascii=False)
    assert failed or calls in {"looks", "reads", "names"}, "no fault was ever met"
