"""Many simulated scanners in one process, told what to do and telling what they did by lines of JSON; and the other end of those lines.

paho waits with select(), which takes files below 1024 only: some 250 scanners a process.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
if __name__ == "__main__":
    sys.path[:0] = [str(HERE), str(ROOT), str(ROOT / "tests/province")]

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey  # noqa: E402 - the path above comes first
from province_world import Scanner  # noqa: E402 - the same
from sim_scanner import SimulatedScanner  # noqa: E402 - the same

from edge_agent.health import cadence, reporting  # noqa: E402 - the same
from edge_agent.link.endpoint import Endpoint  # noqa: E402 - the same
from edge_agent.wire import keyring  # noqa: E402 - the same
from edge_agent.wire.topics import DeviceName  # noqa: E402 - the same
from province.base.clock import now_ms  # noqa: E402 - the same

MOST_A_PROCESS = 250
_END_S = 30.0


def told_of(scanner: Scanner, condition: str) -> dict[str, Any]:
    """What a crowd needs to be one of its scanners."""
    end = scanner.endpoint
    return {
        "org": scanner.name.org, "device": scanner.name.device, "condition": condition, "host": end.host, "port": end.port,
        "key": base64.b64encode(scanner.signing_key.private_bytes_raw()).decode(),
        "files": [str(file) for file in (end.authority_file, end.certificate_file, end.key_file)],
    }  # fmt: skip


class _Crowd:
    """The scanners of this process.

    Args:
        spec: `root` and `keyring` (base64), `period_s`, `keepalive_s`, `entries_s` (a scanner's mean time between two), `least_s`,
            `devices`.
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        self._lock, self._over = threading.Lock(), threading.Event()
        self._entries_s = spec["entries_s"]
        for module in (cadence, reporting):
            vars(module)["LEAST_S"] = spec["least_s"]
        root = Ed25519PublicKey.from_public_bytes(base64.b64decode(spec["root"]))
        keys = keyring.verify(base64.b64decode(spec["keyring"]), root, now_ms())
        self._scanners: dict[str, SimulatedScanner] = {}
        for each in spec["devices"]:
            authority, certificate, key = map(Path, each["files"])
            scanner = Scanner(
                DeviceName(each["org"], each["device"]), Ed25519PrivateKey.from_private_bytes(base64.b64decode(each["key"])), root, keys,
                Endpoint(each["host"], each["port"], authority, certificate, key),
            )  # fmt: skip
            made = SimulatedScanner(scanner, spec["period_s"], spec["keepalive_s"], self.note, each["condition"])
            self._scanners[str(scanner.name)] = made

    def note(self, what: str, name: object = "", **facts: Any) -> None:
        line = json.dumps({"what": what, "name": str(name), "at_s": time.monotonic(), "at_ms": now_ms(), **facts})
        with self._lock, suppress(BrokenPipeError):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def _passing(self) -> None:
        """People pass, at random; windows time out."""
        due_s = {name: time.monotonic() + random.expovariate(1 / self._entries_s) for name in self._scanners}
        while due_s and not self._over.wait(max(0.0, min(due_s.values()) - time.monotonic())):
            now_s = time.monotonic()
            for name in [name for name, at_s in due_s.items() if now_s >= at_s]:
                due_s[name] = now_s + random.expovariate(1 / self._entries_s)
                self._scanners[name].passage()
                self._scanners[name].send_what_waits()

    def obey(self) -> None:
        """Does what its lines say, until they end."""
        threading.Thread(target=self._passing, daemon=True).start()
        self.note("ready")
        for line in sys.stdin:
            order = json.loads(line)
            for name in order.get("names", self._scanners):
                if name in self._scanners:
                    self._have(self._scanners[name], order)
            self.note("done", do=order["do"])
        self._over.set()
        for one in self._scanners.values():
            threading.Thread(target=one.stop, daemon=True).start()

    def _have(self, one: SimulatedScanner, order: dict[str, Any]) -> None:
        """Has one scanner do what was ordered."""
        match order["do"]:
            case "start":
                one.start()
            case "become":
                one.become(order["condition"])
            case "cut":
                one.cut(silently=order["silently"])
            case "come back":
                one.come_back()
            case "drain":
                one.append(count=order["count"])
            case "hush":
                one.hush()
                self.note("last", one.name, told=base64.b64encode(one.last).decode())


@dataclass
class Crowds:
    """The processes, from outside.

    Attributes:
        heard: all that scanners did: `what`, `name`, `at_s` (monotonic), `at_ms`.
    """

    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    _readers: list[threading.Thread] = field(default_factory=list)
    _answers: queue.SimpleQueue[dict[str, Any]] = field(default_factory=queue.SimpleQueue)

    def begin(self, folder: Path, common: dict[str, Any], devices: Sequence[dict[str, Any]]) -> None:
        """Starts them; each says when it is ready."""
        count = -(-len(devices) // MOST_A_PROCESS)
        for number in range(count):
            file = folder / f"crowd-{number}.json"
            file.write_text(json.dumps({**common, "devices": devices[number::count]}))
            with (folder / f"crowd-{number}.log").open("w") as log:
                process = subprocess.Popen(
                    [sys.executable, str(HERE / "sim_crowd.py"), str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                    text=True, cwd=ROOT,
                )  # fmt: skip
            self.processes.append(process)
            self._readers.append(threading.Thread(target=self._read, args=(process,)))
            self._readers[-1].start()
        self._answered("ready")

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["what"] in {"ready", "done"}:
                self._answers.put(event)
            else:
                with self.changed:
                    self.heard.append(event)
                    self.changed.notify_all()

    def _answered(self, what: str) -> None:
        for _ in self.processes:
            assert self._answers.get(timeout=300.0)["what"] == what

    def do(self, what: str, names: Iterable[DeviceName] | None = None, **more: Any) -> None:
        """Has these scanners, or all, do something; returns when each process has done it."""
        order = {"do": what, **more} | ({} if names is None else {"names": [str(name) for name in names]})
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
        self._answered("done")

    def until(self, wanted: Callable[[list[dict[str, Any]]], bool], timeout_s: float, what: str) -> None:
        """Waits until what was heard is as wanted."""
        with self.changed:
            assert self.changed.wait_for(lambda: wanted(self.heard), timeout_s), f"not within {timeout_s:g} s: {what}"

    def mark(self) -> int:
        """What is heard from now on begins here."""
        with self.changed:
            return len(self.heard)

    def since(self, mark: int, what: str) -> list[dict[str, Any]]:
        """What of one kind was heard since a mark."""
        with self.changed:
            return [event for event in self.heard[mark:] if event["what"] == what]

    def end(self) -> None:
        """Ends them all."""
        for process in self.processes:
            assert process.stdin is not None
            with suppress(BrokenPipeError):
                process.stdin.close()
        for process in self.processes:
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for reader in self._readers:
            reader.join(_END_S)
        for process in self.processes:
            if process.stdout is not None:
                process.stdout.close()


if __name__ == "__main__":
    _Crowd(json.loads(Path(sys.argv[1]).read_text())).obey()
    sys.stdout.flush()
    os._exit(0)  # threads of links that hang in a dead network are left
