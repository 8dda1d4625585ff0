"""What a scanner module that takes commands is to us, and how it is set when its port is opened."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

from drivers.errors import Unavailable
from drivers.serial_port import SerialPort

_TRIES = 3  # a module that sleeps loses the first command
_ANSWER_S = 1.0
_LONGEST_ANSWER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Command:
    """One thing to ask of a module.

    Attributes:
        data: the bytes to send.
        what: what it is for, for messages, for example `set its trigger`.
        answer: how its answer must begin, as `cut_answer` gives it.
    """

    data: bytes
    what: str
    answer: bytes = b""


class ScannerModule(Protocol):
    """The commands of one family of modules."""

    @property
    def name(self) -> str:
        """What the family is called."""
        ...

    def setup(self) -> Generator[Command, bytes, None]:
        """What is asked when the port is opened, each sent its answer back; nothing in it is written to the module's flash."""
        ...

    @property
    def scan(self) -> bytes:
        """Begins one reading."""
        ...

    @property
    def keep_scanning(self) -> bool:
        """Whether `scan` must be sent again after each code and each silence."""
        ...

    def cut_answer(self, data: bytes) -> tuple[bytes | None, bytes]:
        """The first whole answer in `data`, None while there is none, and `data` without it."""
        ...

    def without_answers(self, data: bytes) -> bytes:
        """The next bytes of the stream without the module's answers; the begin of one is held back until it is whole."""
        ...


def set_up(port: SerialPort, module: ScannerModule, name: str) -> bytes:
    """Asks everything a module must be asked at the start.

    Returns:
        What came besides the answers: perhaps the code of somebody who was faster.

    Raises:
        Unavailable: the module does not answer, or not as it should.
        Unplugged: the port went away.
    """
    others = b""
    steps = module.setup()
    command = next(steps, None)
    while command is not None:
        answer, rest = _ask(port, module, command)
        others += rest
        if answer is None:
            raise Unavailable(
                f"{name!r}: no {module.name} answers there (asked to {command.what}). Check that the module's RX is wired, that `baud` is "
                "the module's, and its type; without `module=` it is read as it is set."
            )
        if not answer.startswith(command.answer):
            raise Unavailable(
                f"{name!r}: the {module.name} refuses to {command.what} (answer {answer.hex()}). Check its type, or leave that option out."
            )
        try:
            command = steps.send(answer)
        except StopIteration:
            command = None
    return others


def _ask(port: SerialPort, module: ScannerModule, command: Command) -> tuple[bytes | None, bytes]:
    """Sends a command up to three times; the last answer, None when there was none, and what came besides."""
    data = b""
    answer: bytes | None = None
    for _ in range(_TRIES):
        port.write(command.data)
        until_s = time.monotonic() + _ANSWER_S
        while (left_s := until_s - time.monotonic()) > 0 and not port.closed:
            data = (data + port.read(left_s))[-_LONGEST_ANSWER_BYTES:]
            answer, data = module.cut_answer(data)
            if answer is not None:
                break
        if answer is not None and answer.startswith(command.answer):
            break
    return answer, data
