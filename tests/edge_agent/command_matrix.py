"""Every command × every step of it × SIGKILL: a real process takes and does it, and is killed at each thing it does to disk or firmware.

`make kills` sweeps every step and prints the matrix; the suite sweeps some. A child process is killed at its n-th call that opens,
replaces, links, removes or connects; then a new agent starts and goes on, and the operator asks again with the same bytes. What must
hold: done at most once, the end told, and told in one way only; `successful` only where it was done. Source: Mender's `state_test.cpp`,
for the idea.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from command_world import Counting, Firmware, World, signed
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from real_broker import Authority, bundle, named, write_bundle

from edge_agent.base.disk import write_private
from edge_agent.commands import config_keeper, executors
from edge_agent.commands.command_desk import CommandDesk
from edge_agent.commands.config_keeper import ConfigKeeper
from edge_agent.commands.executors import Executor, Job, Marks, NeedsNobody, Unfinished, cut_short
from edge_agent.device import device_keys, known_time, overlay, settings_file
from edge_agent.device.identity import FOLDER, TLS_CERTIFICATE, TLS_KEY
from edge_agent.enrolment import enrol, tls_rotation
from edge_agent.wire.command import Action
from edge_agent.wire.results import State
from firmware.control_server import Asker

STEPS = frozenset({"open", "os.rename", "os.remove", "os.link", "socket.connect", "socket.sendmsg"})
_TOML = '[device]\nstate = "{}"\n[[lane]]\nname = "vào"\ndirection = "in"\nreader = "fifo:/nowhere"\n'
_MOST_STEPS = 2000


class Gate(Firmware):
    """Firmware that also opens the gate anew with what is set from afar."""

    def __init__(self, runtime: Path, toml: Path) -> None:
        self._toml = toml
        super().__init__(runtime)

    def _answer(self, request: dict[str, Any], asker: Asker) -> Mapping[str, Any]:
        if request["type"] == "check-config":
            self.asked["set-direction"] += 1
            return {"type": "config-checked", "problems": []}
        if request["type"] == "counters":
            mark = settings_file.load(self._toml).overlay
            return {"type": "counters", "process": self.process, "overlay": mark, "sources": {"vào": "working"}}
        return super()._answer(request, asker)


class Rotating(NeedsNobody):
    """Another TLS key, certified at once by a province, with the steps of `RotateKeys` and `CertificateKeeper` on the disk."""

    def __init__(self, world: Matrix) -> None:
        self._world = world

    def before(self, _arguments: tuple[str, ...], /) -> Marks:
        return {"key": tls_rotation.fingerprint(self._world.state)}

    def carry_out(self, _job: Job, /) -> None:
        self._world.did("rotate-keys")
        keys = tls_rotation.begin(self._world.state)
        certificate = self._world.authority._sign(keys.tls, named("bus-co/scanner-1"), authority=False, host=None)
        write_private(self._world.state / FOLDER / TLS_CERTIFICATE, certificate.encode())
        tls_rotation.finish(self._world.state)

    def found_running(self, job: Job, /) -> None:
        if tls_rotation.fingerprint(self._world.state) == job.marks.get("key"):
            raise cut_short()


class Sending(NeedsNobody):
    """A diagnosis of three pieces, delivered as `Diagnostics` does."""

    def __init__(self, world: Matrix) -> None:
        self._world = world

    def before(self, _arguments: tuple[str, ...], /) -> Marks:
        return {}

    def carry_out(self, job: Job, /) -> None:
        self._world.did("diagnostics")
        (self._world.state / "bundle.tmp").write_bytes(b"collected")
        job.deliver(bytes(70_000))

    def found_running(self, _job: Job, /) -> None:
        raise cut_short()


class Matrix(World):
    """One device; what is done in any of its processes is counted through a pipe, so that it outlives the process that did it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.parent = os.getpid()
        self.toml = folder / "gate.toml"
        self.toml.write_text(_TOML.format(self.state))
        self.firmware.close()
        self.firmware = Gate(self.runtime, self.toml)
        self.authority = Authority()
        enrol.install(enrol.read_bundle(write_bundle(folder, bundle(self.authority, 8883))), self.state)
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self.done: Counter[str] = Counter()

    def did(self, what: str) -> None:
        """Told by whichever process does it."""
        os.write(self._write_end, f"{what}\n".encode())

    def heard(self) -> None:
        with suppress(BlockingIOError):
            self.done.update(os.read(self._read_end, 65_536).decode().split())

    def boot_id(self) -> str:
        return f"boot {(self.runtime / 'boots').stat().st_size if (self.runtime / 'boots').exists() else 0}"

    def systemd_looks(self) -> None:
        """Takes a request to restart the device, whoever made it, as the path unit does."""
        request = self.runtime / executors.RESTART_REQUEST
        if request.exists():
            with (self.runtime / "boots").open("ab") as boots:
                boots.write(b".")
            request.unlink()
            self.did("restart-device")

    def _end_agent(self) -> None:
        self.did("restart-agent")

    def executors(self) -> dict[Action, Executor]:
        config = ConfigKeeper(self.toml, self.state, self.runtime, lambda: True, lambda _said: None)
        those = super().executors()
        return {
            **those, Action.SET_DIRECTION: executors.SetDirection(config), Action.ROTATE_KEYS: Rotating(self),
            Action.DIAGNOSTICS: Sending(self), Action.UPDATE: Telling(self, Action.UPDATE),
        }  # fmt: skip

    def starts(self) -> CommandDesk:
        """A new agent: what it goes on with before it takes commands, as `run_command` has it."""
        tls_rotation.finish(self.state)
        ConfigKeeper(self.toml, self.state, self.runtime, lambda: True, lambda _said: None)._go_on()
        return self.desk()

    def count(self, action: Action) -> int:
        """How often it was done, in all processes."""
        self.heard()
        words = {Action.RESTART_FIRMWARE: "restart"}
        return self.done[str(action)] + self.firmware.asked[words.get(action, str(action))]

    def close(self) -> None:
        self.firmware.close()
        os.close(self._read_end)
        os.close(self._write_end)


class Looking(threading.Event):
    """While an agent waits, systemd looks; in a child its parent does."""

    def __init__(self, world: Matrix) -> None:
        super().__init__()
        self._world = world

    def wait(self, timeout: float | None = None) -> bool:
        if self._world.parent == os.getpid():
            self._world.systemd_looks()
        return super().wait(timeout)


class Telling(Counting):
    """Something that nobody can look into afterwards."""

    def __init__(self, world: Matrix, action: Action) -> None:
        super().__init__(Counter(), action)
        self._matrix = world

    def carry_out(self, _job: Job, /) -> None:
        self._matrix.did(str(self._action))


@dataclass
class Row:
    """What came of one command.

    Attributes:
        kills: at how many steps it was killed.
        found: the state in which the next agent found it; `-`: never taken.
        ends: how it ended.
        wrong: what must never be, in words.
    """

    action: Action
    kills: int = 0
    found: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def sweep(action: Action, every: int, first: int = 1) -> Row:
    """Kills one command at each `every`-th of its steps, from the `first` on, until it gets through."""
    row, step = Row(action), first
    with quick():
        while step < _MOST_STEPS:
            with tempfile.TemporaryDirectory(prefix="gate-kills-") as folder:
                world = Matrix(Path(folder))
                try:
                    if not _killed(world, action, step):
                        return row
                    row.kills += 1
                    row.wrong += [f"step {step}: {what}" for what in _judged(world, action, row)]
                finally:
                    world.close()
            step += every
    raise AssertionError(f"{action}: never got through")


def quick() -> Any:
    """The waits of the real thing, shortened."""
    return patch.multiple(executors, _LOOK_S=0.001, _REBOOT_S=0.02, _FIRMWARE_BACK_S=0.05)


def _killed(world: Matrix, action: Action, step: int) -> bool:
    """Has a child take and do it, killed at a step; False when it got through first."""
    child = os.fork()
    if child == 0:
        _child(lambda: _live(world, world.starts(), action), step)
    handle = os.pidfd_open(child)
    try:
        while not select.select([handle], [], [], 0.001)[0]:
            world.systemd_looks()
    finally:
        os.close(handle)
    world.systemd_looks()  # a request outlives who made it
    _pid, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"{action}: the child failed at step {step}"
    return os.WIFSIGNALED(status)


def _child(work: Callable[[], None], step: int) -> None:
    left = [step]

    def hook(event: str, _args: object) -> None:
        if event in STEPS:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    code = 1
    try:
        with patch.object(config_keeper, "_LOOK_S", 0.001):
            sys.addaudithook(hook)
            work()
        code = 0
    finally:
        os._exit(code)


def _live(world: Matrix, desk: CommandDesk, action: Action) -> None:
    desk.arrived(signed(action), retained=False)
    _go_on(world, desk)


def _go_on(world: Matrix, desk: CommandDesk) -> None:
    desk._ending = Looking(world)
    with suppress(Unfinished):
        while desk.do_next():
            pass
    desk.look()
    desk.look()


def _judged(world: Matrix, action: Action, row: Row) -> list[str]:
    """Starts a new agent, lets the operator ask again, and says what is wrong."""
    with patch.object(config_keeper, "_LOOK_S", 0.001):
        desk = world.starts()
        kept = desk._judge.store.next() or next(iter(desk._judge.store.untold()), None) or next(iter(desk._judge.store._commands), None)
        row.found["-" if kept is None else str(kept.state) + (", told" if kept.told else "")] += 1
        _go_on(world, desk)
        for _again in range(2):
            _live(world, world.starts(), action)
    ends = {(end.state, end.reason) for end in world.final()}
    wrong = [] if len(ends) == 1 else [f"told as {sorted(ends)}"]
    if len(ends) == 1:
        ((state, reason),) = ends
        row.ends[str(state) + (f": {reason}" if reason else "")] += 1
        if state is State.SUCCESSFUL and world.count(action) == 0 and action is not Action.RESTART_AGENT:  # the kill was one too
            wrong.append("called successful, and not done")
    if (count := world.count(action)) > 1:
        wrong.append(f"done {count} times")
    return wrong + _left(world, action, ends)


def _left(world: Matrix, action: Action, ends: set[tuple[State, str]]) -> list[str]:
    """What the disk holds afterwards."""
    if action is Action.SET_DIRECTION:
        turned = overlay.in_force(world.state).get("lane") == [{"name": "vào", "direction": "out"}]
        return [] if turned == ((State.SUCCESSFUL, "") in ends) else ["its end and what is in force differ"]
    key = load_pem_private_key((world.state / FOLDER / TLS_KEY).read_bytes(), None)
    certificate = known_time.read_certificate(world.state / FOLDER / TLS_CERTIFICATE)
    device_keys.load(world.state)
    return [] if certificate is not None and certificate.public_key() == key.public_key() else ["TLS key and certificate are no pair"]


def main() -> int:
    """Sweeps every step of every command and prints the matrix."""
    rows = []
    for action in Action:
        rows.append(row := sweep(action, 1))
        told = "; ".join(f"{count} {end}" for end, count in row.ends.most_common())
        found = ", ".join(f"{state} {count}" for state, count in sorted(row.found.items()))
        print(f"{action:<17} {row.kills:>4} kills   found: {found:<70} ended: {told}", flush=True)  # noqa: T201
        for wrong in row.wrong:
            print(f"  WRONG {wrong}")  # noqa: T201
    bad = sum(len(row.wrong) for row in rows)
    print(f"{len(rows)} commands, {sum(row.kills for row in rows)} kills, {bad} wrong")  # noqa: T201
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
