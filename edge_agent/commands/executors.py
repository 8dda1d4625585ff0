"""What this device does when it is ordered to: one small executor an action, which can tell after a power cut what became of it.

The agent itself may do nothing but ask: firmware by its socket, systemd by ending with `RESTART_STATUS` or by a file in the runtime folder
(decision 0090).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from drivers import system_clock
from edge_agent.commands.config_keeper import PATIENCE_S, ConfigKeeper, NotGood
from edge_agent.device.control import ask, ask_counters
from edge_agent.device.overlay import Tables
from edge_agent.wire.command import Action

RESTART_REQUEST = "restart-device"  # in the runtime folder: gate-device-restart.path watches it
_FIRMWARE_BACK_S, _TAKEN_S, _REBOOT_S = 120.0, 30.0, 120.0
_LOOK_S = 0.5
_TRIAL_S = 2 * PATIENCE_S
_DIRECTIONS = ("in", "out", "alternate")
_CUT_SHORT = "cut-short"
Marks = Mapping[str, str]
Pause = Callable[[float], bool]  # waits so many seconds, and tells whether the agent ends meanwhile


class Failed(Exception):
    """It was not done, or nobody knows; `reason` is a word for programs, the message is for people."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Unfinished(Exception):
    """The agent ends before it is known what became of it: the next one goes on with it."""


@dataclass(frozen=True, slots=True)
class Job:
    """One command that is being carried out.

    Attributes:
        arguments: of the command.
        marks: how things were before it began.
        pause: waits, unless the agent ends.
        counter: of the command.
        deliver: sends what was asked for, in pieces, and returns when the broker has them all. Raises Failed, Unfinished.
    """

    arguments: tuple[str, ...]
    marks: Marks
    pause: Pause
    counter: int
    deliver: Callable[[bytes], None]


class Executor(Protocol):
    """Does one action. Each method runs in the runner's thread and may take its time."""

    def is_ready(self) -> bool:
        """Whether what it needs answers: at the start of the device firmware may come after us."""

    def before(self, arguments: tuple[str, ...], /) -> Marks:
        """How things are before it begins, noted on the disk with the state `running`.

        Raises:
            Failed: it cannot be done.
        """

    def carry_out(self, job: Job, /) -> None:
        """Does it.

        Raises:
            Failed: it was not done.
            Unfinished: the agent ends.
        """

    def found_running(self, job: Job, /) -> None:
        """Finds out what became of one that an agent before us had begun; never begins it again.

        Raises:
            Failed: it was not done, or nobody knows.
            Unfinished: the agent ends.
        """


def cut_short() -> Failed:
    """What is said of a command that was under way when the power or the agent went, where nobody can tell more."""
    return Failed(_CUT_SHORT, "the power or the agent went while it ran; nobody knows whether it was done. Look, and order it anew")


class NeedsNobody:
    """An executor that is always ready."""

    def is_ready(self) -> bool:
        """Nothing is needed."""
        return True


def firmware_answers(runtime: Path) -> bool:
    """Whether firmware runs."""
    return ask_counters(runtime) is not None


def until(happened: Callable[[], bool], within_s: float, pause: Pause) -> bool:
    """Looks again and again.

    Raises:
        Unfinished: the agent ends.
    """
    end_s = time.monotonic() + within_s
    while not happened():
        if time.monotonic() >= end_s:
            return False
        if pause(_LOOK_S):
            raise Unfinished
    return True


def tell_firmware(runtime: Path, word: str) -> None:
    """Has firmware do something at once.

    Raises:
        Failed: it does not answer, or refuses.
    """
    answer = ask(runtime, word, ("done", "refused"))
    if answer is None:
        raise Failed("no-firmware", "firmware does not run or does not answer")
    if answer["type"] == "refused":
        raise Failed("refused-by-firmware", str(answer.get("why"))[:500])


@dataclass(frozen=True, slots=True)
class OfFirmware:
    """Something that firmware does at once when it is asked: light, gate, set-up.

    Attributes:
        word: the request on firmware's socket.
    """

    runtime: Path
    word: str

    def is_ready(self) -> bool:
        """Whether firmware answers."""
        return firmware_answers(self.runtime)

    def before(self, _arguments: tuple[str, ...], /) -> Marks:
        """Nothing to note."""
        return {}

    def carry_out(self, _job: Job, /) -> None:
        """Asks once."""
        tell_firmware(self.runtime, self.word)

    def found_running(self, _job: Job, /) -> None:
        """It may have been asked, or not."""
        raise cut_short()


@dataclass(frozen=True, slots=True)
class RestartFirmware:
    """Has firmware close the gate and end; systemd starts it again. Done when another process answers."""

    runtime: Path

    def is_ready(self) -> bool:
        """Whether firmware answers."""
        return firmware_answers(self.runtime)

    def before(self, _arguments: tuple[str, ...], /) -> Marks:
        """Which process it is now."""
        process = self._process()
        if not process:
            raise Failed("no-firmware", "firmware does not run or does not answer: systemd tries to start it again by itself")
        return {"process": process}

    def carry_out(self, job: Job, /) -> None:
        """Asks it to, and waits for the next one."""
        tell_firmware(self.runtime, "restart")
        self._wait(job, Failed("not-back", f"firmware ended, and no other answered within {_FIRMWARE_BACK_S:g} s"))

    def found_running(self, job: Job, /) -> None:
        """Another process than before: it was restarted, by us or by the power cut."""
        self._wait(job, cut_short())

    def _wait(self, job: Job, otherwise: Failed) -> None:
        if not until(lambda: self._process() not in {"", job.marks.get("process")}, _FIRMWARE_BACK_S, job.pause):
            raise otherwise

    def _process(self) -> str:
        return str((ask_counters(self.runtime) or {}).get("process", ""))


@dataclass(frozen=True, slots=True)
class RestartAgent(NeedsNobody):
    """Ends this process with `RESTART_STATUS`; systemd starts it again. Done when another one finds it running.

    Attributes:
        end: ends the agent once what is running has been told; returns at once.
    """

    end: Callable[[], None]

    def before(self, _arguments: tuple[str, ...], /) -> Marks:
        """Nothing to note: whoever finds it running is another process."""
        return {}

    def carry_out(self, _job: Job, /) -> None:
        """Begins to end."""
        self.end()
        raise Unfinished

    def found_running(self, _job: Job, /) -> None:
        """We are the one after."""


@dataclass(frozen=True, slots=True)
class RestartDevice(NeedsNobody):
    """Asks systemd for a restart of the whole device, by a file that a path unit watches. Done when the boot id is another."""

    runtime: Path
    boot_id: Callable[[], str] = lambda: system_clock.boot_id().hex()

    def before(self, _arguments: tuple[str, ...], /) -> Marks:
        """Which boot it is."""
        return {"boot": self.boot_id()}

    def carry_out(self, job: Job, /) -> None:
        """Lays the file there; systemd takes it away when it begins."""
        file = self.runtime / RESTART_REQUEST
        try:
            file.touch(mode=0o600)
        except OSError as error:
            raise Failed("not-asked", f"{file}: cannot be written ({error.strerror})") from None
        if not until(lambda: not file.exists(), _TAKEN_S, job.pause):
            with suppress(OSError):
                file.unlink()
            raise Failed("nobody-restarts", "nobody took the request: systemctl enable --now gate-device-restart.path")
        self._wait(job)

    def found_running(self, job: Job, /) -> None:
        """After a restart the runtime folder is empty and the boot another; where it is not, one may be under way."""
        self._wait(job)

    def _wait(self, job: Job) -> None:
        if not until(lambda: self.boot_id() != job.marks.get("boot"), _REBOOT_S, job.pause):
            raise cut_short()


@dataclass(frozen=True, slots=True)
class SetDirection:
    """Has a lane read for another direction: tried and kept as any configuration from afar, on top of the one there is."""

    config: ConfigKeeper

    def is_ready(self) -> bool:
        """Whether firmware answers."""
        return self.config.firmware_answers()

    def before(self, arguments: tuple[str, ...], /) -> Marks:
        """Whether it is a direction; whether it suits the lane is found out when it is tried."""
        if arguments[1] not in _DIRECTIONS:
            raise Failed("not-a-direction", f"{arguments[1]!r} is none; allowed are {', '.join(_DIRECTIONS)}")
        return {}

    def carry_out(self, job: Job, /) -> None:
        """Tries it."""
        try:
            self.config.apply(with_direction(self.config.in_force(), *job.arguments))
        except NotGood as error:
            raise Failed(error.state, str(error)[:1000]) from None
        except OSError as error:
            raise Failed("not-stored", f"it cannot be stored ({error})") from None

    def found_running(self, job: Job, /) -> None:
        """It was kept if it is in force once no trial goes on."""
        if not until(lambda: not self.config.on_trial(), _TRIAL_S, job.pause):
            raise cut_short()
        now = self.config.in_force()
        if with_direction(now, *job.arguments) != now:
            raise Failed("not-in-force", "the power or the agent went while it was tried, or it was taken back: it is not in force")


def with_direction(tables: Tables, lane: str, direction: str) -> dict[str, Any]:
    """The same with another direction for one lane.

    Example:
        >>> with_direction({"lane": [{"name": "a", "button_in": "b"}]}, "a", "in")
        {'lane': [{'name': 'a', 'button_in': 'b', 'direction': 'in'}]}
    """
    lanes = [dict(each) for each in tables.get("lane", ())]
    its = next((each for each in lanes if each.get("name") == lane), None)
    if its is None:
        lanes.append(its := {"name": lane})
    its["direction"] = direction
    return {**tables, "lane": lanes}


def of_this_device(runtime: Path, end: Callable[[], None], config: ConfigKeeper) -> dict[Action, Executor]:
    """The actions that need nothing but firmware, systemd and the configuration.

    Args:
        runtime: the runtime folder.
        end: see `RestartAgent`.
        config: tries what is to be set.
    """
    words = {
        Action.IDENTIFY: "identify", Action.TEST_PATTERN: "test-pattern", Action.OPEN: "open", Action.CLOSE: "close", Action.SETUP: "setup",
    }  # fmt: skip
    return {
        **{action: OfFirmware(runtime, word) for action, word in words.items()},
        Action.SET_DIRECTION: SetDirection(config),
        Action.RESTART_FIRMWARE: RestartFirmware(runtime),
        Action.RESTART_AGENT: RestartAgent(end),
        Action.RESTART_DEVICE: RestartDevice(runtime),
    }
