"""What our three programs share: commands loaded when asked for, streams that are there, and an end without a traceback."""

from __future__ import annotations

import argparse
import importlib
import io
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from edge_agent.base import logs
from edge_agent.base.trouble import Misconfigured

_log = logging.getLogger(__name__)

INTERRUPTED = 130  # as shells count: 128 + SIGINT
PIPE_CLOSED = 141  # 128 + SIGPIPE
_FAILED, _USAGE = 1, 2


class Command(Protocol):
    """What each command's file offers."""

    def add_parser(self, subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        """Adds the command to the command line."""

    def run(self, args: argparse.Namespace) -> int:
        """Runs the command and returns its exit code.

        Raises:
            Misconfigured: `guarded` tells it, and makes it exit code 2.
        """


@dataclass(frozen=True, slots=True)
class Program:
    """One of our programs.

    Attributes:
        name: as it is typed.
        package: where its commands are: command `na-me` lives in `package/name_command.py`, imported only when it is asked for.
        commands: each command with one line about it.
    """

    name: str
    package: str
    description: str
    epilog: str
    commands: Mapping[str, str]


def dispatch(program: Program, argv: Sequence[str] | None = None) -> int:
    """Runs the command that the command line names and returns its exit code; 2 for a wrong command line.

    Args:
        program: whose command line it is.
        argv: the command line without the program's name; None takes it from the process.
    """
    given = sys.argv[1:] if argv is None else list(argv)
    name = next((word for word in given if word in program.commands), None)
    command = None if name is None else _load(program, name)
    args = parser_of(program, {} if name is None or command is None else {name: command}).parse_args(given)
    return 0 if command is None else command.run(args)


def whole_parser(program: Program) -> argparse.ArgumentParser:
    """The command line with all its commands, for those who check what is written about it."""
    return parser_of(program, {name: _load(program, name) for name in program.commands})


def parser_of(program: Program, loaded: Mapping[str, Command]) -> argparse.ArgumentParser:
    """The command line, in which only the loaded commands know their options."""
    parser = argparse.ArgumentParser(
        prog=program.name, description=program.description, epilog=program.epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in program.commands.items():
        if name in loaded:
            loaded[name].add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=summary)
    return parser


def _load(program: Program, name: str) -> Command:
    return cast("Command", importlib.import_module(f"{program.package}.{name.replace('-', '')}_command"))


def guarded(work: Callable[[], int], program: str) -> int:
    """Runs a command and returns its exit code; what it logs, and whatever nobody catches, is told as `edge_agent.base.logs` says.

    A missing standard stream is opened on nothing first, so that no file of ours gets its number. A locale without Vietnamese letters
    shows their code points instead of failing.

    Args:
        work: the command; what it returns is the exit code.
        program: its name, for messages.

    Returns:
        What `work` returned; 2 for a wrong configuration (`Misconfigured`), 130 after Ctrl-C, 141 when whoever read our output has gone,
        1 when the output cannot be written.
    """
    _open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    logs.configure(quiet=True)
    try:
        try:
            exit_code = work()
        finally:  # also after --help, which ends by SystemExit
            sys.stdout.flush()
    except Misconfigured as error:
        _log.error("%s", error)
        return _USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `| head` has seen enough
        _silence_output()
        return PIPE_CLOSED
    except OSError as error:
        if not _output_failed():
            raise
        _silence_output()
        sys.stderr.write(f"{program}: the output cannot be written ({error.strerror})\n")
        return _FAILED
    return exit_code


def _open_missing_streams() -> None:
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", encoding="utf-8"))


def _output_failed() -> bool:
    """Tells whether it is the output that fails: what is still buffered cannot be written either."""
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError:
        return True
    return False


def _silence_output() -> None:
    """Sends the rest nowhere, or Python complains when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
