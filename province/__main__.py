"""`gate-province`: the receiving end, as one command."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sqlite3
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from province.console import complain
from province.errors import AlreadyThere, NotAProvince, ProvinceError

# A command `name` lives in `province/name_command.py`, imported only when it is asked for.
_COMMANDS = {
    "demo": "the whole chain on this machine, with invented people",
    "init": "make a province: keys, register and broker configuration",
    "device": "add scanners, list them",
    "collect": "receive entries, register them, send receipts",
    "entries": "show passages, masked",
    "find": "count where and when one identifier passed",
    "logs": "show each device's log: range, gaps, forks, alerts",
    "quarantine": "show what was refused, and why",
}

_EPILOG = """\
examples:
  gate-province demo                               see everything work, on this machine
  gate-province init ./trial                       a new province
  gate-province device add ./trial --org cho-dong-ba --device cong-1 --site "Chợ Đông Ba" --gate "Cổng chính"
  mosquitto -c ./trial/mosquitto.conf              its broker
  gate-province collect ./trial                    its collector
  gate-province entries ./trial --limit 20         the latest passages, masked

`gate-province COMMAND --help` shows each command's options and examples.
Exit codes: 0 done, 1 could not be done, 2 wrong command line or not a province's folder, 130 Ctrl-C.
"""

_FAILED, _USAGE = 1, 2
_INTERRUPTED = 130  # as shells count: 128 + SIGINT
_PIPE_CLOSED = 141  # 128 + SIGPIPE


class _Command(Protocol):
    """What each command's file offers."""

    def add_parser(self, subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None: ...
    def run(self, args: argparse.Namespace) -> int: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code.

    Args:
        argv: the command line without the program's name; None takes it from the process.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a locale without Vietnamese letters shows \\u1ec5, it does not stop us
    given = sys.argv[1:] if argv is None else list(argv)
    name = next((word for word in given if word in _COMMANDS), None)
    command = None if name is None else cast(_Command, importlib.import_module(f"province.{name}_command"))
    try:
        args = _parser(name, command).parse_args(given)
        exit_code = 0 if command is None else command.run(args)
        sys.stdout.flush()
    except (NotAProvince, AlreadyThere) as error:
        complain(str(error))
        return _USAGE
    except ProvinceError as error:
        complain(str(error))
        return _FAILED
    except sqlite3.Error as error:  # while only reading: `database.transaction` explains what happens while writing
        complain(f"the register cannot be read now ({getattr(error, 'sqlite_errorname', type(error).__name__)}). Try again.")
        return _FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at its end
        return _PIPE_CLOSED
    return exit_code


def _parser(name: str | None, command: _Command | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gate-province",
        description="The receiving end: the province's keys, the collector of entries, and the register.",
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
