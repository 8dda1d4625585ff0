"""gate-agent: carries sealed entries from this scanner to the province."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from edge_agent import enrol_command, logs, run_command, status_command

_EXAMPLES = """examples:
  gate-agent enrol gate-1.bundle.json     join a province (once)
  gate-agent run                          carry entries (the service gate-agent.service does this)
  gate-agent status                       how is this scanner?
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="gate-agent", description=__doc__, epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--verbose", action="store_true", help="log more")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (run_command, enrol_command, status_command):
        command.add_parser(subparsers)
    args = parser.parse_args(argv)
    logs.configure(verbose=args.verbose)
    try:
        code: int = args.run(args)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read us has gone: end quietly
        return 0
    return code


if __name__ == "__main__":
    sys.exit(main())
