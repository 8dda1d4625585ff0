"""`gate-agent`: carries sealed entries from this scanner to the province."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from edge_agent.base import logs
from edge_agent.base.command_line import Program, dispatch, guarded

_EPILOG = """\
examples:
  gate-agent run                          carry entries; before there is a province, wait for a ticket at the reader
  gate-agent enrol gate-1.bundle.json     join a province with a file instead
  gate-agent status                       how is this scanner?
  sudo gate-agent diagnose                one file about it, without secrets, to send to whoever helps
  gate-agent gate close                   let nobody in until `gate-agent gate open`
  gate-agent station pin                  a new PIN for the page on the keeper's phone

`gate-agent COMMAND --help` shows each command's options.
"""
PROGRAM = Program(
    name="gate-agent",
    package="edge_agent.shell",
    description="Carries sealed entries from this scanner to the province, and lets the outbox forget them when they are receipted.",
    epilog=_EPILOG,
    commands={
        "run": "carry entries to the province",
        "enrol": "join a province: with a ticket, an approval, or a file",
        "reset": "make this device nobody's again",
        "status": "show how this scanner is",
        "diagnose": "one file about this scanner, without secrets, for whoever helps",
        "gate": "close the gate, open it, or tell which it is",
        "station": "the keeper's page: make its PIN, show where it is",
        "update": "which version is in use, and whether one is on trial",
        "ended": "count why a service has ended (for systemd)",
    },
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 2 for a wrong command line or configuration, 130 for Ctrl-C."""
    return guarded(lambda: _told(argv), PROGRAM.name)


def _told(argv: Sequence[str] | None) -> int:
    logs.configure()  # its commands say what they do: reset, enrol
    return dispatch(PROGRAM, argv)


if __name__ == "__main__":
    sys.exit(main())
