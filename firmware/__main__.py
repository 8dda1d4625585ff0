"""`gate-firmware`: what runs at the gate, as one command."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from edge_agent.base.command_line import Program, dispatch, guarded

_COMMANDS = {
    "run": "open the gate",
    "check": "test each configured part",
    "read": "decode picture files",
    "test-code": "draw a code to test cameras with",
    "parse": "say what the texts of codes mean",
}

_EPILOG = """\
examples:
  gate-firmware check                     is everything of this gate well?
  gate-firmware test-code test-code.png   a code to hold up to it, of nobody
  gate-firmware run                       open the gate
  gate-firmware read photo.jpg            what a picture's codes say
  gate-firmware parse --json < codes.txt  whom the texts of codes name

`gate-firmware COMMAND --help` shows each command's options and examples.
"""

PROGRAM = Program(
    name="gate-firmware",
    package="firmware",
    description="The gate itself: reads people's QR codes, records each passage sealed, and answers with light and sound.",
    epilog=_EPILOG,
    commands=_COMMANDS,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 2 for a wrong command line, 130 for Ctrl-C, else what the command says."""
    return guarded(lambda: dispatch(PROGRAM, argv), PROGRAM.name)


if __name__ == "__main__":
    sys.exit(main())
