"""What the tests of commands share: a device with its store, a firmware that answers on a real socket, and an operator who signs."""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sealed_examples import FROM_MS, NAME, ROOT_PUBLIC, officer, signing_key

from edge_agent.commands import executors
from edge_agent.commands.command_desk import CommandDesk
from edge_agent.commands.command_judge import Judge
from edge_agent.commands.command_store import CommandStore
from edge_agent.commands.config_keeper import ConfigKeeper
from edge_agent.commands.executors import Executor, Job, Marks, NeedsNobody
from edge_agent.device.token_signer import TokenTrouble
from edge_agent.link.broker_link import Message
from edge_agent.wire import command, results
from edge_agent.wire.authority import Power
from edge_agent.wire.command import POWER_OF, Action, Command
from edge_agent.wire.results import Result, State
from edge_agent.wire.topics import DeviceName
from firmware.control_server import Asker, ControlServer

SIGNING_KEY = signing_key("device")
LOG, NONCE = bytes(range(16)), bytes(range(16, 32))
NOW_MS = FROM_MS + 1_000_000
ARGUMENTS = {Action.SET_DIRECTION: ("vào", "out"), Action.UPDATE: ("https://example.vn/1.2.gate",)}


def signed(  # noqa: PLR0913 - each is one thing that may be wrong with a command
    action: Action | str, counter: int = 1, power: Power | None = None, *, target: DeviceName = NAME, log: bytes = LOG,
    arguments: tuple[str, ...] | None = None, life_ms: int = 600_000, issued_ms: int = NOW_MS, nonce: bytes | None = None,
) -> bytes:  # fmt: skip
    """A command as an operator sends it."""
    if arguments is None:
        arguments = ARGUMENTS.get(action, ()) if isinstance(action, Action) else ()
    if power is None:
        power = POWER_OF[action] if isinstance(action, Action) else Power.CONFIGURE
    order = Command(target, log, action, counter, issued_ms, issued_ms + life_ms, arguments, nonce)
    return command.issue(order, officer(power))


class Cut(BaseException):
    """The power goes."""


class CutStore(CommandStore):
    """A store whose device loses its power at one of its writes, just before it is on the disk or just after."""

    def __init__(self, state: Path, write: int | None = None, *, after: bool = False) -> None:
        self._left, self._after = write, after
        super().__init__(state)

    def _write(self, *args: Any) -> None:
        if self._left is None:
            super()._write(*args)
            return
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Cut
        super()._write(*args)
        if self._left == 0:
            raise Cut


class Firmware:
    """The control socket of a firmware that counts what it was asked for; a restart makes it another process."""

    def __init__(self, runtime: Path) -> None:
        self.asked: Counter[str] = Counter()
        self.refuses: Mapping[str, str] = {}
        self.process = secrets.token_hex(4)
        self._runtime = runtime
        self._server: ControlServer | None = None
        self.open()

    def open(self) -> None:
        """Begins to answer, unless it does."""
        if self._server is None:
            self._server = ControlServer(self._runtime, self._answer)
            self._server.start()

    def _answer(self, request: dict[str, Any], _asker: Asker) -> Mapping[str, Any]:
        word = str(request["type"])
        if word == "counters":
            return {"type": "counters", "process": self.process}
        self.asked[word] += 1
        if word in self.refuses:
            return {"type": "refused", "why": self.refuses[word]}
        if word == "restart":
            self.process = secrets.token_hex(4)
        return {"type": "done"}

    def close(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None


class Counting(NeedsNobody):
    """An executor that notes each time it was begun."""

    def __init__(self, asked: Counter[str], action: Action) -> None:
        self._asked, self._action = asked, action

    def before(self, _arguments: tuple[str, ...], /) -> Marks:
        return {}

    def carry_out(self, _job: Job, /) -> None:
        self._asked[self._action] += 1

    def found_running(self, _job: Job, /) -> None:
        raise executors.cut_short()


class Systemd(threading.Event):
    """While the agent waits, systemd takes a request to restart the device, and does."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def wait(self, timeout: float | None = None) -> bool:
        request = self._world.runtime / executors.RESTART_REQUEST
        if request.exists() and self._world.takes_requests:
            request.unlink()
            self._world.boots += 1
        return super().wait(timeout)


class World:
    """One device over all its starts."""

    def __init__(self, folder: Path) -> None:
        self.state, self.runtime = folder / "state", folder / "run"
        self.state.mkdir()
        self.runtime.mkdir()
        self.firmware = Firmware(self.runtime)
        self.boots = self.agent_restarts = 0
        self.sent: list[Result] = []
        self.times: tuple[int | None, int] = (NOW_MS, FROM_MS)
        self.lost_connection = False
        self.takes_requests = True
        self.key_is_away = False
        self.revoked: set[str] = set()

    def boot_id(self) -> str:
        return f"boot {self.boots}"

    def _end_agent(self) -> None:
        self.agent_restarts += 1

    def executors(self) -> dict[Action, Executor]:
        config = ConfigKeeper(self.state / "gate.toml", self.state, self.runtime, lambda: True, lambda _said: None)
        those = executors.of_this_device(self.runtime, self._end_agent, config)
        those[Action.SET_DIRECTION] = Counting(self.firmware.asked, Action.SET_DIRECTION)
        those[Action.RESTART_DEVICE] = executors.RestartDevice(self.runtime, self.boot_id)
        return {**{action: Counting(self.firmware.asked, action) for action in Action}, **those}

    def publish(self, message: Message) -> Callable[[], bool]:
        self.sent.append(said := results.decode(message.payload))
        assert said.parts or results.is_proved(said, NAME, SIGNING_KEY.public_key())
        return lambda: self.lost_connection

    def prove(self, result: Result) -> Result:
        if self.key_is_away:
            raise TokenTrouble("no token")
        return results.prove(result, NAME, SIGNING_KEY)

    def desk(self, store: CommandStore | None = None, nonce: bytes = NONCE) -> CommandDesk:
        """The agent starts, and the broker lets it in."""
        judge = Judge(NAME, ROOT_PUBLIC, store or CommandStore(self.state), nonce, lambda: LOG, lambda: self.revoked)
        desk = CommandDesk(judge, self.executors(), self.publish, lambda: self.times, Counter(), self.prove)
        desk._ending = Systemd(self)
        desk.connected()
        return desk

    def times_done(self, action: Action) -> int:
        """How often an action has been begun."""
        words = {Action.RESTART_FIRMWARE: "restart"}
        match action:
            case Action.RESTART_DEVICE:
                return self.boots
            case Action.RESTART_AGENT:
                return self.agent_restarts
            case _:
                return self.firmware.asked[words.get(action, str(action))]

    def final(self) -> list[Result]:
        return [result for result in self.sent if result.state in {State.SUCCESSFUL, State.FAILED}]
