"""`gate-firmware`: what runs at the gate, as one command."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Protocol, cast

# A command `name` lives in `firmware/name_command.py`, imported only when it is asked for.
_COMMANDS = {
    "run": "open the gate",
    "check": "test each configured part",
    "read": "decode picture files",
    "parse": "say what the texts of codes mean",
}

_EPILOG = """\
examples:
  gate-firmware check                     is everything of this gate well?
  gate-firmware run                       open the gate
  gate-firmware read photo.jpg            what a picture's codes say
  gate-firmware parse --json < codes.txt  whom the texts of codes name

`gate-firmware COMMAND --help` shows each command's options and examples.
"""

_INTERRUPTED = 130  # as shells count: 128 + SIGINT
_PIPE_CLOSED = 141  # 128 + SIGPIPE


class _Command(Protocol):
    """What each command's file offers."""

    def add_parser(self, subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None: ...
    def run(self, args: argparse.Namespace) -> int: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 2 for a wrong command line, 130 for Ctrl-C, else what the command says.

    Args:
        argv: the command line without the program's name; None takes it from the process.
    """
    _open_missing_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a locale without Vietnamese letters shows \\u1ec5, it does not stop us
    given = sys.argv[1:] if argv is None else list(argv)
    name = next((word for word in given if word in _COMMANDS), None)
    command = None if name is None else cast(_Command, importlib.import_module(f"firmware.{name}_command"))
    try:
        args = _parser(name, command).parse_args(given)
        exit_code = 0 if command is None else command.run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at its end
        return _PIPE_CLOSED
    return exit_code


def _open_missing_streams() -> None:
    """Opens /dev/null where we were started without standard streams: nothing of ours may get their numbers and be written to."""
    streams = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
    for name, mode in streams:
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - open as long as the process lives


def _parser(name: str | None, command: _Command | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gate-firmware",
        description="The gate itself: reads people's QR codes, records each passage sealed, and answers with light and sound.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for each, summary in _COMMANDS.items():
        if command is not None and each == name:
            command.add_parser(subparsers)
        else:
            subparsers.add_parser(each, help=summary)
    return parser


if __name__ == "__main__":
    sys.exit(main())
