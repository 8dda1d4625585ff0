"""`gate-agent ended`: counts why a service has ended; systemd calls it, nobody needs to."""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

from edge_agent.device import settings as settings_of
from edge_agent.device import settings_file
from edge_agent.health import endings

log = logging.getLogger(__name__)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "ended", help="count why a service has ended (for systemd)", description=f"{__doc__} It takes SERVICE_RESULT from the environment."
    )
    parser.add_argument("unit", choices=endings.UNITS, help="which service")
    parser.add_argument("--config", type=Path, default=settings_of.DEFAULT_PATH, metavar="FILE", help="default: %(default)s")


def run(args: argparse.Namespace) -> int:
    """Counts it; 1 when it cannot be noted, 2 for a configuration error."""
    try:
        endings.note(settings_file.load(args.config).device.runtime, args.unit, os.environ.get("SERVICE_RESULT", ""))
    except OSError as error:
        log.error("why the service ended cannot be noted: %s", error)  # noqa: TRY400 - a message for people, not a fault of ours
        return 1
    return 0
